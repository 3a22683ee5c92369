"""f0 of tones of known pitch, on the frames of the mel."""

import numpy as np
import pytest

from affekt.features.f0 import track_f0
from affekt.features.mel import HOP_LENGTH, SAMPLE_RATE, frames_of

FLOOR_HZ, CEILING_HZ = 65.0, 600.0


def harmonics(f0: np.ndarray) -> np.ndarray:
    """A tone of ten harmonics that follows f0 (Hz per sample)."""
    phase = 2 * np.pi * np.cumsum(f0) / SAMPLE_RATE
    tone = sum(np.sin(k * phase) / k for k in range(1, 11))
    return (0.1 * np.asarray(tone)).astype(np.float32)


@pytest.mark.parametrize("hertz", [80.0, 147.3, 220.0, 411.0])
def test_steady_tone(hertz: float) -> None:
    f0 = track_f0(harmonics(np.full(SAMPLE_RATE, hertz)), FLOOR_HZ, CEILING_HZ)
    assert f0.dtype == np.float32
    assert (f0 > 0).mean() > 0.9
    np.testing.assert_allclose(f0[f0 > 0], hertz, rtol=0.01)


@pytest.mark.parametrize("floor_hz", [50.0, 65.0, 75.0, 90.0, 120.0])
@pytest.mark.parametrize("samples", [22050, 22178, 22273, 22401])
def test_frames_are_centred_where_the_mels_are(floor_hz: float, samples: int) -> None:
    """A glide of 200 Hz/s is read 2.3 Hz wrong when it is read one frame beside its place."""
    truth = 150 + 200 * np.arange(samples) / SAMPLE_RATE
    f0 = track_f0(harmonics(truth), floor_hz, CEILING_HZ)
    voiced = np.flatnonzero(f0)
    assert len(f0) == frames_of(samples)
    assert len(voiced) > 0.9 * len(f0)
    np.testing.assert_allclose(f0[voiced], truth[voiced * HOP_LENGTH], atol=0.3)


def test_noise_and_silence_are_unvoiced() -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, SAMPLE_RATE).astype(np.float32)
    assert (track_f0(noise, FLOOR_HZ, CEILING_HZ) > 0).mean() < 0.1
    assert not track_f0(np.zeros(SAMPLE_RATE, np.float32), FLOOR_HZ, CEILING_HZ).any()


@pytest.mark.parametrize("samples", [1, 300, 1017, 1024, 1025, 1300])
def test_clips_around_one_window_have_all_frames(samples: int) -> None:
    f0 = track_f0(harmonics(np.full(samples, 200.0)), FLOOR_HZ, CEILING_HZ)
    assert len(f0) == frames_of(samples)
    np.testing.assert_allclose(f0[f0 > 0], 200, rtol=0.01)
