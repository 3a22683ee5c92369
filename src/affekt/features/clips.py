"""Clips of a packed corpus on the device, with their labels, as recognisers hear them: mels, waveforms, spectrograms.

Axes: B clips, F frames, M mel bands, K frequency bins, T samples, N all samples.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from affekt.core.errors import UserError
from affekt.features.labels import labels_of
from affekt.features.packed import Packed
from affekt.features.spectrogram import Resolution, root, spectrum

INT16_SCALE = 1 / 32768


@dataclass(frozen=True)
class Clips:
    """Whole mels side by side on the device."""

    mel_BFM: Tensor  # raw log-mels (clips, longest, 80)
    frames_B: Tensor
    label_B: Tensor

    @classmethod
    def of(cls, packed: Packed, rows: np.ndarray, device: torch.device, labels: str = "emotion") -> "Clips":
        """Take these rows of a packed corpus."""
        label_B = _labels(packed, rows, labels)
        mel_BFM, frames_B = packed.padded(rows)
        return cls(mel_BFM.to(device), frames_B.to(device), label_B.to(device))

    @classmethod
    def of_half(cls, packed: Packed, half: str, device: torch.device) -> "Clips":
        """Take the clips of one half of the speakers."""
        return cls.of(packed, np.flatnonzero(packed.clips["half"].to_numpy() == half), device)

    def lengths(self) -> Tensor:
        """Frames of each clip."""
        return self.frames_B

    def whole(self, rows_B: Tensor) -> tuple[Tensor, Tensor]:
        """Return whole clips as a network takes them, padded to the longest, and their lengths."""
        frames_B = self.frames_B[rows_B]
        return self.mel_BFM[rows_B, : int(frames_B.max())].transpose(1, 2), frames_B


@dataclass(frozen=True)
class Waves:
    """Waveforms, one after another, on the device."""

    audio_N: Tensor  # int16
    offset_B: Tensor  # first sample of each clip
    samples_B: Tensor
    label_B: Tensor

    @classmethod
    def of(cls, packed: Packed, rows: np.ndarray, device: torch.device, labels: str = "emotion") -> "Waves":
        """Take these rows of a packed corpus; only their samples are kept, once for a row that is there twice."""
        label_B = _labels(packed, rows, labels)
        kept, place_B = np.unique(rows, return_inverse=True)
        chosen = packed.clips.iloc[kept]
        spans = zip(chosen["offset"], chosen["frames"], strict=True)
        audio_N = np.concatenate([packed.audio[offset : offset + samples] for offset, samples in spans])
        samples = chosen["frames"].to_numpy(np.int64)
        places = (torch.from_numpy(each[place_B]) for each in (np.cumsum(samples) - samples, samples))
        return cls(*(x.to(device) for x in (torch.from_numpy(audio_N), *places, label_B)))

    def lengths(self) -> Tensor:
        """Samples of each clip."""
        return self.samples_B

    def segment(self, row: int, start: int, length: int) -> Tensor:
        """Read samples of one clip in [-1, 1) from a place that may lie outside of it; zeros there."""
        offset, samples = int(self.offset_B[row]), int(self.samples_B[row])
        inside = slice(min(max(start, 0), samples), min(max(start + length, 0), samples))
        part_T = self.audio_N[offset + inside.start : offset + inside.stop].float() * INT16_SCALE
        before = min(max(-start, 0), length)
        return torch.nn.functional.pad(part_T, (before, length - before - len(part_T)))

    def whole(self, rows_B: Tensor) -> tuple[Tensor, Tensor]:
        """Return whole clips, followed by zeros, and their lengths in samples."""
        samples_B = self.samples_B[rows_B]
        longest = int(samples_B.max())
        return torch.stack([self.segment(row, 0, longest) for row in rows_B.tolist()]), samples_B


@dataclass(frozen=True)
class Spectrograms:
    """Waveforms that are heard as root magnitudes of their spectrum."""

    waves: Waves
    resolution: Resolution
    label_B: Tensor

    def lengths(self) -> Tensor:
        """Frames of each clip."""
        return self.waves.samples_B // self.resolution.hop_length + 1

    def transform(self, wave_BT: Tensor) -> Tensor:
        """Root magnitudes (B, K, F) of waveforms."""
        return root(spectrum(wave_BT, self.resolution))

    def whole(self, rows_B: Tensor) -> tuple[Tensor, Tensor]:
        """Return spectrograms of whole clips and their lengths in frames."""
        # One by one: at its end a clip is reflected into the transform, which padding would replace by zeros.
        samples_B = self.waves.samples_B[rows_B]
        spans = zip(rows_B.tolist(), samples_B.tolist(), strict=True)
        parts = [self.transform(self.waves.segment(row, 0, samples)[None])[0] for row, samples in spans]
        longest = max(part.shape[-1] for part in parts)
        padded = [torch.nn.functional.pad(part, (0, longest - part.shape[-1])) for part in parts]
        return torch.stack(padded), samples_B // self.resolution.hop_length + 1


Heard = Clips | Waves | Spectrograms  # clips of any kind


def _labels(packed: Packed, rows: np.ndarray, kind: str) -> Tensor:
    if len(rows) == 0:
        raise UserError("a recogniser has no clips: check the splits of the corpus")
    return torch.tensor(labels_of(packed.clips.iloc[rows], kind))
