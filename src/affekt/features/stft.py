"""Centred short-time Fourier transform with what training and determinism need.

Axes: T samples, K frequency bins, F frames.
"""

from functools import lru_cache

import torch
from torch import Tensor

from affekt.core.errors import UserError

# Added to the power under the root: its gradient stays finite in silence, and 1e-6 of magnitude is far below
# what one step of 16-bit audio adds to a frame.
_POWER_EPS = 1e-12


def bins_of(n_fft: int) -> int:
    """Frequency bins of a real signal's spectrum."""
    return n_fft // 2 + 1


def window_of(win_length: int, device: torch.device | str = "cpu") -> Tensor:
    """The periodic Hann window, one per length and device."""
    return _window(win_length, torch.device(device))


def spectrum(waveform_T: Tensor, n_fft: int, hop_length: int, window: Tensor) -> Tensor:
    """Complex STFT, reflect padding; (..., T) to (..., n_fft // 2 + 1, T // hop_length + 1)."""
    padded_T = _reflect(waveform_T, n_fft // 2)
    spectrum_KF = torch.stft(
        padded_T.flatten(0, -2) if padded_T.dim() > 2 else padded_T,
        n_fft,
        hop_length,
        win_length=len(window),
        window=window,
        center=False,
        return_complex=True,
    )
    return spectrum_KF.reshape(*waveform_T.shape[:-1], *spectrum_KF.shape[-2:])


def magnitude(waveform_T: Tensor, n_fft: int, hop_length: int, window: Tensor) -> Tensor:
    """Magnitude STFT whose gradient is finite everywhere, silence included."""
    parts_KF2 = torch.view_as_real(spectrum(waveform_T, n_fft, hop_length, window))
    return (parts_KF2.square().sum(-1) + _POWER_EPS).sqrt()


def _reflect(waveform_T: Tensor, margin: int) -> Tensor:
    """Reflect padding by slices: the library's own has no deterministic backward on CUDA."""
    if waveform_T.shape[-1] <= margin:
        raise UserError(f"audio of {waveform_T.shape[-1]} samples is too short: needs more than {margin}")
    left = waveform_T[..., 1 : margin + 1].flip(-1)
    right = waveform_T[..., -margin - 1 : -1].flip(-1)
    return torch.cat([left, waveform_T, right], dim=-1)


@lru_cache
def _window(win_length: int, device: torch.device) -> Tensor:
    with torch.inference_mode(False):  # the cache outlives the mode; see affekt.features.mel
        return torch.hann_window(win_length, device=device)
