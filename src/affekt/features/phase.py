"""A coherent phase for a magnitude spectrogram: accumulated in one pass, refined by a few iterations.

After Beauregard, Harish and Wyse, "Single pass spectrogram inversion" (2015): every spectral peak is a partial
whose phase advances by its own frequency, and the bins around a peak share the peak's phase. Here the passage
through time is log2(F) steps over the peaks of the whole batch, not a loop over frames.

Axes: B batch, K frequency bins, F frames, P spectral peaks of all frames of a batch, N samples of a frame, T samples.
In memory all spectra lie frame by frame, as the STFT gives them; a (B, K, F) one is a view.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from affekt.features.stft import spectrum

_MOMENTUM = 0.99  # of the fast Griffin-Lim iteration (Perraudin, Balazs, Sondergaard 2013)
_TINY = 1e-24  # power under the root of a modulus: a bin of silence keeps modulus zero


class Partials(NamedTuple):
    """The spectral peaks of all frames, in order of clip, frame and bin."""

    place_P: Tensor  # flat index into (B, F, K)
    bin_P: Tensor  # interpolated between bins
    owner_BFK: Tensor  # index of the peak that a bin belongs to: the nearest of its frame


@torch.no_grad()
def accumulate_phase(magnitude_BKF: Tensor, hop_length: int) -> Tensor:
    """Return a phase that fits a Hann-windowed magnitude, as complex numbers of modulus one, (B, K, F).

    It is a constant to gradients: its own, summed over all frames before, would drown the rest.
    """
    bins, frames = magnitude_BKF.shape[1:]
    partials = find_partials(magnitude_BKF)
    advance_P = partials.bin_P * (hop_length / (2 * (bins - 1))) % 1  # in turns, from the frame before to this one
    begins_P = partials.place_P // bins % frames == 0
    before_P = partials.owner_BFK.flatten()[(partials.place_P - bins).clamp(min=0)]  # whose the bin was a frame ago
    before_P = torch.where(begins_P, torch.arange(len(before_P), device=before_P.device), before_P)
    turns_P = accumulate_turns(before_P, advance_P.masked_fill(begins_P, 0), frames)
    unit_BFK = torch.polar(torch.ones_like(turns_P), 2 * math.pi * turns_P)[partials.owner_BFK]
    # A partial has one phase at the window's centre; counted from the window's start, as a DFT does, it
    # alternates by half a turn from bin to bin.
    unit_BFK[..., 1::2].neg_()
    return unit_BFK.mT


def find_partials(magnitude_BKF: Tensor) -> Partials:
    """Find the local maxima of every frame and the bins that each owns; a frame without any is one partial at 0."""
    magnitude_BFK = magnitude_BKF.mT.contiguous()
    below, centre, above = magnitude_BFK[..., :-2], magnitude_BFK[..., 1:-1], magnitude_BFK[..., 2:]
    is_peak_BFK = torch.nn.functional.pad((centre > below) & (centre >= above), (1, 1))
    is_peak_BFK[..., 0] |= ~is_peak_BFK.any(dim=-1)
    place_P = is_peak_BFK.flatten().nonzero()[:, 0]
    bins = magnitude_BFK.shape[-1]
    frame_P = place_P // bins
    # The vertex of the parabola through a peak and its neighbours.
    below_P, centre_P, above_P = (
        magnitude_BFK.flatten()[(place_P + d).clamp(0, magnitude_BFK.numel() - 1)] for d in (-1, 0, 1)
    )
    curvature_P = (2 * centre_P - below_P - above_P).clamp(min=torch.finfo(centre_P.dtype).tiny)
    vertex_P = (0.5 * (above_P - below_P) / curvature_P).clamp(-0.5, 0.5)
    bin_P = place_P - frame_P * bins
    # A peak owns the bins from halfway to the peak before it in its frame; halfway itself is that one's.
    first_P = frame_P * bins
    shares_P = frame_P[1:] == frame_P[:-1]
    first_P[1:] = torch.where(shares_P, (place_P[1:] + place_P[:-1]) // 2 + 1, first_P[1:])
    owned_P = torch.diff(first_P, append=first_P.new_tensor([magnitude_BFK.numel()]))
    owner_BFK = torch.repeat_interleave(owned_P, output_size=magnitude_BFK.numel()).view_as(magnitude_BFK)
    return Partials(place_P, torch.where(bin_P > 0, bin_P + vertex_P, 0.0), owner_BFK)


def accumulate_turns(before_P: Tensor, advance_P: Tensor, frames: int) -> Tensor:
    """Solve turns[p] = turns[before[p]] + advance[p], modulo one, where no path is longer than `frames`.

    A path begins at a peak that is its own predecessor and does not advance. After a step of span s, `turns` holds
    the last 2 s advances of each path and `before` the peak that far back.
    """
    turns_P, span = advance_P, 1
    while span < frames:
        turns_P = (turns_P + turns_P[before_P]) % 1
        before_P = before_P[before_P]
        span *= 2
    return turns_P


@torch.no_grad()
def refine_phase(magnitude_BKF: Tensor, unit_BKF: Tensor, window: Tensor, hop_length: int, iterations: int) -> Tensor:
    """Make a phase more consistent by fast Griffin-Lim iterations; a constant to gradients.

    The phase is given and returned as complex numbers of modulus one, (B, K, F). What can is done in place: fresh
    memory cost more than the sums.
    """
    samples = (magnitude_BKF.shape[-1] - 1) * hop_length
    gain_BKF, unit_BKF = magnitude_BKF.mT.contiguous().mT, unit_BKF.mT.contiguous().mT
    previous_BKF = torch.zeros_like(unit_BKF)
    for _ in range(iterations):
        waveform_BT = inverse(scaled(unit_BKF, gain_BKF), window, hop_length, samples)
        rebuilt_BKF = spectrum(waveform_BT, len(window), hop_length, window)
        moved_BKF2 = torch.view_as_real(previous_BKF).mul_(-_MOMENTUM / (1 + _MOMENTUM))
        unit_BKF = torch.view_as_complex(moved_BKF2.add_(torch.view_as_real(rebuilt_BKF)))
        gain_BKF = inverse_modulus(unit_BKF).mul_(magnitude_BKF)
        previous_BKF = rebuilt_BKF
    return scaled(unit_BKF, inverse_modulus(unit_BKF)) if iterations else unit_BKF


def scaled(spectrum_BKF: Tensor, gain_BKF: Tensor) -> Tensor:
    """A complex spectrum times real gains; the product of the two types takes nine times as long."""
    return spectrum_BKF * torch.complex(gain_BKF, torch.zeros_like(gain_BKF))


def inverse_modulus(spectrum_BKF: Tensor) -> Tensor:
    """One over the modulus of every bin, and finite where that is zero; without gradient."""
    real_BKF, imaginary_BKF = spectrum_BKF.real, spectrum_BKF.imag
    return real_BKF.square().addcmul_(imaginary_BKF, imaginary_BKF).add_(_TINY).rsqrt_()


def inverse(spectrum_BKF: Tensor, window: Tensor, hop_length: int, samples: int) -> Tensor:
    """Inverse of the centred STFT: complex (B, K, F) to (B, samples); the hop divides the window's length."""
    frames_BFN = torch.fft.irfft(spectrum_BKF.mT, n=len(window)).mul_(window)
    weight_1FN = window.square().expand(1, frames_BFN.shape[1], -1)
    margin = len(window) // 2
    sound_BT, weight_1T = (overlap_add(x, hop_length)[:, margin : margin + samples] for x in (frames_BFN, weight_1FN))
    return sound_BT / weight_1T


def overlap_add(frames_BFN: Tensor, hop_length: int) -> Tensor:
    """Sum frames that begin a hop apart: (B, F, N) to (B, (F - 1) * hop + N).

    Sums of shifted views: the library's way took half of an iteration's time.
    """
    batch, frames, length = frames_BFN.shape
    if length % hop_length:
        raise ValueError(f"a hop of {hop_length} does not divide a frame of {length} samples")
    parts = frames_BFN.unflatten(-1, (length // hop_length, hop_length)).unbind(2)
    sum_BFN = frames_BFN.new_zeros(batch, frames + len(parts) - 1, hop_length)
    for i, part_BFN in enumerate(parts):
        sum_BFN[:, i : i + frames] += part_BFN
    return sum_BFN.flatten(1)
