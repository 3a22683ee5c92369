"""Where a long sound is best cut: at its quietest places. Axes: T samples, H hops of the mel."""

from itertools import pairwise

import numpy as np

from affekt.features.mel import HOP_LENGTH

HEARD = 1024  # samples around a cut in which it should be quiet
CUT = 0.01  # what a cut costs beside the loudness at its place, 1 the loudest: cuts in silence should be few, too


def split_at_pauses(wave_T: np.ndarray, shortest: int, longest: int) -> list[tuple[int, int]]:
    """Return the ranges of samples, back to back, into which a sound falls where it is quietest at all cuts together.

    Each is from `shortest` to `longest` samples long; a sound that is not longer than that stays whole. Cuts lie on
    frames of the mel. The best cuts are found by dynamic programming over all of them.
    """
    assert longest >= 2 * shortest + 2 * HOP_LENGTH, "every length can be made of such parts"
    samples = len(wave_T)
    if samples <= longest:
        return [(0, samples)]
    price_H = CUT + loudness(wave_T)
    least, most = -(-shortest // HOP_LENGTH), longest // HOP_LENGTH
    cost_H = np.full(len(price_H), np.inf)
    cost_H[0] = 0.0
    came_H = np.zeros(len(price_H), np.int64)
    for hop in range(least, len(price_H)):
        came_H[hop] = cheapest(cost_H, hop - most, hop - least)
        cost_H[hop] = cost_H[came_H[hop]] + price_H[hop]
    last = cheapest(cost_H, -((longest - samples) // HOP_LENGTH), (samples - shortest) // HOP_LENGTH)
    cuts = [samples]
    while last > 0:
        cuts.append(last * HOP_LENGTH)
        last = int(came_H[last])
    edges = [0, *reversed(cuts)]
    return list(pairwise(edges))


def loudness(wave_T: np.ndarray) -> np.ndarray:
    """Return the root of the mean square around each multiple of a hop, 1 at the loudest; 0 in digital silence."""
    padded = np.pad(wave_T.astype(np.float64), HEARD // 2)
    power = np.concatenate([[0.0], np.cumsum(np.square(padded))])
    starts = np.arange(0, len(wave_T) + 1, HOP_LENGTH)
    rms_H = np.sqrt(np.maximum(power[starts + HEARD] - power[starts], 0.0) / HEARD)
    return rms_H / max(float(rms_H.max()), np.finfo(np.float64).tiny)


def cheapest(cost_H: np.ndarray, first: int, last: int) -> int:
    """Return the hop from `first` to `last` with the least cost."""
    first = max(first, 0)
    return first + int(np.argmin(cost_H[first : last + 1]))
