"""Several recognisers heard as one, each as far as it deserves: log-linear pooling with weights from the other folds.

The weights that a fold is judged with are fitted on the predictions of all other folds, which networks made that
had not heard those speakers: stacked generalisation (Wolpert 1992). So no prediction of a clip has a say in the weights
that it is judged with; but the networks behind the other folds' predictions were trained on the clip, by which it may
move these few numbers a little. Weights that know nothing of it would need a cross-validation within each fold.

Axes: M models, N clips, E classes.
"""

from collections.abc import Mapping

import numpy as np

from affekt.evaluate.ensemble import normalise

LOWEST, HIGHEST = -6.0, 2.0  # of the logarithm of a weight


def stack(log_probability_MNE: np.ndarray, truth_N: np.ndarray, fold_N: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return log-probabilities (N, E) of the pool and the weights of each fold (folds, M).

    Args:
        log_probability_MNE: of networks that had not heard the clip's speaker; rows with NaN are left out and stay so.

    A ValueError says that there are fewer than two folds.
    """
    tested = np.isfinite(log_probability_MNE).all(axis=(0, 2))
    folds = np.unique(fold_N[tested])
    if len(folds) < 2:
        raise ValueError(f"weights from the other folds need at least two folds, got {len(folds)}")
    pooled_NE = np.full(log_probability_MNE.shape[1:], np.nan)
    weights = np.empty((len(folds), len(log_probability_MNE)))
    for row, fold in enumerate(folds):
        own, others = tested & (fold_N == fold), tested & (fold_N != fold)
        weights[row] = fit_weights(log_probability_MNE[:, others], truth_N[others])
        pooled_NE[own] = pool(log_probability_MNE[:, own], weights[row])
    return pooled_NE, weights


def pool(log_probability_MNE: np.ndarray, weight_M: np.ndarray) -> np.ndarray:
    """Weighted sum of log-probabilities, normalised; (N, E)."""
    return normalise(np.tensordot(weight_M, log_probability_MNE, axes=1))


def fit_weights(log_probability_MNE: np.ndarray, truth_N: np.ndarray) -> np.ndarray:
    """Positive weights (M,) with the least cross-entropy, each emotion counting alike, as in UA."""
    from scipy.optimize import minimize

    share_N = 1 / np.bincount(truth_N, minlength=log_probability_MNE.shape[2])[truth_N]
    rows = np.arange(len(truth_N))

    def loss(logarithm_M: np.ndarray) -> float:
        right_N = pool(log_probability_MNE, np.exp(logarithm_M))[rows, truth_N]
        return float(-(share_N * right_N).sum() / share_N.sum())

    start = np.full(len(log_probability_MNE), -np.log(len(log_probability_MNE)))
    found = minimize(loss, start, method="L-BFGS-B", bounds=[(LOWEST, HIGHEST)] * len(start))
    return np.exp(found.x)


def stack_seeds(
    by_model: Mapping[str, np.ndarray], truth_N: np.ndarray, fold_N: np.ndarray
) -> tuple[np.ndarray, dict[str, float]]:
    """Stack each seed's models (S, N, E); return (S, N, E) and each model's mean weight over seeds and folds."""
    stacked = [stack(np.stack(models), truth_N, fold_N) for models in zip(*by_model.values(), strict=True)]
    mean_M = np.mean([weights for _, weights in stacked], axis=(0, 1))
    return np.stack([pooled for pooled, _ in stacked]), dict(zip(by_model, mean_M.tolist(), strict=True))
