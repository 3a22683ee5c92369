"""The baseline: statistics of known signals, and a support vector machine that learns and standardises."""

import numpy as np
import pytest

from affekt.evaluate.baseline import clip_statistics, crossvalidate, fit_predict


def toy(rng: np.random.Generator, clips: int) -> tuple[np.ndarray, np.ndarray]:
    """Make statistics of clips in which the class shifts one coefficient's mean and the speed of another."""
    labels = np.arange(clips) % 3
    rows = []
    for label in labels:
        time = np.arange(60)[:, None] + rng.uniform(0, 60)
        mfcc_FC = np.hstack([1000.0 * label + rng.normal(0, 300, (60, 1)), np.sin(time * (0.1 + 0.2 * label))])
        rows.append(clip_statistics(mfcc_FC + rng.normal(0, 0.05, (60, 2))))
    return np.array(rows), labels


def test_statistics_of_a_line_and_a_constant() -> None:
    mfcc_FC = np.stack([np.arange(5.0), np.full(5, 7.0)], axis=1)
    np.testing.assert_allclose(clip_statistics(mfcc_FC), [2, 7, 2**0.5, 0, 1, 0, 0, 0])


def test_statistics_of_one_frame() -> None:
    np.testing.assert_array_equal(clip_statistics(np.array([[3.0, 4.0]], dtype=np.float32)), [3, 4, 0, 0, 0, 0, 0, 0])


def test_float32_statistics_are_those_of_float64() -> None:
    mfcc_FC = np.random.default_rng(0).normal(500, 1, (3000, 4)).astype(np.float32)
    np.testing.assert_allclose(clip_statistics(mfcc_FC), clip_statistics(mfcc_FC.astype(np.float64)), rtol=1e-12)


def test_the_baseline_learns_a_toy_separation_of_unseen_clips() -> None:
    rng = np.random.default_rng(0)
    train, labels = toy(rng, 60)
    test, truth = toy(rng, 30)
    assert (fit_predict(train, labels, test, 10.0) == truth).mean() >= 0.95
    shuffled = fit_predict(train, rng.permutation(labels), test, 10.0)
    assert (shuffled == truth).mean() < 0.7


def test_predictions_do_not_depend_on_the_features_units() -> None:
    rng = np.random.default_rng(1)
    train, labels = toy(rng, 60)
    test, _ = toy(rng, 30)
    unit = 10.0 ** rng.integers(-3, 4, train.shape[1])
    expected = fit_predict(train, labels, test, 10.0)
    np.testing.assert_array_equal(fit_predict(train * unit + 5, labels, test * unit + 5, 10.0), expected)


def test_a_rare_class_is_not_drowned() -> None:
    """Balanced class weights: with 10 of 200 clips, a class that overlaps by half is still predicted."""
    rng = np.random.default_rng(2)
    labels = np.repeat([0, 1], [190, 10])
    train = rng.normal(labels[:, None] * 1.5, 1.0, (200, 2))
    test = rng.normal(1.5, 1.0, (100, 2))
    assert fit_predict(train, labels, test, 1.0).mean() > 0.5


def test_a_cross_validation_predicts_every_clip_from_the_other_folds() -> None:
    rng = np.random.default_rng(3)
    features, labels = toy(rng, 60)
    fold = rng.permutation(np.arange(60) % 3)
    predicted = crossvalidate(features, labels, fold, 10.0)
    held_out = fold == 1
    expected = fit_predict(features[~held_out], labels[~held_out], features[held_out], 10.0)
    np.testing.assert_array_equal(predicted[held_out], expected)
    changed = np.where(held_out, (labels + 1) % 3, labels)  # the labels of a fold say nothing to its own predictions
    np.testing.assert_array_equal(crossvalidate(features, changed, fold, 10.0)[held_out], expected)
    assert (predicted == labels).mean() > 0.9


def test_one_fold_is_no_cross_validation() -> None:
    with pytest.raises(ValueError, match="two or more folds"):
        crossvalidate(np.zeros((2, 1)), np.array([0, 1]), np.zeros(2), 1.0)
