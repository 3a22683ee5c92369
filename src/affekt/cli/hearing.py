"""What a recogniser hears in one recording, whole and in windows over time.

Axes: B batch (windows), T samples, M mel bands, F frames.
"""

import itertools
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from affekt.cli.networks import VOICES
from affekt.core.errors import UserError
from affekt.core.params import PrepareParams

if TYPE_CHECKING:
    import numpy as np
    import torch
    from torch import Tensor, nn

    from affekt.models.registry import NetworkSpec

WHOLE_S = 4.0  # a corpus's clips are about this long: heard in one piece up to here
WINDOW_S = 2.0  # about the crops that the recogniser trains on
SHORTEST_S = 0.25  # of sound; less holds no syllable to judge
BATCH = 64  # windows at a time
SILENCE = "silence"


@dataclass(frozen=True)
class Window:
    """A stretch of a recording and how likely each class is in it; no probabilities where it is silent."""

    start_s: float
    end_s: float
    probabilities: dict[str, float]

    @property
    def likeliest(self) -> str:
        """The likeliest class, or silence."""
        return ranked(self.probabilities)[0][0] if self.probabilities else SILENCE


@dataclass(frozen=True)
class Verdict:
    """What was heard in one recording; seconds count the sound, without the silence around it."""

    path: str
    seconds: float
    kind: str  # of its classes: emotion or gender
    probabilities: dict[str, float]
    windows: list[Window]

    @property
    def likeliest(self) -> str:
        """The likeliest class."""
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
    mean = {name: sum(one[name] for one in heard) / len(heard) for name in heard[0]}
    kind = "gender" if set(mean) == set(VOICES.values()) else "emotion"
    return Verdict(str(path), len(sound_T) / SAMPLE_RATE, kind, mean, windows)


def window_bounds(samples: int, rate: int) -> list[tuple[int, int]]:
    """Sample ranges that cover a recording: one when it is short, else equal windows of about WINDOW_S."""
    count = 1 if samples <= WHOLE_S * rate else round(samples / (WINDOW_S * rate))
    edges = [samples * i // count for i in range(count + 1)]
    return list(itertools.pairwise(edges))


def is_loud(window_T: "np.ndarray", sound_T: "np.ndarray", trim_db: float) -> bool:
    """Whether a window's peak is within trim_db of the recording's; a pause in speech is not."""
    return bool(abs(window_T).max() > abs(sound_T).max() * 10 ** (-trim_db / 20))


def classify(stretches: list["np.ndarray"], model: "nn.Module", device: "torch.device") -> list[dict[str, float]]:
    """The probability of what the model names in each stretch of audio, whatever kind of input it hears."""
    import torch

    from affekt.corpora.table import EMOTIONS, GENDERS
    from affekt.models.registry import spec_of

    spec = spec_of(model)
    labels = "emotion" if spec is None else spec.labels  # the judge, which is in no registry, names emotions
    names = [VOICES[gender] for gender in GENDERS] if labels == "gender" else EMOTIONS
    probabilities = []
    with torch.inference_mode():
        for first in range(0, len(stretches), BATCH):
            waves = [torch.from_numpy(one.copy()) for one in stretches[first : first + BATCH]]
            share_BE = model(*model_input(waves, spec, device)).softmax(-1)
            if labels == "emotion_gender":
                share_BE = share_BE.unflatten(1, (len(EMOTIONS), len(GENDERS))).sum(2)
            probabilities += share_BE.tolist()
    return [dict(zip(names, row, strict=True)) for row in probabilities]


def model_input(waves: list["Tensor"], spec: "NetworkSpec | None", device: "torch.device") -> tuple["Tensor", "Tensor"]:
    """Stretches side by side as a network hears them, with their lengths in frames or samples."""
    import torch

    from affekt.features.mel import LOG_FLOOR, log_mel
    from affekt.features.spectrogram import Resolution, root, spectrum

    kind, filling = "mel" if spec is None else spec.input, 0.0
    if kind == "mel":
        parts, filling = [log_mel(wave.to(device)) for wave in waves], math.log(LOG_FLOOR)
    elif kind == "audio":
        parts = [wave.to(device) for wave in waves]
    else:
        assert spec is not None, "only the registry's networks hear spectrograms"
        resolution = Resolution(**dict(spec.config))
        parts = [root(spectrum(wave[None].to(device), resolution))[0] for wave in waves]
    lengths_B = torch.tensor([part.shape[-1] for part in parts], device=device)
    padded = [torch.nn.functional.pad(p, (0, int(lengths_B.max()) - p.shape[-1]), value=filling) for p in parts]
    return torch.stack(padded), lengths_B


def ranked(probabilities: dict[str, float]) -> list[tuple[str, float]]:
    """Classes, the likeliest first."""
    return sorted(probabilities.items(), key=lambda item: -item[1])
