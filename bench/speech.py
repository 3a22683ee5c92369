"""Speech to measure with that anyone can make: the demo corpus, spoken anew by eSpeak NG into a temporary folder.

How long a clip is decides what it costs: every bench writes the seconds that it was given beside its figures.
"""

import time
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd
import torch

from affekt.core.params import DemoParams
from affekt.corpora import demo
from affekt.corpora.request import FetchRequest
from affekt.features.mel import SAMPLE_RATE, log_mel
from affekt.features.packed import Packed, frame_table

FACTS = Path(__file__).resolve().parents[1] / "data" / "corpora" / "demo"
VOICES = 8
INT16 = np.float32(1 / 32768)


@dataclass(frozen=True)
class Speech:
    """Clips as the pipeline packs them, and each as a WAV of its own in the same order."""

    packed: Packed
    files: list[Path]
    mel_seconds: float  # of processor time that all mels took, one after another

    @property
    def seconds(self) -> float:
        """The length of all clips."""
        return len(self.packed.audio) / SAMPLE_RATE

    def waves(self) -> list[np.ndarray]:
        """Every clip as float32 samples."""
        return [self.packed.waveform(i) for i in range(len(self.packed))]

    def stretch(self, seconds: float) -> np.ndarray:
        """So many seconds of the clips one after another, from the first again where they end."""
        samples = round(seconds * SAMPLE_RATE)
        return np.resize(self.packed.audio, samples).astype(np.float32) * INT16

    def facts(self) -> dict[str, float | str]:
        """What the figures were measured on, for the JSON."""
        clips = len(self.packed)
        return {"speech/source": "demo corpus, eSpeak NG", "speech/clips": clips, "speech/seconds": self.seconds}


def speak(folder: Path, statements: int) -> Speech:
    """Let 8 voices say so many statements in 8 emotions and 2 intensities: 120 clips per statement."""
    raw = folder / "raw"
    size = DemoParams(voices=VOICES, statements=statements, repetitions=1)
    demo.fetch(FetchRequest(FACTS, raw, folder / "work", folder / "downloads", mirror=None, size=size, seed=0))
    files = sorted(raw.rglob("*.wav"))
    return pack(files, raw)


def pack(files: list[Path], raw: Path) -> Speech:
    """Read WAVs into one array with its table and mels, as `prepare` and `features` do, untrimmed."""
    import soundfile

    samples = [soundfile.read(path, dtype="int16")[0] for path in files]
    read = demo.CORPUS.reader(FACTS, raw)
    facts = [read(PurePosixPath(path.relative_to(raw).as_posix())) for path in files]
    lengths = np.array([len(one) for one in samples])
    clips = pd.DataFrame(
        {
            "clip_id": [fact.clip_id for fact in facts],
            "speaker": [fact.speaker for fact in facts],
            "gender": [fact.gender for fact in facts],
            "emotion": [fact.emotion for fact in facts],
            "offset": lengths.cumsum() - lengths,
            "frames": lengths,
        }
    )
    audio, table = np.concatenate(samples), frame_table(clips)
    started = time.process_time()
    mel = np.concatenate([log_mel(torch.from_numpy(one * INT16)).T.numpy() for one in samples])
    spent = time.process_time() - started
    places = {name: table[column].to_numpy(np.int64) for name, column in (("offsets", "offset"), ("frames", "frames"))}
    unused = np.zeros((0, 0), np.float32)
    return Speech(Packed(clips, audio, mel, mfcc=unused, f0=unused, speaker=unused, **places), files, spent)
