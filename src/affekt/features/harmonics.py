"""What a voice's f0 looks like in a mel: the ripple of its harmonics over the bands, to draw an f0 into a mel.

Axes: B batch, F frames, M mel bands, G points of the grid of f0.
"""

import math
from functools import lru_cache

import torch
from torch import Tensor

from affekt.features.mel import FMAX_HZ, N_FFT, N_MELS, SAMPLE_RATE, mel_filterbank
from affekt.features.stft import window_of

LOWEST_HZ, HIGHEST_HZ = 50.0, 1000.0
POINTS = 512  # of the grid: neighbours are a tenth of a semitone apart
DEEPEST = 3.0  # natural-log units of magnitude to which a ripple is cut
SEMITONES = 12.0  # of an octave


def harmonic_ripple(f0_BF: Tensor) -> Tensor:
    """Return the log mel of equally loud harmonics of f0 in Hz (B, F), less its mean over all f0: (B, M, F).

    0 where unvoiced (f0 is 0). Differentiable in f0: between the points of the grid it is linear.
    """
    table_GM = _table(f0_BF.device)
    octaves_BF = torch.log2(f0_BF.clamp(LOWEST_HZ, HIGHEST_HZ) / LOWEST_HZ)
    place_BF = octaves_BF / math.log2(HIGHEST_HZ / LOWEST_HZ) * (POINTS - 1)
    low_BF = place_BF.detach().floor().clamp(max=POINTS - 2)
    part_BF1 = (place_BF - low_BF)[..., None]
    index_BF = low_BF.long()
    ripple_BFM = table_GM[index_BF] * (1 - part_BF1) + table_GM[index_BF + 1] * part_BF1
    return (ripple_BFM * (f0_BF > 0)[..., None]).transpose(1, 2)


@lru_cache
def _table(device: torch.device) -> Tensor:
    """Log mels of a window on cosines of equal phase at each f0 of the grid, (G, M)."""
    with torch.inference_mode(False):
        f0_G = torch.logspace(math.log2(LOWEST_HZ), math.log2(HIGHEST_HZ), POINTS, base=2, dtype=torch.float64)
        time_T = (torch.arange(N_FFT) - N_FFT // 2) / SAMPLE_RATE
        wave_GT = torch.stack([_pulse(float(f0), time_T) for f0 in f0_G]).float()
        magnitude_GK = torch.fft.rfft(wave_GT * window_of(N_FFT, torch.device("cpu"))).abs()
        log_GM = (magnitude_GK @ mel_filterbank().T).clamp(min=1e-4).log()
        log_GM = log_GM - log_GM.logsumexp(1, keepdim=True) + math.log(N_MELS)
        return (log_GM - log_GM.mean(0)).clamp(-DEEPEST, DEEPEST).to(device)


def _pulse(f0_hz: float, time_T: Tensor) -> Tensor:
    """The sum of all harmonics of f0 below the highest band, of amplitude f0: louder where there are fewer."""
    harmonic_H = torch.arange(1, int(FMAX_HZ / f0_hz) + 1, dtype=torch.float64)
    return f0_hz * torch.cos(2 * math.pi * f0_hz * harmonic_H[:, None] * time_T).sum(0)
