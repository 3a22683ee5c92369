"""An ensemble is the normalised mean of logarithms: equal weights, in any order."""

import warnings

import numpy as np
import pytest

from affekt.evaluate.ensemble import combine, normalise


def posteriors(models: int, seeds: int = 2, clips: int = 7) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [normalise(rng.normal(0, 2, (seeds, clips, 8))) for _ in range(models)]


def test_two_experts_by_hand() -> None:
    sure, unsure = np.log([[0.9, 0.1]]), np.log([[0.4, 0.6]])
    expected = np.sqrt([0.9 * 0.4, 0.1 * 0.6])
    np.testing.assert_allclose(np.exp(combine([sure, unsure])), [expected / expected.sum()])


def test_it_is_normalised_and_the_same_in_any_order() -> None:
    models = posteriors(3)
    combined = combine(models)
    np.testing.assert_allclose(np.exp(combined).sum(-1), 1)
    np.testing.assert_allclose(combine(models[::-1]), combined)


def test_an_ensemble_of_one_recogniser_with_itself_is_that_recogniser() -> None:
    (model,) = posteriors(1)
    np.testing.assert_allclose(combine([model, model]), model)


def test_normalising_is_the_logarithm_of_softmax() -> None:
    from scipy.special import log_softmax

    x = np.random.default_rng(1).normal(0, 300, (5, 8))
    np.testing.assert_allclose(normalise(x), log_softmax(x, axis=1), atol=1e-12)


def test_recognisers_of_unequal_shape_are_refused() -> None:
    with pytest.raises(ValueError, match="one shape"):
        combine([np.zeros((2, 8)), np.zeros((3, 8))])
    with pytest.raises(ValueError, match="got none"):
        combine([])


def test_clips_that_were_not_tested_stay_so_without_a_warning() -> None:
    scores = np.full((2, 8), np.nan)
    scores[0] = 1.0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = combine([normalise(scores), normalise(scores)])
    np.testing.assert_allclose(found[0], np.log(1 / 8))
    assert np.isnan(found[1]).all()
