"""Attentive statistics pooling, and masks for clips of different lengths in one batch.

Axes: B clips, C channels, M mel bands, F frames.
"""

import torch
from torch import Tensor, nn

VARIANCE_FLOOR = 1e-4  # under the square root: its gradient is endless at 0


def frame_mask(frames_B: Tensor | None, total: int, stride: int, device: torch.device) -> Tensor | None:
    """Return 1 where a down-sampled frame lies in its clip, shape (B, total), or None when all do."""
    if frames_B is None:
        return None
    valid_B = torch.div(frames_B + stride - 1, stride, rounding_mode="floor").clamp(min=1)
    return (torch.arange(total, device=device)[None] < valid_B[:, None].to(device)).float()


def clip_mean(x_BNF: Tensor, mask_BF: Tensor | None) -> Tensor:
    """Return each clip's mean over its bands or bins and its valid frames, shape (B, 1, 1)."""
    if mask_BF is None:
        return x_BNF.mean(dim=(1, 2), keepdim=True)
    weight_B1F = mask_BF[:, None]
    count_B11 = weight_B1F.sum(dim=(1, 2), keepdim=True) * x_BNF.shape[1]
    return (x_BNF * weight_B1F).sum(dim=(1, 2), keepdim=True) / count_B11


class AttentiveStatistics(nn.Module):
    """Weighted mean and standard deviation over time (Okabe, Koshinaka & Shinoda 2018, section 3)."""

    def __init__(self, channels: int, hidden: int):
        super().__init__()
        self.score = nn.Sequential(nn.Conv1d(channels, hidden, 1), nn.Tanh(), nn.Conv1d(hidden, channels, 1))

    def forward(self, x_BCF: Tensor, mask_BF: Tensor | None = None) -> Tensor:
        """Pool (B, C, F) to (B, 2C); frames whose mask is 0 have no weight."""
        score_BCF = self.score(x_BCF).float()
        if mask_BF is not None:
            score_BCF = score_BCF.masked_fill(mask_BF[:, None] == 0, float("-inf"))
        weight_BCF = score_BCF.softmax(dim=-1)
        x_BCF = x_BCF.float()
        mean_BC = (weight_BCF * x_BCF).sum(-1)
        variance_BC = (weight_BCF * (x_BCF - mean_BC[..., None]).square()).sum(-1)
        return torch.cat([mean_BC, (variance_BC + VARIANCE_FLOOR).sqrt()], dim=1)
