"""Calibration by hand, against scikit-learn's curve, and on recognisers whose calibration is known."""

import numpy as np
import pytest

from affekt.evaluate.calibration import BINS, Bin, as_rows, expected_calibration_error, reliability


def binary(confidence: list[float], right: list[bool]) -> tuple[np.ndarray, np.ndarray]:
    """Two-class log-probabilities whose class 0 has the confidence, and the truth."""
    p = np.array(confidence)
    return np.log(np.stack([p, 1 - p], axis=1)), np.where(right, 0, 1)


def test_bins_and_error_by_hand() -> None:
    log_p, truth = binary([0.9, 0.95, 0.85, 0.7, 0.65], [True, True, False, True, False])
    bins = reliability(log_p, truth, bins=5)
    assert [one.count for one in bins] == [2, 3]  # (0.6, 0.8] and (0.8, 1]
    assert [one.confidence for one in bins] == pytest.approx([0.675, 0.9])
    assert [one.accuracy for one in bins] == pytest.approx([0.5, 2 / 3])
    assert expected_calibration_error(bins) == pytest.approx(2 / 5 * 0.175 + 3 / 5 * (0.9 - 2 / 3))


def test_edges_belong_to_the_bin_below_and_certainty_to_the_last() -> None:
    with np.errstate(divide="ignore"):
        log_p, truth = binary([0.75, 0.7500001, 1.0], [True, True, True])
    bins = reliability(log_p, truth, bins=4)
    assert [one.count for one in bins] == [1, 2]


def test_the_curve_is_that_of_scikit_learn() -> None:
    from sklearn.calibration import calibration_curve

    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (500, 8))
    log_p = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
    truth = np.where(rng.random(500) < 0.6, log_p.argmax(1), rng.integers(0, 8, 500))
    accuracy, confidence = calibration_curve(log_p.argmax(1) == truth, np.exp(log_p.max(1)), n_bins=BINS)
    bins = reliability(log_p, truth)
    assert [one.accuracy for one in bins] == pytest.approx(accuracy)
    assert [one.confidence for one in bins] == pytest.approx(confidence)
    assert sum(one.count for one in bins) == 500


def test_a_calibrated_recogniser_has_no_error_and_a_sure_one_its_error_rate() -> None:
    rng = np.random.default_rng(1)
    probability = rng.dirichlet(np.full(4, 0.5), 100_000)
    truth = (probability.cumsum(1) < rng.random((len(probability), 1))).sum(1).clip(max=3)
    assert expected_calibration_error(reliability(np.log(probability + 1e-300), truth)) < 0.01
    sure = np.log(np.where(np.eye(4)[probability.argmax(1)] > 0, 1 - 3e-9, 1e-9))
    wrong = (probability.argmax(1) != truth).mean()
    assert expected_calibration_error(reliability(sure, truth)) == pytest.approx(wrong, abs=1e-6)


def test_rows_are_json() -> None:
    assert as_rows([Bin(0.5, 0.25, 4)]) == [{"confidence": 0.5, "accuracy": 0.25, "count": 4}]


def test_logits_are_refused() -> None:
    with pytest.raises(ValueError, match="must be normalised"):
        reliability(np.zeros((3, 8)), np.zeros(3, dtype=int))
    with pytest.raises(ValueError, match="do not fit"):
        reliability(np.zeros((3, 1)), np.zeros(2, dtype=int))
