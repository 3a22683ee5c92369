"""How close a vocoded clip is to the recording it was made from.

Axes: T samples.
"""

import warnings
from collections.abc import Mapping, Sequence

import numpy as np
import torch

from affekt.features.f0 import track_f0
from affekt.features.mel import SAMPLE_RATE
from affekt.training.losses import mel_l1, multi_resolution_stft

SYSTEMS = ("griffin_lim", "istft", "waveglow")  # that are compared
PERCEPTUAL_RATE = 16000  # Hz, of wide-band PESQ (ITU-T P.862.2) and of DistillMOS
F0_MIN_HZ, F0_MAX_HZ = 65.0, 600.0  # fixed, so that figures of different runs compare
CENTS_PER_OCTAVE = 1200


def compare_clips(real_T: np.ndarray, vocoded_T: np.ndarray) -> dict[str, float | None]:
    """Measure a vocoded clip against its recording; both float at SAMPLE_RATE and of one length.

    `mel_l1` and `stft` in nepers and without unit, `pesq` 1 to 4.64, `stoi` 0 to 1, `f0_cents` mean absolute over
    frames voiced in both, `voicing_error` a fraction of frames. None where a measure is not defined for the clip.
    """
    if real_T.shape != vocoded_T.shape:
        raise ValueError(f"clips differ in length: {real_T.shape} and {vocoded_T.shape} samples")
    real_BT, vocoded_BT = (torch.from_numpy(x.astype(np.float32))[None] for x in (real_T, vocoded_T))
    f0_cents, voicing_error = compare_f0(real_T, vocoded_T)
    real_16k, vocoded_16k = resample(real_T), resample(vocoded_T)
    return {
        "mel_l1": float(mel_l1(vocoded_BT, real_BT)),
        "stft": float(sum(multi_resolution_stft(vocoded_BT, real_BT))),
        "pesq": measure_pesq(real_16k, vocoded_16k),
        "stoi": measure_stoi(real_16k, vocoded_16k),
        "f0_cents": f0_cents,
        "voicing_error": voicing_error,
    }


def compare_f0(real_T: np.ndarray, vocoded_T: np.ndarray) -> tuple[float | None, float]:
    """Mean absolute f0 error in cents where both are voiced (None if nowhere), and share of frames that disagree."""
    real = track_f0(real_T, F0_MIN_HZ, F0_MAX_HZ)
    vocoded = track_f0(vocoded_T, F0_MIN_HZ, F0_MAX_HZ)
    both = (real > 0) & (vocoded > 0)
    voicing_error = float(np.mean((real > 0) != (vocoded > 0)))
    if not both.any():
        return None, voicing_error
    return float(CENTS_PER_OCTAVE * np.abs(np.log2(vocoded[both] / real[both])).mean()), voicing_error


def measure_pesq(real_16k: np.ndarray, vocoded_16k: np.ndarray) -> float | None:
    """Wide-band PESQ, or None where it finds no speech or the clip is under a quarter of a second."""
    from pesq import BufferTooShortError, NoUtterancesError, pesq

    if not real_16k.any() or not vocoded_16k.any():  # the package divides by the peak
        return None

    try:
        return float(pesq(PERCEPTUAL_RATE, real_16k, vocoded_16k, "wb"))
    except (NoUtterancesError, BufferTooShortError):
        return None


def measure_stoi(real_16k: np.ndarray, vocoded_16k: np.ndarray) -> float | None:
    """Short-time objective intelligibility (Taal et al. 2011), or None for a clip with under 0.4 s of speech."""
    from pystoi import stoi

    if not real_16k.any():
        return None
    with warnings.catch_warnings():
        # The package warns and returns 1e-5 when too little is left after its removal of silence.
        warnings.filterwarnings("error", message="Not enough STFT frames", category=RuntimeWarning)
        try:
            return float(stoi(real_16k, vocoded_16k, PERCEPTUAL_RATE))
        except RuntimeWarning:
            return None


def predict_mos(waveforms: Sequence[np.ndarray]) -> list[float]:
    """Naturalness, 1 to 5, that DistillMOS predicts for clips at SAMPLE_RATE."""
    import contextlib
    import io

    import distillmos

    with contextlib.redirect_stdout(io.StringIO()):  # it prints the place of its weights
        model = distillmos.ConvTransformerSQAModel().eval()
    with torch.inference_mode():
        return [float(model(torch.from_numpy(resample(waveform_T))[None])) for waveform_T in waveforms]


def resample(waveform_T: np.ndarray) -> np.ndarray:
    """Bring a clip to PERCEPTUAL_RATE."""
    import soxr

    return soxr.resample(waveform_T.astype(np.float32), SAMPLE_RATE, PERCEPTUAL_RATE)


def summarise(rows: Sequence[Mapping[str, float | None]]) -> dict[str, float]:
    """Mean of each measure over the clips it is defined for, and `<measure>_undefined` counts where some are not."""
    summary: dict[str, float] = {}
    for key in rows[0]:
        values = [value for row in rows if (value := row[key]) is not None]
        if values:
            summary[key] = float(np.mean(values))
        if len(values) < len(rows):
            summary[f"{key}_undefined"] = len(rows) - len(values)
    return summary
