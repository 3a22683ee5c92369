"""What the recogniser hears in one recording, whole and in windows over time.

Axes: B batch (windows), T samples, M mel bands, F frames.
"""

import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from affekt.core.errors import UserError
from affekt.core.params import PrepareParams

if TYPE_CHECKING:
    import numpy as np
    import torch
    from torch import nn

WHOLE_S = 4.0  # a corpus's clips are about this long: heard in one piece up to here
WINDOW_S = 2.0  # about the crops that the recogniser trains on
SHORTEST_S = 0.25  # of sound; less holds no syllable to judge
BATCH = 64  # windows at a time
SILENCE = "silence"


@dataclass(frozen=True)
class Window:
    """A stretch of a recording and how likely each emotion is in it; no probabilities where it is silent."""

    start_s: float
    end_s: float
    probabilities: dict[str, float]

    @property
    def emotion(self) -> str:
        """The likeliest emotion, or silence."""
        return ranked(self.probabilities)[0][0] if self.probabilities else SILENCE


@dataclass(frozen=True)
class Verdict:
    """What was heard in one recording; seconds count the sound, without the silence around it."""

    path: str
    seconds: float
    probabilities: dict[str, float]
    windows: list[Window]

    @property
    def emotion(self) -> str:
        """The likeliest emotion."""
        return ranked(self.probabilities)[0][0]


def hear(path: Path, model: "nn.Module", prepare: PrepareParams, device: "torch.device") -> Verdict:
    """Decode, trim and classify one recording; UserError when it cannot be read or holds too little sound."""
    from affekt.corpora.audio import read_audio, trim_bounds
    from affekt.features.mel import SAMPLE_RATE

    waveform_T = read_audio(path)
    start, stop = trim_bounds(waveform_T, prepare.trim_db, prepare.trim_margin_s)  # times count from the file's start
    sound_T = waveform_T[start:stop]
    if len(sound_T) < SHORTEST_S * SAMPLE_RATE:
        raise UserError(
            f"{path}: holds only {len(sound_T) / SAMPLE_RATE:.2f} s of sound, and {SHORTEST_S} s are needed"
        )
    bounds = window_bounds(len(sound_T), SAMPLE_RATE)
    loud = [is_loud(sound_T[a:b], sound_T, prepare.trim_db) for a, b in bounds]
    heard = classify([sound_T[a:b] for (a, b), keep in zip(bounds, loud, strict=True) if keep], model, device)
    found = iter(heard)
    windows = [
        Window((start + a) / SAMPLE_RATE, (start + b) / SAMPLE_RATE, next(found) if keep else {})
        for (a, b), keep in zip(bounds, loud, strict=True)
    ]
    mean = {emotion: sum(one[emotion] for one in heard) / len(heard) for emotion in heard[0]}
    return Verdict(str(path), len(sound_T) / SAMPLE_RATE, mean, windows)


def window_bounds(samples: int, rate: int) -> list[tuple[int, int]]:
    """Sample ranges that cover a recording: one when it is short, else equal windows of about WINDOW_S."""
    count = 1 if samples <= WHOLE_S * rate else round(samples / (WINDOW_S * rate))
    edges = [samples * i // count for i in range(count + 1)]
    return list(itertools.pairwise(edges))


def is_loud(window_T: "np.ndarray", sound_T: "np.ndarray", trim_db: float) -> bool:
    """Whether a window's peak is within trim_db of the recording's; a pause in speech is not."""
    return bool(abs(window_T).max() > abs(sound_T).max() * 10 ** (-trim_db / 20))


def classify(stretches: list["np.ndarray"], model: "nn.Module", device: "torch.device") -> list[dict[str, float]]:
    """The probability of each emotion in each stretch of audio; stretches of unequal length are padded."""
    import torch

    from affekt.corpora.table import EMOTIONS
    from affekt.features.mel import LOG_FLOOR, N_MELS, log_mel

    probabilities = []
    with torch.inference_mode():
        for first in range(0, len(stretches), BATCH):
            mels = [log_mel(torch.from_numpy(one.copy()).to(device)) for one in stretches[first : first + BATCH]]
            frames_B = torch.tensor([mel.shape[-1] for mel in mels], device=device)
            longest = int(frames_B.max())
            mel_BMF = torch.full((len(mels), N_MELS, longest), LOG_FLOOR, device=device).log()
            for row, mel in zip(mel_BMF, mels, strict=True):
                row[:, : mel.shape[-1]] = mel
            probabilities += model(mel_BMF, frames_B).softmax(-1).tolist()
    return [dict(zip(EMOTIONS, row, strict=True)) for row in probabilities]


def ranked(probabilities: dict[str, float]) -> list[tuple[str, float]]:
    """Emotions, the likeliest first."""
    return sorted(probabilities.items(), key=lambda item: -item[1])
