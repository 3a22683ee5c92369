"""A benchmark row holds what its parts say of the same predictions."""

import numpy as np
import pytest

from affekt.corpora.table import EMOTIONS
from affekt.evaluate.baseline import crossvalidate
from affekt.evaluate.benchmark import find_tested, measure_baseline, measure_posterior
from affekt.evaluate.crossvalidation import NOT_TESTED
from affekt.evaluate.ensemble import combine, normalise
from affekt.evaluate.protocols import FOUR, LEFT_OUT

TRUTH = np.tile(np.arange(8), 30)
FOLD = np.repeat([0, 1, 2], 80)
EVERY = np.full(len(TRUTH), True)


def posterior(seeds: int, strength: float) -> np.ndarray:
    """Noisy log-probabilities in which the truth stands out, the more the stronger."""
    noise = np.random.default_rng(0).normal(0, 1, (seeds, len(TRUTH), 8))
    return normalise(noise + strength * np.eye(8)[TRUTH])


def test_a_row_by_its_parts() -> None:
    log_p = posterior(3, 2.0)
    row = measure_posterior(log_p, TRUTH, FOLD)
    right = log_p.argmax(-1) == TRUTH
    assert row.figures["wa_mean"] == pytest.approx(right.mean())
    assert row.ua_SF.shape == (3, 3)
    assert row.figures["ua_mean"] == pytest.approx(row.ua_SF.mean())
    assert row.confusion_EE.sum() == 3 * len(TRUTH)
    assert sum(one["count"] for one in row.reliability) == 3 * len(TRUTH)
    assert {f"recall/{emotion}" for emotion in EMOTIONS} <= row.figures.keys()


def test_the_design_fold_is_left_out_of_the_other_folds() -> None:
    strength = np.where(FOLD == 0, 6.0, 1.0)[:, None]  # the first fold is by far the easiest
    log_p = normalise(posterior(2, 0.0) + strength * np.eye(8)[TRUTH])
    row = measure_posterior(log_p, TRUTH, FOLD)
    assert row.figures["ua_mean_other_folds"] == pytest.approx(row.ua_SF[:, 1:].mean())
    assert row.figures["ua_mean_other_folds"] < row.figures["ua_mean"] - 0.1
    alone = measure_posterior(log_p[:, FOLD != 0], TRUTH[FOLD != 0], FOLD[FOLD != 0])
    assert row.figures["ua_mean_other_folds"] == pytest.approx(alone.figures["ua_mean"])
    features = np.eye(8)[TRUTH] + np.random.default_rng(4).normal(0, 1, (len(TRUTH), 8))
    baseline = measure_baseline(features, TRUTH, FOLD, 10.0, EVERY)
    assert baseline.figures["ua_mean_other_folds"] == pytest.approx(baseline.ua_SF[0, 1:].mean())


def test_one_fold_has_no_other_folds() -> None:
    one = np.where((FOLD == 0)[:, None], posterior(2, 1.0), np.nan)
    assert "ua_mean_other_folds" not in measure_posterior(one, TRUTH, FOLD).figures


def test_fewer_classes_are_easier_and_measured_on_their_clips() -> None:
    log_p = posterior(2, 1.5)
    figures = measure_posterior(log_p, TRUTH, FOLD).figures
    labels = FOUR.labels(TRUTH)
    asked = labels != LEFT_OUT
    named = FOUR.posterior(log_p)[:, asked].argmax(-1)
    assert figures["four/wa_mean"] == pytest.approx((named == labels[asked]).mean())
    assert figures["four/ua_mean"] > figures["five/ua_mean"] > figures["ua_mean"]
    assert "four/recall/happy" not in figures


def test_an_ensemble_of_independent_recognisers_is_better_than_each() -> None:
    rng = np.random.default_rng(1)
    models = [normalise(rng.normal(0, 1, (2, len(TRUTH), 8)) + np.eye(8)[TRUTH]) for _ in range(5)]
    alone = [measure_posterior(model, TRUTH, FOLD).figures["ua_mean"] for model in models]
    assert measure_posterior(combine(models), TRUTH, FOLD).figures["ua_mean"] > max(alone) + 0.1


def test_the_baseline_is_fitted_anew_on_each_set_and_has_no_calibration() -> None:
    features = np.random.default_rng(2).normal(0, 1, (len(TRUTH), 8)) + 2 * np.eye(8)[TRUTH]
    row = measure_baseline(features, TRUTH, FOLD, 10.0, EVERY)
    labels = FOUR.labels(TRUTH)
    asked = labels != LEFT_OUT
    named = crossvalidate(features[asked], labels[asked], FOLD[asked], 10.0)
    assert row.figures["four/wa_mean"] == pytest.approx((named == labels[asked]).mean())
    assert row.figures["wa_mean"] == pytest.approx((row.predicted_SN[0] == TRUTH).mean())
    assert "ece" not in row.figures
    assert row.reliability == []


def test_clips_of_folds_that_were_not_run_count_nowhere() -> None:
    log_p = posterior(2, 1.0)
    run = FOLD != 2
    part = measure_posterior(np.where(run[:, None], log_p, np.nan), TRUTH, FOLD)
    alone = measure_posterior(log_p[:, run], TRUTH[run], FOLD[run])
    assert part.figures == alone.figures
    assert part.reliability == alone.reliability
    assert (part.predicted_SN[:, ~run] == NOT_TESTED).all()
    np.testing.assert_array_equal(find_tested(part.predicted_SN), run)
    features = np.eye(8)[TRUTH] + np.random.default_rng(3).normal(0, 1, (len(TRUTH), 8))
    whole, some = (measure_baseline(features, TRUTH, FOLD, 10.0, tested) for tested in (EVERY, run))
    np.testing.assert_array_equal(some.ua_SF, whole.ua_SF[:, :2])
    assert (some.predicted_SN[0, ~run] == NOT_TESTED).all()


def test_seeds_that_tested_different_clips_are_refused() -> None:
    log_p = posterior(2, 1.0)
    log_p[0, FOLD == 0] = np.nan
    with pytest.raises(ValueError, match="tested different clips"):
        measure_posterior(log_p, TRUTH, FOLD)
