"""Fundamental frequency by Praat's autocorrelation, on the frames of the mel."""

import math

import numpy as np

from affekt.features.mel import HOP_LENGTH, SAMPLE_RATE, frames_of

_PERIODS_PER_WINDOW = 3  # Praat's autocorrelation window: three periods of the pitch floor


def track_f0(waveform_T: np.ndarray, f0_min_hz: float, f0_max_hz: float) -> np.ndarray:
    """f0 in Hz, 0 where unvoiced; (T,) at SAMPLE_RATE to float32 (frames_of(T),).

    Frames whose analysis window would reach beyond the clip are unvoiced, as Praat has it.
    Method: P. Boersma, Accurate short-term analysis of the fundamental frequency (IFA Proceedings 17, 1993).
    """
    f0 = np.zeros(frames_of(len(waveform_T)), np.float32)
    window = _PERIODS_PER_WINDOW / f0_min_hz * SAMPLE_RATE  # samples
    start, stop = _aligned_part(len(waveform_T), window)
    if stop - start <= window:
        return f0
    import parselmouth

    sound = parselmouth.Sound(waveform_T[start:stop].astype(np.float64), SAMPLE_RATE)
    pitch = sound.to_pitch_ac(time_step=HOP_LENGTH / SAMPLE_RATE, pitch_floor=f0_min_hz, pitch_ceiling=f0_max_hz)
    # Praat's time 0 is the edge of the first sample, half a sample before its centre.
    first = (pitch.x1 * SAMPLE_RATE - 0.5 + start) / HOP_LENGTH
    assert abs(first - round(first)) < 1e-3, f"Praat's frames lie {first} hops off the grid of the mel"
    found = pitch.selected_array["frequency"]
    f0[round(first) : round(first) + len(found)] = found
    return f0


def _aligned_part(samples: int, window: float) -> tuple[int, int]:
    """The largest part of a clip on which Praat's frames fall on multiples of HOP_LENGTH.

    Praat places as many frames as have a whole window, and centres them in the sound. In a sound of
    k * HOP_LENGTH + 1 samples that is on the multiples of half a hop: the whole ones when a window lacks an even
    number of hops, else the sound must begin half a hop later.
    """
    lacking = math.ceil((window - 1) / HOP_LENGTH)
    start = lacking % 2 * (HOP_LENGTH // 2)
    hops = max(samples - start - 1, 0) // HOP_LENGTH
    return start, start + hops * HOP_LENGTH + 1
