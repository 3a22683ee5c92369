"""What the corpora that are spoken here share: their tables of voices, and from plans to WAVs."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np

from affekt.core.errors import UserError
from affekt.core.seeds import numpy_rng
from affekt.corpora.espeak import SAMPLE_RATE, Utterance, speak
from affekt.corpora.request import FetchRequest
from affekt.corpora.voicing import Quality, finish

WORDS_PER_MINUTE = 165  # a neutral reading
SPEECH_DB = -27.0  # RMS of a neutral clip, dB of full scale


@dataclass(frozen=True)
class Plan:
    """One clip: where it goes, what eSpeak says, and what is done to it then."""

    path: str  # below the raw folder, without extension; its last part seeds what the finishing draws
    utterance: Utterance
    quality: Quality


def speak_plans(request: FetchRequest, plans: Sequence[Plan]) -> None:
    """Speak every plan into `request.out`, WAV by WAV."""
    sounds = speak(plan.utterance for plan in plans)
    for plan, sound in request.progress(zip(plans, sounds, strict=True), "clips spoken", len(plans)):
        rng = numpy_rng(request.seed, plan.path.rsplit("/", 1)[-1], "voicing")
        _write_wav(request.out / f"{plan.path}.wav", finish(sound / np.float32(32768), plan.quality, rng))


def read_rows(path: Path, kind: type) -> list[Any]:
    """Read a CSV whose columns are the fields of a dataclass, typed as these are."""
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    types = get_type_hints(kind)
    if not rows or list(rows[0]) != list(types):
        raise UserError(f"{path}: must have rows with the columns {', '.join(types)}")
    try:
        return [kind(**{name: convert(row[name]) for name, convert in types.items()}) for row in rows]
    except ValueError as error:
        raise UserError(f"{path}: holds a value that is no number ({error})") from None


def bounded(value: float, low: int, high: int) -> int:
    """Round to a whole number that one of eSpeak's parameters takes."""
    return int(min(high, max(low, round(float(value)))))


def _write_wav(path: Path, samples: np.ndarray) -> None:
    import soundfile

    path.parent.mkdir(parents=True, exist_ok=True)  # the whole folder is renamed when done: no care per file
    soundfile.write(path, samples, SAMPLE_RATE, subtype="PCM_16", format="WAV")
