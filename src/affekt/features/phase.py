"""A coherent phase for a magnitude spectrogram, without iteration.

After Beauregard, Harish and Wyse, "Single pass spectrogram inversion" (2015): every spectral peak is a partial
whose phase advances by its own frequency, and the bins around a peak share the peak's phase. Here the passage
through time is a scan in log2(F) steps over the whole batch, not a loop over frames.

Axes: B batch, K frequency bins, F frames.
"""

import math

import torch
from torch import Tensor

from affekt.features.stft import spectrum

_MOMENTUM = 0.99  # of the fast Griffin-Lim iteration (Perraudin, Balazs, Sondergaard 2013)


@torch.no_grad()
def accumulate_phase(magnitude_BKF: Tensor, hop_length: int) -> Tensor:
    """Return a phase that fits a Hann-windowed magnitude, as complex numbers of modulus one, (B, K, F).

    It is a constant to gradients: its own, summed over all frames before, would drown the rest.
    """
    n_fft = 2 * (magnitude_BKF.shape[1] - 1)
    owner_BKF, frequency_BKF = find_partials(magnitude_BKF)
    advance_BKF = frequency_BKF * (hop_length / n_fft) % 1  # in turns, from the frame before to this one
    advance_BKF[..., 0] = 0
    turns_BKF = accumulate_turns(owner_BKF, advance_BKF)
    # A partial has one phase at the window's centre; counted from the window's start, as a DFT does, it
    # alternates by half a turn from bin to bin.
    alternation_K1 = torch.arange(magnitude_BKF.shape[1], device=magnitude_BKF.device)[:, None] % 2 / 2
    return torch.polar(torch.ones_like(magnitude_BKF), 2 * math.pi * (turns_BKF + alternation_K1))


def find_partials(magnitude_BKF: Tensor) -> tuple[Tensor, Tensor]:
    """For every bin, the bin of the nearest peak in its frame and that peak's interpolated place (in bins)."""
    bins_K1 = torch.arange(magnitude_BKF.shape[1], device=magnitude_BKF.device)[:, None]
    below, centre, above = magnitude_BKF[:, :-2], magnitude_BKF[:, 1:-1], magnitude_BKF[:, 2:]
    is_peak_BKF = torch.zeros_like(magnitude_BKF, dtype=torch.bool)
    is_peak_BKF[:, 1:-1] = (centre > below) & (centre >= above)
    is_peak_BKF[:, 0] |= ~is_peak_BKF.any(dim=1)  # a frame without any peak is one partial
    # The vertex of the parabola through a peak and its neighbours.
    curvature = (2 * centre - below - above).clamp(min=torch.finfo(centre.dtype).tiny)
    place_BKF = bins_K1.to(magnitude_BKF.dtype).expand_as(magnitude_BKF).clone()
    place_BKF[:, 1:-1] += (0.5 * (above - below) / curvature).clamp(-0.5, 0.5)

    nowhere = 4 * len(bins_K1)  # farther than any peak
    last_BKF = torch.where(is_peak_BKF, bins_K1, -nowhere).cummax(dim=1).values
    next_BKF = torch.where(is_peak_BKF, bins_K1, nowhere).flip(1).cummin(dim=1).values.flip(1)
    owner_BKF = torch.where(next_BKF - bins_K1 < bins_K1 - last_BKF, next_BKF, last_BKF)
    return owner_BKF, place_BKF.gather(1, owner_BKF)


def accumulate_turns(owner_BKF: Tensor, advance_BKF: Tensor) -> Tensor:
    """Solve turns[k, f] = turns[owner[k, f], f - 1] + advance[k, f] for all frames by a doubling scan.

    After a step of span s, `turns` holds the last 2 s advances along a bin's path and `origin` where that path began.
    """
    origin_BKF, turns_BKF = owner_BKF, advance_BKF
    span, frames = 1, owner_BKF.shape[-1]
    while span < frames:
        late_BKF = origin_BKF[..., span:]
        earlier_BKF = turns_BKF[..., :-span].gather(1, late_BKF)
        turns_BKF = torch.cat([turns_BKF[..., :span], (earlier_BKF + turns_BKF[..., span:]) % 1], dim=-1)
        origin_BKF = torch.cat([origin_BKF[..., :span], origin_BKF[..., :-span].gather(1, late_BKF)], dim=-1)
        span *= 2
    return turns_BKF


@torch.no_grad()
def refine_phase(magnitude_BKF: Tensor, unit_BKF: Tensor, window: Tensor, hop_length: int, iterations: int) -> Tensor:
    """Make a phase more consistent by fast Griffin-Lim iterations; a constant to gradients.

    The phase is given and returned as complex numbers of modulus one, (B, K, F).
    """
    samples = (magnitude_BKF.shape[-1] - 1) * hop_length
    # Frame by frame in memory, as the STFT gives its result: mixed layouts made an iteration twice as slow.
    magnitude_BKF, unit_BKF = magnitude_BKF.mT.contiguous().mT, unit_BKF.mT.contiguous().mT
    previous_BKF = torch.zeros_like(unit_BKF)
    for _ in range(iterations):
        waveform_BT = inverse(magnitude_BKF * unit_BKF, window, hop_length, samples)
        rebuilt_BKF = spectrum(waveform_BT, len(window), hop_length, window)
        moved_BKF = rebuilt_BKF - _MOMENTUM / (1 + _MOMENTUM) * previous_BKF
        unit_BKF = moved_BKF.sgn()
        previous_BKF = rebuilt_BKF
    return unit_BKF


def inverse(spectrum_BKF: Tensor, window: Tensor, hop_length: int, samples: int) -> Tensor:
    """Inverse of the centred STFT: complex (B, K, F) to (B, samples)."""
    return torch.istft(
        spectrum_BKF, len(window), hop_length, win_length=len(window), window=window, center=True, length=samples
    )
