"""Cuts of long sounds: all of the sound once, in parts of allowed lengths, where it is quiet."""

import itertools

import numpy as np
import pytest

from affekt.features.mel import HOP_LENGTH
from affekt.features.pauses import loudness, split_at_pauses

SHORTEST, LONGEST = 22050, 4 * 22050


def noise(samples: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(samples).astype(np.float32) * 0.1


@pytest.mark.parametrize("samples", [1, 300, LONGEST])
def test_what_is_short_stays_whole(samples: int) -> None:
    assert split_at_pauses(noise(samples), SHORTEST, LONGEST) == [(0, samples)]


@pytest.mark.parametrize("seed", range(12))
def test_parts_cover_the_sound_once_and_have_allowed_lengths(seed: int) -> None:
    rng = np.random.default_rng(seed)
    samples = LONGEST + 1 + int(rng.integers(0, 4 * LONGEST)) * (seed > 0)
    wave_T = noise(samples, seed)
    for _ in range(int(rng.integers(0, 12))):  # pauses, some of them longer than a part
        start = int(rng.integers(0, samples))
        wave_T[start : start + int(rng.integers(1000, 120_000))] = 0
    parts = split_at_pauses(wave_T, SHORTEST, LONGEST)
    assert (parts[0][0], parts[-1][1]) == (0, samples)
    assert all(a[1] == b[0] for a, b in itertools.pairwise(parts))
    assert all(SHORTEST <= stop - start <= LONGEST for start, stop in parts)
    assert all(start % HOP_LENGTH == 0 for start, _ in parts)


def test_cuts_lie_in_the_pauses() -> None:
    wave_T = noise(10 * 22050)
    pauses = [(2.9, 3.1), (5.5, 5.7), (8.0, 8.2)]
    for start, stop in pauses:
        wave_T[round(start * 22050) : round(stop * 22050)] *= 0.001
    parts = split_at_pauses(wave_T, SHORTEST, LONGEST)
    assert len(parts) == 4
    for (start, stop), (cut, _) in zip(pauses, parts[1:], strict=True):
        assert start < cut / 22050 < stop


def test_one_quiet_cut_now_is_not_paid_for_by_a_loud_one_later() -> None:
    wave_T = noise(round(7.5 * 22050))
    wave_T[round(2.0 * 22050) : round(2.2 * 22050)] = 0  # cutting here alone leaves 5.4 s
    wave_T[round(3.7 * 22050) : round(3.8 * 22050)] *= 0.1
    ((_, cut), _) = split_at_pauses(wave_T, SHORTEST, LONGEST)
    assert 3.65 < cut / 22050 < 3.85


def test_silence_is_cut_into_as_few_parts_as_can_be() -> None:
    assert len(split_at_pauses(np.zeros(30 * 22050, np.float32), SHORTEST, LONGEST)) == 8


def test_loudness_is_of_what_is_around_each_frame() -> None:
    wave_T = np.zeros(20 * HOP_LENGTH)
    wave_T[10 * HOP_LENGTH] = 0.5
    around_H = loudness(wave_T)
    assert len(around_H) == 21
    assert np.flatnonzero(around_H).tolist() == [9, 10, 11, 12]
    assert around_H.max() == 1.0
    assert loudness(np.zeros(500)).max() == 0.0
