"""The envelope of a mel: what is left of it without harmonics. Axes: B batch, M mel bands, F frames, N of all clips."""

import torch
import torch.nn.functional as F
from torch import Tensor

BLUR, REACH = 2.0, 8  # bands: deviation and half length of what takes harmonics off


def blur_bands(x_BMF: Tensor) -> Tensor:
    """Return means over neighbouring bands, weighted by a Gaussian of BLUR bands."""
    away_K = torch.arange(-REACH, REACH + 1, device=x_BMF.device)
    weight_K = torch.exp(-(away_K**2) / (2 * BLUR**2))
    padded_NM = F.pad(x_BMF.transpose(1, 2), (REACH, REACH), mode="replicate").flatten(0, 1)
    blurred_NM = F.conv1d(padded_NM[:, None], (weight_K / weight_K.sum())[None, None])[:, 0]
    return blurred_NM.unflatten(0, (x_BMF.shape[0], x_BMF.shape[2])).transpose(1, 2)
