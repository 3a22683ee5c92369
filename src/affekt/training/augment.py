"""Random views of mels for training recognisers: crop, stretch, band shift, tilt, noise, masks, mixup.

Axes: B clips, M mel bands, F frames. Everything is drawn from the generator that is passed in.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from affekt.models.blocks import hide_runs

NOISE_DB = (-60.0, -25.0)  # level of added noise against a clip's loudest bands
NATS_PER_DB = math.log(10) / 20  # of magnitude
TILT = 0.6  # log units over the whole frequency axis, as another microphone would
MASKED_BANDS = 0.15  # of all bands or bins, at most
MASKED_FRAMES = 24
MASKS = 2


@dataclass(frozen=True)
class Augment:
    """How much views differ from their clips; 0 switches an aid off."""

    crop_frames: int
    speed: float = 0.0  # of a view: 1 - speed to 1 + speed; a waveform's pitch goes with it
    pitch: float = 0.0  # up or down, in mel bands (about 40 Hz each below 1 kHz) or in semitones of a waveform
    noise: float = 0.0  # share of clips that get noise
    masks: bool = False  # SpecAugment


def draw(rng: torch.Generator, shape: tuple[int, ...], low: float, high: float, device: torch.device) -> Tensor:
    """Draw uniform numbers on the CPU, so that every device sees the same ones."""
    return (low + (high - low) * torch.rand(shape, generator=rng)).to(device)


def random_views(mel_BFM: Tensor, frames_B: Tensor, augment: Augment, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Cut one stretched and shifted window of `crop_frames` frames from each clip.

    Returns mels (B, M, crop), padding beyond a clip's end, and the number of valid frames (B,).
    """
    time_BF, valid_B = draw_times(frames_B, augment, rng)
    return view_at(mel_BFM, time_BF.clamp(max=mel_BFM.shape[1] - 1), augment, rng), valid_B


def draw_times(frames_B: Tensor, augment: Augment, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Draw a stretched window of clips of so many frames: the place in the clip of each frame of the view (B, crop).

    Also returns the number of valid frames (B,); the places beyond them go on beyond the clip.
    """
    batch, device, crop = len(frames_B), frames_B.device, augment.crop_frames
    speed_B = draw(rng, (batch,), 1 - augment.speed, 1 + augment.speed, device)
    stretched_B = torch.div(frames_B - 1, speed_B, rounding_mode="floor") + 1  # the last one reads the last frame
    start_B = (draw(rng, (batch,), 0, 1, device) * (stretched_B - crop).clamp(min=0)).floor()
    time_BF = (start_B[:, None] + torch.arange(crop, device=device)) * speed_B[:, None]
    return time_BF, torch.minimum(stretched_B - start_B, torch.full_like(start_B, crop)).long()


def view_at(mel_BFM: Tensor, time_BF: Tensor, augment: Augment, rng: torch.Generator) -> Tensor:
    """Read clips (B, frames, M) at fractional places, with random shifts of bands, tilts and noise; (B, M, crop)."""
    batch, _, bands = mel_BFM.shape
    device = mel_BFM.device
    view_BFM = interpolate(mel_BFM, time_BF)
    shift_B = draw(rng, (batch,), -augment.pitch, augment.pitch, device)
    band_BM = (torch.arange(bands, device=device)[None] + shift_B[:, None]).clamp(0, bands - 1)
    view_BMF = interpolate(view_BFM.transpose(1, 2), band_BM)
    tilt_B = draw(rng, (batch,), -TILT, TILT, device)
    view_BMF = view_BMF + tilt_B[:, None, None] * torch.linspace(-0.5, 0.5, bands, device=device)[None, :, None]
    return add_noise(view_BMF, augment.noise, rng) if augment.noise > 0 else view_BMF


def add_noise(mel_BMF: Tensor, share: float, rng: torch.Generator) -> Tensor:
    """Add noise of a random level and tilt to some clips: magnitudes add up, nearly, where phases are random."""
    batch, bands, _ = mel_BMF.shape
    level_B = draw(rng, (batch,), *NOISE_DB, mel_BMF.device) * NATS_PER_DB
    tilt_B = draw(rng, (batch,), -TILT, TILT, mel_BMF.device)
    chosen_B = draw(rng, (batch,), 0, 1, mel_BMF.device) < share
    top_B = mel_BMF.flatten(1).amax(1)
    slope_BM = tilt_B[:, None] * torch.linspace(-1, 1, bands, device=mel_BMF.device)
    noise_BM1 = (top_B + level_B)[:, None, None] + slope_BM[..., None]
    noisy_BMF = 0.5 * torch.logaddexp(2 * mel_BMF, 2 * noise_BM1)
    return torch.where(chosen_B[:, None, None], noisy_BMF, mel_BMF)


def interpolate(x_BNC: Tensor, position_BN: Tensor) -> Tensor:
    """Read axis 1 at fractional positions, linearly."""
    low_BN = position_BN.floor().long()
    high_BN = (low_BN + 1).clamp(max=x_BNC.shape[1] - 1)
    part_BN1 = (position_BN - low_BN)[..., None]
    rows = torch.arange(len(x_BNC), device=x_BNC.device)[:, None]
    return x_BNC[rows, low_BN] * (1 - part_BN1) + x_BNC[rows, high_BN] * part_BN1


def mask(mel_BMF: Tensor, rng: torch.Generator) -> Tensor:
    """Overwrite random bands and frames with the clip's mean (SpecAugment, Park et al. 2019)."""
    return hide_runs(mel_BMF, MASKED_BANDS * mel_BMF.shape[1], MASKED_FRAMES, MASKS, rng)


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
