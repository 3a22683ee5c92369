"""The recognisers' input scaling: a clip's level is taken out, as a person's own gain must not matter."""

import torch
from torch import Tensor

from affekt.models.pooling import clip_mean, frame_mask

SPREAD = 3.25  # natural-log units; about the standard deviation of a speech log-mel


def normalise_level(mel_BMF: Tensor, frames_B: Tensor | None = None) -> Tensor:
    """Subtract each clip's mean over bands and valid frames from its raw log-mel (B, M, F); 0 beyond the clip."""
    mask_BF = frame_mask(frames_B, mel_BMF.shape[-1], 1, mel_BMF.device)
    centred_BMF = (mel_BMF - clip_mean(mel_BMF, mask_BF)) / SPREAD
    return centred_BMF if mask_BF is None else torch.where(mask_BF[:, None] > 0, centred_BMF, 0.0)
