"""Intervals and tests equal published values and scipy's own."""

import pytest
from scipy.stats import binom, binomtest

from affekt.evaluate.proportions import above_chance, holm, mcnemar, sign_test, wilson_interval


def test_wilson_equals_published_values() -> None:
    # Newcombe 1998 (Statistics in Medicine 17), table I, method 3 (score): 81/263, 15/148, 0/20, 1/29.
    assert wilson_interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson_interval(15, 148) == pytest.approx((0.0624, 0.1605), abs=5e-5)
    assert wilson_interval(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)
    assert wilson_interval(1, 29) == pytest.approx((0.0061, 0.1718), abs=5e-5)


@pytest.mark.parametrize(("successes", "trials"), [(0, 7), (3, 7), (7, 7), (50, 400)])
def test_wilson_equals_scipy(successes: int, trials: int) -> None:
    expected = binomtest(successes, trials).proportion_ci(method="wilson")
    assert wilson_interval(successes, trials) == pytest.approx((expected.low, expected.high), abs=1e-12)
    low, high = wilson_interval(successes, trials)
    assert 0 <= low <= successes / trials <= high <= 1


def test_mcnemar_counts_only_changed_pairs() -> None:
    # 121 and 59 changed pairs: exact p 4.4e-6; the textbook example of a clear result.
    before = [True] * 59 + [False] * 121 + [True] * 101 + [False] * 33
    after = [False] * 59 + [True] * 121 + [True] * 101 + [False] * 33
    assert mcnemar(before, after) == pytest.approx(2 * binom.cdf(59, 180, 0.5), rel=1e-9)
    assert mcnemar(before, after) == pytest.approx(4.4e-6, rel=0.05)
    assert mcnemar(before[:180], after[:180]) == mcnemar(before, after)


def test_mcnemar_by_hand() -> None:
    assert mcnemar([False] * 5, [True] * 5) == pytest.approx(2 / 32)
    assert mcnemar([True, False], [False, True]) == 1.0
    assert mcnemar([True, False], [True, False]) == 1.0
    assert sign_test(8, 2) == pytest.approx(0.109375)
    with pytest.raises(ValueError, match="differ in number"):
        mcnemar([True], [True, False])


def test_above_chance() -> None:
    assert above_chance(1, 1, 1 / 8) == pytest.approx(1 / 8)
    assert above_chance(0, 50, 1 / 8) == 1.0
    assert above_chance(2, 2, 1 / 8) == pytest.approx(1 / 64)
    with pytest.raises(ValueError, match="got 3/2"):
        above_chance(3, 2, 1 / 8)


def test_holm_adjusts_in_order_and_never_falls() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])  # Holm's steps by hand: 3p, then 2p, then p
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([0.02]) == [0.02]
