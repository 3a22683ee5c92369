"""Stacking: weights come from the other folds alone, and the better model gets the larger one."""

import numpy as np
import pytest

from affekt.evaluate.ensemble import normalise
from affekt.evaluate.stacking import fit_weights, pool, stack, stack_seeds

CLIPS, CLASSES = 240, 4


def truth_and_folds() -> tuple[np.ndarray, np.ndarray]:
    return np.arange(CLIPS) % CLASSES, np.arange(CLIPS) // (CLIPS // 3)


def model(strength: float, seed: int) -> np.ndarray:
    """Log-probabilities that lean to the truth by `strength` against noise of deviation 1."""
    truth, _ = truth_and_folds()
    scores = np.random.default_rng(seed).normal(0, 1, (CLIPS, CLASSES))
    scores[np.arange(CLIPS), truth] += strength
    return normalise(scores)


def accuracy(log_probability_NE: np.ndarray) -> float:
    return float((log_probability_NE.argmax(1) == truth_and_folds()[0]).mean())


def test_a_pool_of_two_by_hand() -> None:
    models = np.log([[[0.9, 0.1]], [[0.4, 0.6]]])
    expected = np.array([0.9**0.5 * 0.4**2, 0.1**0.5 * 0.6**2])
    np.testing.assert_allclose(np.exp(pool(models, np.array([0.5, 2.0]))), [expected / expected.sum()])


def test_noise_gets_no_weight_and_the_stronger_model_more() -> None:
    truth, folds = truth_and_folds()
    models = np.stack([model(2.0, 0), model(1.0, 1), model(0.0, 2)])
    pooled, weights = stack(models, truth, folds)
    assert (weights[:, 0] > weights[:, 1]).all()
    assert (weights[:, 2] < 0.2 * weights[:, 1]).all()
    assert accuracy(pooled) > max(accuracy(one) for one in models)
    np.testing.assert_allclose(np.exp(pooled).sum(1), 1)


def test_a_fold_has_no_say_in_its_own_weights() -> None:
    """With the truth of one fold changed, the others' weights move and its own do not."""
    truth, folds = truth_and_folds()
    models = np.stack([model(2.0, 0), model(1.0, 1)])
    changed = np.where(folds == 1, (truth + 1) % CLASSES, truth)
    before, after = stack(models, truth, folds)[1], stack(models, changed, folds)[1]
    np.testing.assert_array_equal(before[1], after[1])
    assert (before[[0, 2]] != after[[0, 2]]).all()


def test_each_class_counts_alike() -> None:
    """A model that is right on the rare class alone gets weight when the classes count alike."""
    truth = np.array([0] * 90 + [1] * 10)
    says_0 = normalise(np.tile([2.0, 0.0], (100, 1)))
    knows_1 = normalise(np.where((truth == 1)[:, None], [0.0, 2.0], [0.5, 0.5]))
    weights = fit_weights(np.stack([says_0, knows_1]), truth)
    assert weights[1] > weights[0]


def test_clips_that_were_not_tested_stay_so() -> None:
    truth, folds = truth_and_folds()
    models = np.stack([model(2.0, 0), model(1.0, 1)])
    models[:, folds == 2] = np.nan
    pooled, weights = stack(models, truth, folds)
    assert weights.shape == (2, 2)
    assert np.isnan(pooled[folds == 2]).all()
    assert np.isfinite(pooled[folds < 2]).all()


def test_one_fold_alone_is_refused() -> None:
    truth, _ = truth_and_folds()
    with pytest.raises(ValueError, match="at least two folds, got 1"):
        stack(np.stack([model(1.0, 0)]), truth, np.zeros(CLIPS, dtype=int))


def test_seeds_are_stacked_one_by_one() -> None:
    truth, folds = truth_and_folds()
    by_model = {"a": np.stack([model(2.0, 0), model(2.0, 5)]), "b": np.stack([model(1.0, 1), model(1.0, 6)])}
    pooled, weights = stack_seeds(by_model, truth, folds)
    assert pooled.shape == (2, CLIPS, CLASSES)
    alone, _ = stack(np.stack([by_model["a"][1], by_model["b"][1]]), truth, folds)
    np.testing.assert_array_equal(pooled[1], alone)
    assert weights["a"] > weights["b"] > 0
