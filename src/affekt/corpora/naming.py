"""RAVDESS's file names, which the demo corpus uses too: modality-vocal-emotion-intensity-statement-repetition-actor.

Source: Livingstone & Russo (2018), "The Ryerson Audio-Visual Database of Emotional Speech and Song", PLoS ONE
13(5), section "Filename convention".
"""

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from affekt.corpora.corpus import ClipFacts
from affekt.corpora.table import EMOTIONS, INTENSITIES

_AUDIO_ONLY, _SPEECH = "03", "01"
_NAME = re.compile(r"[0-9]{2}(-[0-9]{2}){6}")


@dataclass(frozen=True)
class ClipName:
    """What a file's name says; an even actor is a woman, an odd one a man."""

    emotion: str
    intensity: str
    statement: str  # two digits
    repetition: int
    actor: int

    @property
    def gender(self) -> str:
        return "f" if self.actor % 2 == 0 else "m"

    @property
    def stem(self) -> str:
        """The file's name without extension."""
        emotion, intensity = EMOTIONS.index(self.emotion) + 1, INTENSITIES.index(self.intensity) + 1
        return (
            f"{_AUDIO_ONLY}-{_SPEECH}-{emotion:02d}-{intensity:02d}-{self.statement}"
            f"-{self.repetition:02d}-{self.actor:02d}"
        )

    @property
    def path(self) -> str:
        """The file's place without extension, "Actor_07/03-01-…-07"."""
        return f"Actor_{self.actor:02d}/{self.stem}"

    def facts(self, corpus: str) -> ClipFacts:
        """The clip's facts in a corpus that uses these names."""
        speaker = f"{corpus}-{self.actor:02d}"
        return ClipFacts(
            clip_id=f"{speaker}-{self.emotion}-{self.intensity}-{self.statement}-{self.repetition}",
            speaker=speaker,
            gender=self.gender,
            emotion=self.emotion,
            intensity=self.intensity,
            statement=self.statement,
            repetition=self.repetition,
        )


def read_path(path: PurePosixPath, corpus: str) -> ClipFacts:
    """Read a file's path in a corpus that uses these names; ValueError says which part is wrong."""
    return parse_name(path.stem).facts(corpus)


def parse_name(stem: str) -> ClipName:
    """Read a file's name without extension; ValueError says which part is wrong."""
    if not _NAME.fullmatch(stem):
        raise ValueError("wrongly named: must be seven two-digit numbers such as 03-01-05-02-01-01-24")
    modality, vocal, emotion, intensity, statement, repetition, actor = stem.split("-")
    if modality != _AUDIO_ONLY or vocal != _SPEECH:
        raise ValueError(f"wrongly named: begins {modality}-{vocal}, audio-only speech begins 03-01")
    if not 1 <= int(emotion) <= len(EMOTIONS):
        raise ValueError(f"wrongly named: emotion {emotion} is not one of 01 to {len(EMOTIONS):02d}")
    if not 1 <= int(intensity) <= len(INTENSITIES):
        raise ValueError(f"wrongly named: intensity {intensity} is neither 01 nor 02")
    if emotion == "01" and intensity == "02":
        raise ValueError("wrongly named: neutral has no strong intensity")
    for what, value in (("statement", statement), ("repetition", repetition), ("actor", actor)):
        if value == "00":
            raise ValueError(f"wrongly named: {what} 00; they count from 01")
    return ClipName(EMOTIONS[int(emotion) - 1], INTENSITIES[int(intensity) - 1], statement, int(repetition), int(actor))
