"""The recognisers' input scaling: a clip's level is taken out, as a person's own gain must not matter."""

import torch
from torch import Tensor

from affekt.models.pooling import frame_mask

SPREAD = 3.25  # natural-log units; about the standard deviation of a speech log-mel


def normalise_level(mel_BMF: Tensor, frames_B: Tensor | None = None) -> Tensor:
    """Subtract each clip's mean over bands and valid frames from its raw log-mel (B, M, F); 0 beyond the clip."""
    mask_BF = frame_mask(frames_B, mel_BMF.shape[-1], 1, mel_BMF.device)
    if mask_BF is None:
        return (mel_BMF - mel_BMF.mean(dim=(1, 2), keepdim=True)) / SPREAD
    weight_B1F = mask_BF[:, None]
    count_B11 = weight_B1F.sum(dim=(1, 2), keepdim=True) * mel_BMF.shape[1]
    mean_B11 = (mel_BMF * weight_B1F).sum(dim=(1, 2), keepdim=True) / count_B11
    return torch.where(weight_B1F > 0, (mel_BMF - mean_B11) / SPREAD, torch.zeros_like(mel_BMF))
