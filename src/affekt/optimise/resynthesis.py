"""From a dreamed spectrogram to sound, and into the recording it was dreamed on.

Axes: B batch, T samples at 22,050 Hz, N samples and C channels of the recording, K frequency bins, F frames.
"""

import itertools
from collections.abc import Callable
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from affekt.corpora.table import SAMPLE_RATE
from affekt.features.mel import HOP_LENGTH, log_mel
from affekt.features.phase import refine_phase
from affekt.features.spectrogram import POWER, Resolution, invert
from affekt.features.stft import window_of

PhaseRule = Literal["original", "griffin_lim", "vocoder"]
Vocoder = Callable[[Tensor], Tensor]  # raw log mel (B, M, F) to (B, (F - 1) * HOP_LENGTH)

# 32 iterations bring the sound's spectrogram 2 dB (early layers) to 4 dB (late) nearer to the dreamed one than the
# original phases do; 100 bring 0.2 dB more.
REFINE = 32
BLOCK_FRAMES = 4096  # refined at once, so that memory is bounded
MARGIN_FRAMES = 32  # before and after a block, heard but not kept: what a frame's phase depends on
FULL_SCALE = 1 - 2**-15  # the largest sample that 16 bits hold


def speak(
    root_BKF: Tensor,
    phase_BKF: Tensor,
    samples: int,
    resolution: Resolution,
    rule: PhaseRule = "original",
    vocoder: Vocoder | None = None,
) -> Tensor:
    """A waveform (B, samples) of dreamed root magnitudes; where the phases of the start do not fit, other rules do."""
    if rule == "griffin_lim":
        phase_BKF = refine_blocks(root_BKF**POWER, phase_BKF, resolution)
    wave_BT = invert(root_BKF, phase_BKF, samples, resolution)
    if rule != "vocoder":
        return wave_BT
    assert vocoder is not None
    padded_BT = torch.nn.functional.pad(wave_BT, (0, -samples % HOP_LENGTH))
    return vocoder(log_mel(padded_BT))[:, :samples]


def refine_blocks(magnitude_BKF: Tensor, phase_BKF: Tensor, resolution: Resolution) -> Tensor:
    """Phases of Griffin-Lim, from the given ones on; a long sound in blocks that overlap."""
    window = window_of(resolution.n_fft, magnitude_BKF.device)
    frames = magnitude_BKF.shape[-1]
    edges = [*range(0, max(frames - BLOCK_FRAMES // 2, 1), BLOCK_FRAMES), frames]
    refined_BKF = phase_BKF.clone()
    for start, stop in itertools.pairwise(edges):
        first, last = max(start - MARGIN_FRAMES, 0), min(stop + MARGIN_FRAMES, frames)
        block_BKF = refine_phase(
            magnitude_BKF[..., first:last], phase_BKF[..., first:last], window, resolution.hop_length, REFINE
        )
        refined_BKF[..., start:stop] = block_BKF[..., start - first : stop - first]
    return refined_BKF


def mix(recording_NC: np.ndarray, rate: int, before_T: np.ndarray, after_T: np.ndarray) -> tuple[np.ndarray, float]:
    """The recording with its mono mix at 22,050 Hz, `before`, turned into `after`; and the gain that was needed.

    What the dream did is added to every channel at the recording's own rate: what lies above 11 kHz, what the
    channels do not have in common and the level stay as they were. The gain is 1 unless the sum would clip.
    """
    import soxr

    change_N = after_T - before_T
    if rate != SAMPLE_RATE:
        change_N = soxr.resample(change_N, SAMPLE_RATE, rate, quality="HQ")
    change_N = np.pad(change_N[: len(recording_NC)], (0, max(0, len(recording_NC) - len(change_N))))
    mixed_NC = recording_NC + change_N[:, None].astype(np.float32)
    return fit(mixed_NC)


def fit(samples: np.ndarray) -> tuple[np.ndarray, float]:
    """Samples that do not clip, and the gain: 1 where they did not anyway."""
    peak = float(np.abs(samples).max(initial=0.0))
    if peak <= 1:
        return samples, 1.0
    gain = FULL_SCALE / peak
    return samples * np.float32(gain), gain
