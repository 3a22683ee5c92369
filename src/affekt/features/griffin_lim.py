"""From a log mel to sound without training: the baseline of every vocoder, and what a trained one begins and ends with.

Source: Griffin and Lim (1984), and the momentum of Perraudin et al., A fast Griffin-Lim algorithm (WASPAA 2013).

Axes: B batch, M mel bands, K frequency bins, F frames, T samples.
"""

import math
from functools import lru_cache

import torch
from torch import Tensor

from affekt.core.errors import UserError
from affekt.features.mel import FMAX_HZ, HOP_LENGTH, LOG_FLOOR, N_FFT, SAMPLE_RATE, WIN_LENGTH, mel_filterbank
from affekt.features.phase import inverse, refine_phase, scaled
from affekt.features.stft import bins_of, spectrum, window_of

MIN_FRAMES = 4  # fewer make a sound too short for the reflect padding of the transform
# On 12 real clips 20 steps leave a mel L1 of 0.005 in the inverse; 100 steps change the sound's by 0.003.
_INVERSE_STEPS = 20
_TINY = 1e-12
_HEARD = int(FMAX_HZ * N_FFT / SAMPLE_RATE) + 1  # bins; those above are in no band
_MOST_GAIN = 2.0  # nepers by which a band is raised or lowered at once


def griffin_lim(mel_MF: Tensor, iterations: int = 60) -> Tensor:
    """A waveform whose log mel is near the given one; (..., N_MELS, F) raw log mel to (..., (F - 1) * HOP_LENGTH).

    Gradients reach the mel through the magnitude; the phase is a constant to them. Phases start at zero, so equal mels
    give equal sounds; random ones were not better (mel L1 0.098 both).
    """
    if mel_MF.shape[-1] < MIN_FRAMES:
        raise UserError(f"a mel of {mel_MF.shape[-1]} frames is too short to vocode: needs {MIN_FRAMES}")
    magnitude_KF = invert_mel(mel_MF.float())
    magnitude_BKF = magnitude_KF.reshape(-1, *magnitude_KF.shape[-2:])
    window = window_of(WIN_LENGTH, mel_MF.device)
    start_BKF = torch.ones_like(magnitude_BKF, dtype=torch.complex64)
    phase_BKF = refine_phase(magnitude_BKF.detach(), start_BKF, window, HOP_LENGTH, iterations)
    waveform_BT = inverse(magnitude_BKF * phase_BKF, window, HOP_LENGTH, (mel_MF.shape[-1] - 1) * HOP_LENGTH)
    return waveform_BT.reshape(*mel_MF.shape[:-2], waveform_BT.shape[-1])


def invert_mel(mel_MF: Tensor, steps: int = _INVERSE_STEPS) -> Tensor:
    """A non-negative magnitude with the given raw log mel; (..., N_MELS, F) to (..., N_FFT // 2 + 1, F).

    Multiplicative updates (Lee & Seung 2001) from each band spread over its bins: there are more bins than bands, and
    this start keeps neighbours alike where a pseudo-inverse oscillates and is cut at zero (mel L1 0.116 against 0.098).
    """
    bands_MK = mel_filterbank(mel_MF.device)[:, :_HEARD]
    wanted_FM = mel_MF.mT.exp()  # frame by frame in memory, as an STFT is
    magnitude_FK = (wanted_FM / bands_MK.sum(1)) @ bands_MK
    numerator_FK = wanted_FM @ bands_MK
    for _ in range(steps):
        magnitude_FK = magnitude_FK * numerator_FK / (magnitude_FK @ bands_MK.T @ bands_MK).clamp(min=_TINY)
    return torch.nn.functional.pad(magnitude_FK, (0, bins_of(N_FFT) - _HEARD)).mT


def match_mel(waveform_BT: Tensor, mel_BMF: Tensor) -> Tensor:
    """Move a waveform (B, (F - 1) * HOP_LENGTH) nearer to a raw log mel (B, M, F), differentiable in both.

    Each band's level is set, the bins between two bands' centres by both; the phase and the order within a band stay.
    A call does more than an iteration of Griffin-Lim: that one asks for magnitudes that no sound has together.
    """
    window = window_of(WIN_LENGTH, waveform_BT.device)
    bands_MK = mel_filterbank(waveform_BT.device)
    spectrum_BKF = spectrum(waveform_BT, N_FFT, HOP_LENGTH, window)
    power_BKF = spectrum_BKF.real.square().addcmul_(
        spectrum_BKF.imag, spectrum_BKF.imag
    )  # in place: fresh memory costs
    heard_BFM = power_BKF.add_(_TINY).sqrt_().mT @ bands_MK.T
    wanted_BFM, floor = mel_BMF.mT, math.log(LOG_FLOOR)
    rise_BFM = wanted_BFM.clamp(min=floor) - heard_BFM.clamp(min=LOG_FLOOR).log()
    gain_BFK = (rise_BFM.clamp(-_MOST_GAIN, _MOST_GAIN) @ _shares(waveform_BT.device)).exp_()
    return inverse(scaled(spectrum_BKF, gain_BFK.mT), window, HOP_LENGTH, waveform_BT.shape[-1])


@lru_cache
def _shares(device: torch.device) -> Tensor:
    """What each band has to say about each bin, (M, K): sums to one over bands, and to zero where there is none."""
    with torch.inference_mode(False):  # the cache outlives the mode; see affekt.features.mel
        bands_MK = mel_filterbank(device)
        return bands_MK / bands_MK.sum(0).clamp(min=_TINY)
