"""Paired comparisons equal scipy's tests and a count of all sign flips."""

from itertools import product

import numpy as np
import pytest
from scipy import stats

from affekt.evaluate.paired import MOST_EXACT, compare_pairs, sign_flip_test


@pytest.mark.parametrize("pairs", [2, 3, 7])
def test_t_test_and_interval_are_those_of_scipy(pairs: int) -> None:
    rng = np.random.default_rng(pairs)
    other, reference = rng.normal(0.3, 1, pairs), rng.normal(0, 1, pairs)
    found, expected = compare_pairs(other, reference), stats.ttest_rel(other, reference)
    assert found.p_t == pytest.approx(expected.pvalue)
    interval = expected.confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))
    assert found.mean == pytest.approx((other - reference).mean())
    assert found.sd == pytest.approx(np.std(other - reference, ddof=1))


@pytest.mark.parametrize("count", [1, 2, 5, 8])
def test_sign_flips_are_all_counted(count: int) -> None:
    rng = np.random.default_rng(count)
    for differences in (rng.normal(0.4, 1, count), rng.integers(-2, 4, count).astype(float)):  # the latter have ties
        sums = np.array([np.dot(signs, differences) for signs in product((1, -1), repeat=count)])
        expected = (np.abs(sums) >= abs(differences.sum()) - 1e-9).mean()
        assert sign_flip_test(differences) == pytest.approx(expected)


def test_sign_flips_equal_scipys_permutation_test() -> None:
    differences = np.random.default_rng(0).normal(0.3, 1, 12)
    expected = stats.permutation_test((differences,), np.mean, permutation_type="samples", n_resamples=np.inf)
    assert sign_flip_test(differences) == pytest.approx(expected.pvalue)


def test_the_smallest_p_of_three_seeds_is_a_quarter() -> None:
    assert sign_flip_test(np.array([0.1, 0.1, 0.1])) == 0.25
    assert sign_flip_test(np.array([-0.1, -0.2, -0.3])) == 0.25
    assert sign_flip_test(np.zeros(3)) == 1


def test_many_differences_go_over_into_the_normal_law() -> None:
    differences = np.random.default_rng(1).normal(0.25, 1, MOST_EXACT + 1)
    exact, normal = sign_flip_test(differences[:-1]), sign_flip_test(differences)
    assert exact == pytest.approx(normal, rel=0.5)
    assert sign_flip_test(np.zeros(MOST_EXACT + 1)) == 1


def test_equal_pairs_differ_by_nothing() -> None:
    found = compare_pairs(np.ones(3), np.ones(3))
    assert (found.mean, found.sd, found.low, found.high, found.p_t, found.p_flip) == (0, 0, 0, 0, 1, 1)


def test_pairs_that_do_not_pair_are_refused() -> None:
    for other, reference in ((np.ones(2), np.ones(3)), (np.ones(1), np.ones(1))):
        with pytest.raises(ValueError, match="two or more pairs"):
            compare_pairs(other, reference)
