"""Several recognisers heard as one: the mean of their log-probabilities, equal weights, nothing chosen.

The mean of logarithms (the product of experts, as in Hinton 2002, normalised again) lets a recogniser that is sure that
it is *not* an emotion be heard. Equal weights over all recognisers that there are need no data to choose them on.

Axes: M models, S seeds, N clips, E classes.
"""

from collections.abc import Sequence

import numpy as np


def combine(log_probability_XE: Sequence[np.ndarray]) -> np.ndarray:
    """Return the normalised mean of several arrays (..., E) of log-probabilities of equal shape."""
    shapes = {array.shape for array in log_probability_XE}
    if len(shapes) != 1:
        raise ValueError(f"recognisers to combine must have one shape, got {sorted(shapes) or 'none'}")
    return normalise(np.mean([np.asarray(array, dtype=np.float64) for array in log_probability_XE], axis=0))


def normalise(score_XE: np.ndarray) -> np.ndarray:
    """Return log-probabilities: the scores less the logarithm of their sum in probability, over the last axis."""
    return score_XE - add_probabilities(score_XE)[..., None]


def add_probabilities(log_probability_XE: np.ndarray, axis: int = -1) -> np.ndarray:
    """Logarithm of the sum of probabilities over an axis; NaN, which marks clips that were not tested, stays NaN."""
    with np.errstate(invalid="ignore"):
        return np.logaddexp.reduce(log_probability_XE, axis=axis)
