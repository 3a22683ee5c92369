"""Spectral losses of waveforms and magnitudes.

Axes: B batch, K frequency bins, F frames, T samples.
"""

from collections.abc import Sequence

from torch import Tensor

from affekt.features.mel import log_mel
from affekt.features.stft import magnitude, window_of

# FFT lengths in samples; hop a quarter, window the whole. About 23, 46 and 93 ms at 22,050 Hz.
RESOLUTIONS = (512, 1024, 2048)
# Magnitude under which differences do not count: half of what rounding to 16 bits leaves in a bin.
MAGNITUDE_FLOOR = 1e-4
# Least energy a spectral convergence is relative to, so that silence does not blow it up (Frobenius norm).
SILENT_NORM = 0.1


def mel_l1(waveform_BT: Tensor, target_BT: Tensor) -> Tensor:
    """Mean absolute difference of log mels, in nepers."""
    return (log_mel(waveform_BT) - log_mel(target_BT)).abs().mean()


def log_magnitude_l1(magnitude_BKF: Tensor, target_BKF: Tensor) -> Tensor:
    """Mean absolute difference of log magnitudes, in nepers."""
    log_BKF = magnitude_BKF.clamp(min=MAGNITUDE_FLOOR).log()
    return (log_BKF - target_BKF.clamp(min=MAGNITUDE_FLOOR).log()).abs().mean()


def spectral_convergence(magnitude_BKF: Tensor, target_BKF: Tensor) -> Tensor:
    """Norm of the difference of magnitudes over the target's norm, mean over the batch."""
    difference_B = (magnitude_BKF - target_BKF).square().sum((-2, -1)).add(1e-12).sqrt()
    norm_B = target_BKF.square().sum((-2, -1)).sqrt()
    return (difference_B / norm_B.clamp(min=SILENT_NORM)).mean()


def multi_resolution_stft(
    waveform_BT: Tensor, target_BT: Tensor, resolutions: Sequence[int] = RESOLUTIONS
) -> tuple[Tensor, Tensor]:
    """Spectral convergence and log-magnitude L1, each the mean over resolutions.

    Source: Yamamoto, Song and Kim, Parallel WaveGAN (2020, arXiv 1910.11480), section 2.2.
    """
    convergence = log_l1 = waveform_BT.new_zeros(())
    for n_fft in resolutions:
        window = window_of(n_fft, waveform_BT.device)
        ours_BKF = magnitude(waveform_BT, n_fft, n_fft // 4, window)
        target_BKF = magnitude(target_BT, n_fft, n_fft // 4, window)
        convergence = convergence + spectral_convergence(ours_BKF, target_BKF)
        log_l1 = log_l1 + log_magnitude_l1(ours_BKF, target_BKF)
    return convergence / len(resolutions), log_l1 / len(resolutions)
