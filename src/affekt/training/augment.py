"""Random views of mels for training recognisers: crop, stretch, band shift, level, masks, mixup.

Axes: B clips, M mel bands, F frames. Everything is drawn from the generator that is passed in.
"""

import torch
from torch import Tensor

STRETCH = 0.15  # speed of a view: 1 - STRETCH to 1 + STRETCH
BAND_SHIFT = 3.0  # mel bands up or down, which moves pitch and formants
TILT = 0.6  # log units over the whole frequency axis, as another microphone would
MASKED_BANDS = 12
MASKED_FRAMES = 24
MASKS = 2


def draw(rng: torch.Generator, shape: tuple[int, ...], low: float, high: float, device: torch.device) -> Tensor:
    """Draw uniform numbers on the CPU, so that every device sees the same ones."""
    return (low + (high - low) * torch.rand(shape, generator=rng)).to(device)


def random_views(mel_BFM: Tensor, frames_B: Tensor, crop: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Cut one stretched and shifted window of `crop` frames from each clip.

    Returns mels (B, M, crop), padding beyond a clip's end, and the number of valid frames (B,).
    """
    batch, total, bands = mel_BFM.shape
    device = mel_BFM.device
    speed_B = draw(rng, (batch,), 1 - STRETCH, 1 + STRETCH, device)
    stretched_B = torch.div(frames_B - 1, speed_B, rounding_mode="floor") + 1  # the last one reads the last frame
    start_B = (draw(rng, (batch,), 0, 1, device) * (stretched_B - crop).clamp(min=0)).floor()
    time_BF = (start_B[:, None] + torch.arange(crop, device=device)) * speed_B[:, None]
    time_BF = time_BF.clamp(max=total - 1)
    view_BFM = interpolate(mel_BFM, time_BF)
    shift_B = draw(rng, (batch,), -BAND_SHIFT, BAND_SHIFT, device)
    band_BM = (torch.arange(bands, device=device)[None] + shift_B[:, None]).clamp(0, bands - 1)
    view_BMF = interpolate(view_BFM.transpose(1, 2), band_BM)
    tilt_B = draw(rng, (batch,), -TILT, TILT, device)
    view_BMF = view_BMF + tilt_B[:, None, None] * torch.linspace(-0.5, 0.5, bands, device=device)[None, :, None]
    valid_B = torch.minimum(stretched_B - start_B, torch.full_like(start_B, crop)).long()
    return view_BMF, valid_B


def interpolate(x_BNC: Tensor, position_BN: Tensor) -> Tensor:
    """Read axis 1 at fractional positions, linearly."""
    low_BN = position_BN.floor().long()
    high_BN = (low_BN + 1).clamp(max=x_BNC.shape[1] - 1)
    part_BN1 = (position_BN - low_BN)[..., None]
    rows = torch.arange(len(x_BNC), device=x_BNC.device)[:, None]
    return x_BNC[rows, low_BN] * (1 - part_BN1) + x_BNC[rows, high_BN] * part_BN1


def mask(mel_BMF: Tensor, rng: torch.Generator) -> Tensor:
    """Overwrite random bands and frames with the clip's mean (SpecAugment, Park et al. 2019)."""
    batch, bands, frames = mel_BMF.shape
    device = mel_BMF.device
    hidden = torch.zeros(batch, bands, frames, dtype=torch.bool, device=device)
    for _ in range(MASKS):
        for axis, size, widest in ((1, bands, MASKED_BANDS), (2, frames, MASKED_FRAMES)):
            width_B = draw(rng, (batch,), 0, widest, device)
            start_B = draw(rng, (batch,), 0, 1, device) * (size - width_B)
            index = torch.arange(size, device=device)[None]
            stripe = (index >= start_B[:, None]) & (index < (start_B + width_B)[:, None])
            hidden |= stripe[:, :, None] if axis == 1 else stripe[:, None, :]
    return torch.where(hidden, mel_BMF.mean(dim=(1, 2), keepdim=True), mel_BMF)


def mixup_weights(batch: int, alpha: float, rng: torch.Generator, device: torch.device) -> tuple[Tensor, Tensor]:
    """Draw partners (B,) and the weight of each clip itself (B,), at least a half (Zhang et al. 2018)."""
    partner_B = torch.randperm(batch, generator=rng)
    if alpha == 0:
        return partner_B.to(device), torch.ones(batch, device=device)
    # Beta(alpha, alpha) by two gamma draws; torch's sampler takes no generator, numpy's does.
    import numpy as np

    numpy_rng = np.random.default_rng(int(torch.randint(2**62, (1,), generator=rng)))
    weight_B = torch.from_numpy(numpy_rng.beta(alpha, alpha, batch)).float()
    return partner_B.to(device), torch.maximum(weight_B, 1 - weight_B).to(device)
