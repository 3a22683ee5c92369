"""Differences between two ways of doing one thing, measured on the same seeds or the same speakers."""

from dataclasses import dataclass

import numpy as np

MOST_EXACT = 36  # differences up to which all sign flips are counted: 2 x 2^18 half sums


@dataclass(frozen=True)
class Difference:
    """The mean of paired differences, its 95 % interval, their deviation (n - 1), and p of no difference."""

    mean: float
    sd: float
    low: float
    high: float
    p_t: float  # two-sided paired t test: assumes normal differences
    p_flip: float  # two-sided exact sign-flip test: assumes only symmetry, and is never below 2 / 2^n


def compare_pairs(other: np.ndarray, reference: np.ndarray) -> Difference:
    """Compare `other` with `reference`, pair by pair; at least two pairs, else ValueError."""
    if np.shape(other) != np.shape(reference) or np.ndim(other) != 1 or np.size(other) < 2:
        raise ValueError(f"need two or more pairs, got {np.shape(other)} and {np.shape(reference)}")
    differences = np.asarray(other, dtype=float) - np.asarray(reference, dtype=float)
    from scipy.stats import t

    mean, sd = float(differences.mean()), float(differences.std(ddof=1))
    error, freedom = sd / differences.size**0.5, differences.size - 1
    half = error * float(t.ppf(0.975, freedom))
    certain = 1.0 if mean == 0 else 0.0  # where all differences are equal
    p_t = float(2 * t.sf(abs(mean) / error, freedom)) if error > 0 else certain
    return Difference(mean, sd, mean - half, mean + half, p_t, sign_flip_test(differences))


def sign_flip_test(differences: np.ndarray) -> float:
    """Two-sided p that a sum this far from 0 arises when each difference is as likely to be negated.

    Exact up to MOST_EXACT differences: the sums of both halves' flips are met in the middle. Beyond, the sum of
    independent signs is taken as normal.
    """
    differences = np.asarray(differences, dtype=float)
    reached = abs(differences.sum()) * (1 - 1e-9)  # equal sums in another order of addition differ by rounding
    if len(differences) > MOST_EXACT:
        from scipy.stats import norm

        return float(2 * norm.sf(reached / np.sqrt(np.square(differences).sum()))) if differences.any() else 1.0
    middle = len(differences) // 2
    left, right = (_flipped_sums(part) for part in (differences[:middle], differences[middle:]))
    right.sort()
    above = len(right) - np.searchsorted(right, reached - left, side="left")
    below = np.searchsorted(right, -reached - left, side="right")
    # With a sum of 0 every flip is as far: both counts then take the same ones.
    return min(1.0, float(above.sum() + below.sum()) / 2 ** len(differences))


def _flipped_sums(differences: np.ndarray) -> np.ndarray:
    sums = np.zeros(1)
    for difference in differences:
        sums = np.concatenate([sums + difference, sums - difference])
    return sums
