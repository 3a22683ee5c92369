"""The eighth root of the magnitude STFT: what the gender networks hear and what a deep dream changes.

The root gives soft partials a say (as a logarithm does) and silence a value, and its inverse is a plain power. The
phase is kept aside, as complex numbers of modulus one.

Axes: B batch, T samples, K frequency bins, F frames.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from affekt.features.phase import inverse
from affekt.features.stft import bins_of, window_of
from affekt.features.stft import spectrum as transform

POWER = 8
# Added to the power under the root, which has an infinite slope at zero: silence becomes 0.18 where one step of 16-bit
# audio is 0.32, full scale about 2 and the error of the inverse below 1e-6 of magnitude.
_POWER_EPS = 1e-12


@dataclass(frozen=True)
class Resolution:
    """A centred STFT under a periodic Hann window; lengths in samples at 22,050 Hz."""

    n_fft: int
    hop_length: int

    @property
    def bins(self) -> int:
        """Frequency bins K."""
        return bins_of(self.n_fft)

    def frames_of(self, samples: int) -> int:
        """Frames F of so many samples: frame i is centred on sample i * hop_length."""
        return samples // self.hop_length + 1


FAST = Resolution(512, 128)
SLOW = Resolution(2048, 256)


def spectrum(wave_BT: Tensor, resolution: Resolution) -> Tensor:
    """Complex STFT (B, K, F), reflect padding; UserError at n_fft // 2 samples or fewer."""
    window = window_of(resolution.n_fft, wave_BT.device)
    return transform(wave_BT, resolution.n_fft, resolution.hop_length, window)


def root(spectrum_BKF: Tensor) -> Tensor:
    """|S| ** (1 / POWER) of any shape, not negative, with gradients that are finite in silence too."""
    parts = torch.view_as_real(spectrum_BKF)
    return (parts.square().sum(-1) + _POWER_EPS) ** (1 / (2 * POWER))


def phase_of(spectrum_BKF: Tensor) -> Tensor:
    """S / |S|; one where S is zero, so that what is added there sounds."""
    return torch.where(spectrum_BKF == 0, spectrum_BKF.new_ones(()), spectrum_BKF.sgn())


def invert(root_BKF: Tensor, phase_BKF: Tensor, length: int, resolution: Resolution) -> Tensor:
    """A waveform (B, length) of root magnitudes and phases; differentiable."""
    window = window_of(resolution.n_fft, root_BKF.device)
    return inverse(root_BKF**POWER * phase_BKF, window, resolution.hop_length, length)


def squeeze_phase(phase_BKF: Tensor, frames: int) -> Tensor:
    """The phase of the same sound made shorter, to so many frames: a phase vocoder (Flanagan & Golden 1966).

    Every partial goes on to turn by as much per frame as it did at that place. It is a product of rotations: a sum of
    angles in float32, as torchaudio's, has lost the phase of high bins after a minute.
    """
    stretch = phase_BKF.shape[-1] / frames
    at_F = (torch.arange(frames - 1, device=phase_BKF.device) * stretch).long()
    turns_BKF = phase_BKF[..., at_F + 1] * phase_BKF[..., at_F].conj()
    return torch.cat([phase_BKF[..., :1], turns_BKF], dim=-1).cumprod(dim=-1).sgn()
