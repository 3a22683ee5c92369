"""f0 without gaps."""

import numpy as np

from affekt.features.continuous import NO_VOICE_HZ, without_gaps


def test_gaps_are_filled_along_the_logarithm_and_ends_held() -> None:
    found = without_gaps(np.array([0, 0, 100, 0, 400, 0], np.float32))
    assert np.allclose(found, [100, 100, 100, 200, 400, 400])
    assert found.dtype == np.float32


def test_what_is_voiced_stays() -> None:
    f0_F = np.array([120, 130, 0, 125], np.float32)
    assert np.allclose(without_gaps(f0_F)[f0_F > 0], f0_F[f0_F > 0])


def test_a_clip_without_voice_has_a_level_melody() -> None:
    assert (without_gaps(np.zeros(5, np.float32)) == NO_VOICE_HZ).all()
