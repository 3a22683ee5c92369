"""Windows of one length cut from packed mels: what the GAN draws, and what its samples are compared with.

Axes: B batch, M mel bands, F frames, N all frames of the corpus.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from affekt.core.errors import UserError
from affekt.features.mel import LOG_FLOOR, normalise
from affekt.features.packed import Packed

N_FRAMES = 160  # 1.86 s


@dataclass(frozen=True)
class Crops:
    """The mels of some clips on the device, and the table that finds clips in them."""

    mel: Tensor  # (N, M), normalised
    offsets: Tensor  # int64, first frame of each clip
    frames: Tensor  # int64

    @classmethod
    def of(cls, mel_NM: np.ndarray, offsets: np.ndarray, frames: np.ndarray, device: torch.device) -> "Crops":
        """Take raw log mels (all frames, N_MELS) and the clips' places; only these clips' frames are kept."""
        if len(offsets) == 0:
            raise UserError("the GAN has no clip to train on or to be compared with: check the splits of the corpus")
        kept = np.concatenate([mel_NM[start : start + n] for start, n in zip(offsets, frames, strict=True)])
        ends = np.cumsum(frames)
        return cls(
            normalise(torch.from_numpy(kept)).to(device),
            torch.from_numpy(ends - frames),
            torch.from_numpy(np.array(frames, np.int64)),
        )

    @classmethod
    def of_half(cls, packed: Packed, half: str, device: torch.device) -> "Crops":
        """Take the clips of half a, on which generators train, or of half b."""
        chosen = packed.clips["half"].to_numpy() == half
        return cls.of(packed.mel, packed.offsets[chosen], packed.frames[chosen], device)

    def draw(self, clip_B: Tensor, rng: torch.Generator) -> Tensor:
        """Cut a window of N_FRAMES from each clip, at random; normalised (B, M, F).

        A shorter clip lies at a random place in silence.
        """
        spare_B = self.frames[clip_B] - N_FRAMES
        part_B = torch.rand(len(clip_B), generator=rng, dtype=torch.float64)
        start_B = torch.minimum(spare_B, torch.zeros_like(spare_B)) + (part_B * (spare_B.abs() + 1)).long()
        return self.cut(clip_B, start_B)

    def cut(self, clip_B: Tensor, start_B: Tensor) -> Tensor:
        """Cut the window that starts at these frames of these clips; silence before and after; (B, M, F)."""
        place_BF = start_B[:, None] + torch.arange(N_FRAMES)
        inside_BF = (place_BF >= 0) & (place_BF < self.frames[clip_B, None])
        index_BF = (self.offsets[clip_B, None] + place_BF).clamp(0, len(self.mel) - 1)
        device = self.mel.device
        mel_BFM = self.mel[index_BF.to(device)]
        return torch.where(inside_BF.to(device)[..., None], mel_BFM, silence()).transpose(1, 2)


def silence() -> float:
    """The log floor in normalised units."""
    return float(normalise(torch.tensor(math.log(LOG_FLOOR))))
