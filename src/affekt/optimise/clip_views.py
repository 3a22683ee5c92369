"""Random views of clips of different lengths, against masks that only one exact input satisfies.

Everything is drawn from (seed, step, view) and placed within each clip: its result does not depend on those beside it.

Axes: B clips, M mel bands, F frames; raw log mel (nats).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from affekt.models.pooling import clip_mean, frame_mask
from affekt.training.augment import interpolate

WINDOW_FRAMES = 128  # what recognisers train on
MAX_SPEED = 0.15
MAX_BANDS = 3.0
MAX_TILT = 0.6  # nats from the lowest band to the highest
MAX_MASK_FRAMES = 16
MAX_MASK_BANDS = 8


@dataclass(frozen=True)
class View:
    """A batch of clips as a network hears it."""

    mel: Tensor  # (B, M, F)
    frames: Tensor  # (B,)


def random_clip_view(mel_BMF: Tensor, frames_B: Tensor, rng: torch.Generator) -> View:
    """A window of each clip, faster or slower, shifted along bands, tilted, with hidden frames and bands."""
    speed, place, bands, tilt, run, run_place, hole, hole_place = torch.rand(8, generator=rng).tolist()
    speed = 1 + (2 * speed - 1) * MAX_SPEED
    stretched_B = ((frames_B - 1) / speed).floor() + 1
    start_B = (place * (stretched_B - WINDOW_FRAMES).clamp(min=0)).floor()
    width = min(WINDOW_FRAMES, int(stretched_B.max()))
    time_BF = (start_B[:, None] + torch.arange(width, device=mel_BMF.device)) * speed
    view_BMF = interpolate(mel_BMF.transpose(1, 2), time_BF.clamp(max=mel_BMF.shape[-1] - 1)).transpose(1, 2)
    view_BMF = shift_bands(view_BMF, (2 * bands - 1) * MAX_BANDS, (2 * tilt - 1) * MAX_TILT)
    valid_B = (stretched_B - start_B).clamp(max=width).long()
    view_BMF = hide_frames(view_BMF, valid_B, int(run * (MAX_MASK_FRAMES + 1)), run_place)
    return View(hide_bands(view_BMF, valid_B, int(hole * (MAX_MASK_BANDS + 1)), hole_place), valid_B)


def shift_bands(mel_BMF: Tensor, bands: float, tilt: float) -> Tensor:
    """Move along the bands by a fraction of some, and tilt the spectrum by so many nats."""
    count = mel_BMF.shape[1]
    place_M = (torch.arange(count, device=mel_BMF.device) + bands).clamp(0, count - 1)
    low_M = place_M.floor().long()
    part_M1 = (place_M - low_M)[:, None]
    moved_BMF = mel_BMF[:, low_M] * (1 - part_M1) + mel_BMF[:, (low_M + 1).clamp(max=count - 1)] * part_M1
    return moved_BMF + tilt * torch.linspace(-0.5, 0.5, count, device=mel_BMF.device)[:, None]


def hide_frames(mel_BMF: Tensor, frames_B: Tensor, width: int, place: float) -> Tensor:
    """Set a run of frames of each clip to the clip's mean; `place` in [0, 1) says where in the clip."""
    first_B1 = (place * (frames_B - width).clamp(min=0)).floor()[:, None]
    at_F = torch.arange(mel_BMF.shape[-1], device=mel_BMF.device)
    hidden_BF = (at_F >= first_B1) & (at_F < first_B1 + width)
    return torch.where(hidden_BF[:, None], _mean(mel_BMF, frames_B), mel_BMF)


def hide_bands(mel_BMF: Tensor, frames_B: Tensor, width: int, place: float) -> Tensor:
    """Set a run of bands to each clip's mean; `place` in [0, 1) says where."""
    first = int(place * (mel_BMF.shape[1] - width + 1))
    at_M = torch.arange(mel_BMF.shape[1], device=mel_BMF.device)
    hidden_M1 = ((at_M >= first) & (at_M < first + width))[:, None]
    return torch.where(hidden_M1, _mean(mel_BMF, frames_B), mel_BMF)


def _mean(mel_BMF: Tensor, frames_B: Tensor) -> Tensor:
    return clip_mean(mel_BMF, frame_mask(frames_B, mel_BMF.shape[-1], 1, mel_BMF.device))
