"""Networks without training that hear something: which bands are loud, in a clip or at each frame."""

import torch
from torch import Tensor, nn

from affekt.models.normalise import normalise_level
from affekt.models.pooling import frame_mask

GROUPS = 8  # of ten bands


class LoudBands(nn.Module):
    """Logits (B, 8): mean normalised level of each ten bands over a clip's frames, times a sharpness."""

    def __init__(self, sharpness: float = 20.0, shift: int = 0):
        super().__init__()
        self.sharpness, self.shift = sharpness, shift

    def forward(self, mel_BMF: Tensor, frames_B: Tensor | None = None) -> Tensor:
        total_BM = normalise_level(mel_BMF, frames_B).sum(-1)
        frames = mel_BMF.shape[-1] if frames_B is None else frames_B[:, None].to(mel_BMF)
        return self.sharpness * (total_BM / frames).unflatten(1, (GROUPS, -1)).mean(-1).roll(self.shift, 1)


class LoudFrames(nn.Module):
    """A content network of 8 classes: the same at every frame, (B, 8, F)."""

    def log_posteriors(self, mel_BMF: Tensor, frames_B: Tensor | None = None) -> Tensor:
        level_BMF = normalise_level(mel_BMF, frames_B)
        return (2 * level_BMF.unflatten(1, (GROUPS, -1)).mean(2)).log_softmax(1)

    @staticmethod
    def mask(frames_B: Tensor | None, output_BCF: Tensor) -> Tensor | None:
        return frame_mask(frames_B, output_BCF.shape[-1], 1, torch.device("cpu"))
