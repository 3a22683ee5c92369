"""A learned filterbank on the waveform's spectrum: the shapes of its bands are free, and start as the project's mel.

Axes: B clips, T samples, N bands, K frequency bins, F frames.

In the spirit of LEAF (Zeghidour, Teboul, Quitry & Tagliasacchi 2021), which learns Gabor filters in the time
domain. Strided Gabor filters were tried: each reading is one complex number, whose energy scatters by 5 dB, and with
kernels that are short enough to be paid for, the harmonics of a man's voice are not told apart. A learned window
trebled the cost of a step. docs/choices.md has the figures.
"""

import torch
from torch import Tensor, nn

from affekt.features.mel import HOP_LENGTH, LOG_FLOOR, N_FFT, N_MELS, mel_filterbank

BANDS = N_MELS
POWER_FLOOR = 1e-12  # under the root: its slope at 0 is endless


class Filterbank(nn.Module):
    """Waveform (B, T) in [-1, 1] to log magnitudes of bands (B, BANDS, F), F = T // HOP_LENGTH + 1."""

    window: Tensor
    triangles: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("window", torch.hann_window(N_FFT), persistent=False)
        # The weights are factors of the mel's triangles (N, K), which are so small that an optimiser's steps would
        # bury them; only absolute values count.
        self.register_buffer("triangles", mel_filterbank().clone(), persistent=False)
        self.weight = nn.Parameter(torch.ones(BANDS, N_FFT // 2 + 1))

    def forward(self, wave_BT: Tensor, samples_B: Tensor | None = None) -> Tensor:
        """`samples_B` counts the valid samples; what lies beyond is not heard."""
        with torch.autocast(wave_BT.device.type, enabled=False):  # magnitudes span 100 dB: half the bits would not do
            wave_BT = wave_BT.float()
            if samples_B is not None:
                inside_BT = torch.arange(wave_BT.shape[1], device=wave_BT.device)[None] < samples_B[:, None]
                wave_BT = wave_BT * inside_BT
            padded_BT = nn.functional.pad(wave_BT, (N_FFT // 2, N_FFT // 2))
            spectrum_BFK = torch.fft.rfft(padded_BT.unfold(1, N_FFT, HOP_LENGTH) * self.window)
            power_BFK = torch.view_as_real(spectrum_BFK).square().sum(-1)
            bands_BFN = (power_BFK + POWER_FLOOR).sqrt() @ (self.weight.abs() * self.triangles).T
            return (bands_BFN + LOG_FLOOR).log().transpose(1, 2)


def frames_of_samples(samples_B: Tensor | None) -> Tensor | None:
    """Number of frames of so many samples."""
    return None if samples_B is None else torch.div(samples_B, HOP_LENGTH, rounding_mode="floor") + 1
