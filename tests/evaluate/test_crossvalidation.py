"""Runs of a cross-validation are counted as scikit-learn counts each one, and averaged as said."""

import numpy as np
import pytest

from affekt.evaluate.crossvalidation import count_runs, score

CLASSES = 5


def runs(seeds: int = 3, folds: int = 4, clips: int = 200) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    truth = np.concatenate([np.tile(np.arange(CLASSES), 4), rng.integers(0, CLASSES, clips - 4 * CLASSES)])
    fold = np.concatenate([np.repeat(np.arange(folds), CLASSES), rng.integers(0, folds, clips - folds * CLASSES)])
    predicted = np.where(rng.random((seeds, clips)) < 0.5, truth, rng.integers(0, CLASSES, (seeds, clips)))
    return predicted, truth, 10 * fold + 7  # folds need not count from 0


def test_every_run_equals_scikit_learn() -> None:
    from sklearn import metrics

    predicted, truth, fold = runs()
    counts, scores = count_runs(predicted, truth, fold, CLASSES), score(predicted, truth, fold, CLASSES)
    assert counts.shape == (3, 4, CLASSES, CLASSES)
    for s in range(3):
        for f, name in enumerate(np.unique(fold)):
            a, p = truth[fold == name], predicted[s, fold == name]
            np.testing.assert_array_equal(counts[s, f], metrics.confusion_matrix(a, p, labels=range(CLASSES)))
            assert scores.ua_SF[s, f] == pytest.approx(metrics.balanced_accuracy_score(a, p))
            assert scores.wa_SF[s, f] == pytest.approx(metrics.accuracy_score(a, p))
            assert scores.macro_f1_SF[s, f] == pytest.approx(metrics.f1_score(a, p, average="macro"))


def test_every_clip_counts_once_per_seed() -> None:
    predicted, truth, fold = runs()
    confusion = score(predicted, truth, fold, CLASSES).confusion_EE
    np.testing.assert_array_equal(confusion.sum(1), 3 * np.bincount(truth))
    np.testing.assert_array_equal(confusion.sum(0), np.bincount(predicted.ravel(), minlength=CLASSES))


def test_means_and_deviations_by_hand() -> None:
    """Two seeds, two folds, two clips of each class a fold: UA 1, 0.5 and 0.5, 0.5."""
    truth = np.array([0, 0, 1, 1, 0, 0, 1, 1])
    fold = np.repeat([0, 1], 4)
    right = np.array([[1, 1, 1, 1, 1, 1, 0, 0], [1, 0, 1, 0, 0, 0, 1, 1]], dtype=bool)
    found = score(np.where(right, truth, 1 - truth), truth, fold, 2).figures(["x", "y"])
    assert found["ua_mean"] == found["wa_mean"] == 0.625
    assert found["ua_sd"] == pytest.approx(0.25)  # of 1, .5, .5, .5
    assert found["ua_sd_seeds"] == pytest.approx(0.25 / 2**0.5)  # of .75 and .5
    assert found["recall/x"] == 5 / 8
    assert found["recall/y"] == 5 / 8
    assert found["macro_f1_mean"] == pytest.approx((1 + 1 / 3 + 0.5 + 1 / 3) / 4)


def test_one_seed_has_no_deviation_over_seeds_and_one_run_none_at_all() -> None:
    truth, fold = np.array([0, 1, 0, 1]), np.array([0, 0, 1, 1])
    found = score(truth[None], truth, fold, 2).figures(["x", "y"])
    assert found["ua_sd"] == 0
    assert "ua_sd_seeds" not in found
    assert "ua_sd" not in score(truth[None], truth, 0 * fold, 2).figures(["x", "y"])


def test_the_order_of_clips_does_not_matter() -> None:
    predicted, truth, fold = runs()
    order = np.random.default_rng(1).permutation(len(truth))
    names = [f"class{i}" for i in range(CLASSES)]
    shuffled = score(predicted[:, order], truth[order], fold[order], CLASSES).figures(names)
    assert shuffled == score(predicted, truth, fold, CLASSES).figures(names)


def test_what_does_not_fit_is_named() -> None:
    truth = np.array([0, 1])
    with pytest.raises(ValueError, match=r"\(2,\), \(2,\) and \(2,\)"):
        score(truth, truth, truth, 2)
    with pytest.raises(ValueError, match=r"predicted class is outside 0\.\.1: -1\.\.1"):
        score(np.array([[-1, 1]]), truth, truth, 2)
    with pytest.raises(ValueError, match=r"true class is outside 0\.\.1"):
        score(truth[None], np.array([0, 2]), truth, 2)
