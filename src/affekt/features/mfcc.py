"""Mel-frequency cepstral coefficients of the project's log mel.

Coefficient c of a frame is the orthonormal DCT-II over its M = 80 natural-log bands (Davis & Mermelstein 1980, with
the scaling of `librosa.feature.mfcc(S=log_mel)`):
    mfcc[c] = s(c) * sum_m log_mel[m] * cos(pi * c * (m + 1/2) / M),  s(0) = sqrt(1/M), s(c > 0) = sqrt(2/M).
"""

from functools import lru_cache

import torch
from torch import Tensor

from affekt.core.errors import UserError
from affekt.features.mel import N_MELS


def mfcc(log_mel_MF: Tensor, n_mfcc: int) -> Tensor:
    """The first n_mfcc cepstral coefficients; (..., N_MELS, F) to (..., n_mfcc, F)."""
    return _dct(n_mfcc, log_mel_MF.device) @ log_mel_MF


@lru_cache
def _dct(n_mfcc: int, device: torch.device) -> Tensor:
    from torchaudio.functional import create_dct

    if not 1 <= n_mfcc <= N_MELS:
        raise UserError(f"n_mfcc is {n_mfcc}: {N_MELS} mel bands give 1 to {N_MELS} coefficients")
    with torch.inference_mode(False):  # the cache outlives the mode; see affekt.features.mel
        return create_dct(n_mfcc, N_MELS, norm="ortho").T.contiguous().to(device)
