"""Random segments of packed audio, read where it lies: what vocoders train on.

Axes: B batch, T samples.
"""

import numpy as np
import torch
from torch import Tensor

from affekt.core.errors import UserError

GAIN_DB = 6.0  # a segment's level is moved by up to this much: recordings of others are not levelled as the corpus


class Segments:
    """Segments of the given clips; the audio stays where it is, memory-mapped, and only what is drawn is read."""

    def __init__(self, audio_T: np.ndarray, offsets: np.ndarray, frames: np.ndarray, samples: int):
        """`audio_T` int16, all clips back to back; `offsets` and `frames` of the training clips, in samples."""
        if len(offsets) == 0:
            raise UserError("the vocoder has no clip to train on: check the splits of the corpus")
        self.audio_T = audio_T
        self.offsets = torch.from_numpy(np.array(offsets, np.int64))
        self.frames = torch.from_numpy(np.array(frames, np.int64))
        self.samples = samples

    def draw(self, count: int, rng: torch.Generator) -> Tensor:
        """Segments in about -1..1, float32 (count, samples), on the CPU; after a shorter clip follows silence."""
        clip_B = torch.randint(len(self.offsets), (count,), generator=rng)
        spare_B = (self.frames[clip_B] - self.samples).clamp(min=0)
        start_B = (torch.rand(count, generator=rng, dtype=torch.float64) * (spare_B + 1)).long()
        gain_B1 = 10 ** ((2 * torch.rand(count, 1, generator=rng) - 1) * GAIN_DB / 20)
        segment_BT = torch.zeros(count, self.samples)
        for segment_T, clip, start in zip(segment_BT, clip_B.tolist(), start_B.tolist(), strict=True):
            begin, stop = int(self.offsets[clip]) + start, int(self.offsets[clip] + self.frames[clip])
            part = self.audio_T[begin : min(begin + self.samples, stop)]
            segment_T[: len(part)] = torch.from_numpy(part.astype(np.float32))
        return segment_BT / 32768 * gain_B1
