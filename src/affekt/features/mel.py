"""The one log mel spectrogram of the project, as public vocoders compute it.

Axes: B batch, T samples, K frequency bins of the STFT, M mel bands, F frames.
"""

from functools import lru_cache

import torch
from torch import Tensor

from affekt.features.stft import bins_of, magnitude, window_of

SAMPLE_RATE = 22050  # Hz
N_FFT = 1024  # samples
HOP_LENGTH = 256  # samples
WIN_LENGTH = 1024  # samples
N_MELS = 80
FMIN_HZ = 0.0
FMAX_HZ = 8000.0
LOG_FLOOR = 1e-5  # magnitude below which a band counts as silent; log(1e-5) = -11.51
# An affine map for networks: silence (-11.51) becomes -2.0 and the loudest band of real speech (about 1.9) 2.1.
MEL_CENTRE = -5.0
MEL_SCALE = 3.25


def frames_of(samples: int) -> int:
    """Mel frames of a clip: frame i is centred on sample i * HOP_LENGTH."""
    return samples // HOP_LENGTH + 1


def log_mel(waveform_T: Tensor) -> Tensor:
    """Natural-log mel of a waveform in [-1, 1], differentiable, on the waveform's device.

    Shapes: (..., T) to (..., N_MELS, frames_of(T)). Raises UserError at N_FFT // 2 samples or fewer,
    which reflect padding cannot centre.
    """
    device = waveform_T.device
    with torch.autocast(device.type, enabled=False):  # a mel in bfloat16 would have two digits
        magnitude_KF = magnitude(waveform_T.float(), N_FFT, HOP_LENGTH, window_of(WIN_LENGTH, device))
        mel_MF = mel_filterbank(device) @ magnitude_KF
        return mel_MF.clamp(min=LOG_FLOOR).log()


def mel_filterbank(device: torch.device | str = "cpu") -> Tensor:
    """Slaney's mel bands with Slaney's area normalisation (Auditory Toolbox, 1998), (N_MELS, N_FFT // 2 + 1)."""
    return _filterbank(torch.device(device))


def normalise(mel: Tensor) -> Tensor:
    """Raw log mel to the units of networks."""
    return (mel - MEL_CENTRE) / MEL_SCALE


def denormalise(mel: Tensor) -> Tensor:
    """The units of networks to raw log mel."""
    return mel * MEL_SCALE + MEL_CENTRE


@lru_cache
def _filterbank(device: torch.device) -> Tensor:
    from torchaudio.functional import melscale_fbanks

    # A tensor born in inference mode could not serve a later training step, and the cache outlives the mode.
    with torch.inference_mode(False):
        bands_KM = melscale_fbanks(
            bins_of(N_FFT), FMIN_HZ, FMAX_HZ, N_MELS, SAMPLE_RATE, norm="slaney", mel_scale="slaney"
        )
        return bands_KM.T.contiguous().to(device)
