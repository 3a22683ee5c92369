"""Another voice from a mel: formants and harmonics scaled in frequency alike. Axes: B batch, M mel bands, F frames."""

from functools import lru_cache

import torch
from torch import Tensor

from affekt.features.mel import N_FFT, SAMPLE_RATE, mel_filterbank


def scaled(mel_BMF: Tensor, scale_B: Tensor) -> Tensor:
    """Scale the frequencies of mels by one factor each: what was at 1 kHz comes to lie at `scale` kHz."""
    centre_M = band_hz().to(mel_BMF.device)
    hz_BM = centre_M / scale_B[:, None]
    high_BM = torch.searchsorted(centre_M, hz_BM).clamp(1, len(centre_M) - 1)
    part_BM = (hz_BM - centre_M[high_BM - 1]) / (centre_M[high_BM] - centre_M[high_BM - 1])
    part_BM1 = part_BM.clamp(0, 1)[..., None]
    rows = torch.arange(len(mel_BMF), device=mel_BMF.device)[:, None]
    return mel_BMF[rows, high_BM - 1] * (1 - part_BM1) + mel_BMF[rows, high_BM] * part_BM1


@lru_cache
def band_hz() -> Tensor:
    """Centre frequencies of the mel bands in Hz, (M,)."""
    bands_MK = mel_filterbank().double()
    hz_K = torch.arange(bands_MK.shape[1], dtype=torch.float64) * SAMPLE_RATE / N_FFT
    return ((bands_MK * hz_K).sum(1) / bands_MK.sum(1)).float()
