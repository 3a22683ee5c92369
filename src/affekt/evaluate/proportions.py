"""Rates with their uncertainty: did more samples succeed after than before, and more than chance would."""

import math
from collections.abc import Sequence

import numpy as np


def wilson_interval(successes: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval of a rate (Wilson 1927); stays within [0, 1] and honest at 0 and 1."""
    _check_count(successes, trials)
    from scipy.stats import norm

    z = float(norm.ppf(0.5 + confidence / 2))
    rate = successes / trials
    centre = (rate + z * z / (2 * trials)) / (1 + z * z / trials)
    half = z / (1 + z * z / trials) * math.sqrt(rate * (1 - rate) / trials + z * z / (4 * trials * trials))
    low = 0.0 if successes == 0 else centre - half  # exact there, where rounding would leave 1e-17
    return low, 1.0 if successes == trials else centre + half


def mcnemar(before: Sequence[bool] | np.ndarray, after: Sequence[bool] | np.ndarray) -> float:
    """Exact two-sided McNemar test of paired outcomes: p of the changed pairs falling this unevenly by chance."""
    before_B, after_B = np.asarray(before, dtype=bool), np.asarray(after, dtype=bool)
    if before_B.shape != after_B.shape:
        raise ValueError(f"paired outcomes differ in number: {before_B.shape} before, {after_B.shape} after")
    return sign_test(int((after_B & ~before_B).sum()), int((before_B & ~after_B).sum()))


def sign_test(rises: int, falls: int) -> float:
    """Exact two-sided p of `rises` against `falls` under even odds; 1 when nothing changed."""
    from scipy.stats import binomtest

    return 1.0 if rises + falls == 0 else float(binomtest(rises, rises + falls, 0.5).pvalue)


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values for their number, in their order (Holm 1979): each is then at most the family's error rate."""
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    adjusted, highest = [0.0] * len(p_values), 0.0
    for rank, i in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[i]))
        adjusted[i] = highest
    return adjusted


def above_chance(successes: int, trials: int, chance: float) -> float:
    """Exact one-sided p of at least this many successes when each trial succeeds by chance."""
    _check_count(successes, trials)
    from scipy.stats import binomtest

    return float(binomtest(successes, trials, chance, alternative="greater").pvalue)


def _check_count(successes: int, trials: int) -> None:
    if not 0 <= successes <= trials or trials == 0:
        raise ValueError(f"a rate needs 0 <= successes <= trials and at least one trial, got {successes}/{trials}")
