"""Random views of a mel or a waveform, against solutions that only one exact input satisfies.

Axes: B batch, M mel bands, F frames, T samples; raw log mel (nats). All samples of a batch see the same view in a
step, drawn from (seed, step, view) alone: so a sample's result does not depend on the samples beside it.
"""

import math

import torch
from torch import Tensor

from affekt.features.mel import HOP_LENGTH

MAX_SHIFT_FRAMES = 12  # 0.14 s each way
MAX_LEVEL_DB = 6.0
NATS_PER_DB = math.log(10) / 20  # of magnitude
MAX_MASK_FRAMES = 16
MAX_MASK_BANDS = 8
NOISE_DB = (-50.0, -25.0)  # of a waveform's root mean square


def random_view(mel_BMF: Tensor, rng: torch.Generator) -> Tensor:
    """Shift in time and level, hide one run of frames and one of bands; same shape, differentiable."""
    view_BMF = shift_time(mel_BMF, _integer(-MAX_SHIFT_FRAMES, MAX_SHIFT_FRAMES, rng))
    view_BMF = view_BMF + (2 * _uniform(rng) - 1) * MAX_LEVEL_DB * NATS_PER_DB
    view_BMF = mask(view_BMF, dim=2, width=_integer(0, MAX_MASK_FRAMES, rng), place=_uniform(rng))
    return mask(view_BMF, dim=1, width=_integer(0, MAX_MASK_BANDS, rng), place=_uniform(rng))


def random_wave_view(wave_BT: Tensor, rng: torch.Generator) -> Tensor:
    """Shift in time (silence fills the gap) and level, and add noise; same shape, differentiable."""
    samples = _integer(-MAX_SHIFT_FRAMES * HOP_LENGTH, MAX_SHIFT_FRAMES * HOP_LENGTH, rng)
    moved_BT = torch.nn.functional.pad(wave_BT, (max(samples, 0), max(-samples, 0)))
    moved_BT = moved_BT[:, : wave_BT.shape[1]] if samples > 0 else moved_BT[:, moved_BT.shape[1] - wave_BT.shape[1] :]
    low, high = NOISE_DB
    size = 10 ** ((low + (high - low) * _uniform(rng)) / 20)
    noise_T = size * torch.randn(wave_BT.shape[1], generator=rng).to(wave_BT.device)
    level_B1 = wave_BT.detach().square().mean(1, keepdim=True).sqrt()
    gain = math.exp((2 * _uniform(rng) - 1) * MAX_LEVEL_DB * NATS_PER_DB)
    return gain * (moved_BT + level_B1 * noise_T)


def shift_time(mel_BMF: Tensor, frames: int) -> Tensor:
    """Move later (positive) or earlier; the frame at the edge fills the gap, so that no click appears."""
    if frames == 0:
        return mel_BMF
    edge_BM1 = mel_BMF[..., :1] if frames > 0 else mel_BMF[..., -1:]
    filling = edge_BM1.expand(*mel_BMF.shape[:-1], abs(frames))
    parts = (filling, mel_BMF[..., :-frames]) if frames > 0 else (mel_BMF[..., -frames:], filling)
    return torch.cat(parts, dim=-1)


def mask(mel_BMF: Tensor, dim: int, width: int, place: float) -> Tensor:
    """Set `width` rows along `dim` to each sample's mean; `place` in [0, 1) says where."""
    if width == 0:
        return mel_BMF
    size = mel_BMF.shape[dim]
    first = int(place * (size - width + 1))
    positions = torch.arange(size, device=mel_BMF.device)
    hidden = (positions >= first) & (positions < first + width)
    hidden = hidden[:, None] if dim == 1 else hidden
    return torch.where(hidden, mel_BMF.mean(dim=(1, 2), keepdim=True), mel_BMF)


def _uniform(rng: torch.Generator) -> float:
    return float(torch.rand((), generator=rng))


def _integer(low: int, high: int, rng: torch.Generator) -> int:
    return int(torch.randint(low, high + 1, (), generator=rng))
