"""Whether a recogniser that says 80 % is right 80 times in 100: reliability bins and expected calibration error.

Source: Naeini et al. 2015 (AAAI, Obtaining well calibrated probabilities); Guo et al. 2017, arXiv 1706.04599, sections
2-3: clips are binned by the confidence of the class that is predicted, in bins of equal width.

Axes: N clips, E classes.
"""

from dataclasses import asdict, dataclass

import numpy as np

BINS = 15  # Guo et al., section 4.1


@dataclass(frozen=True)
class Bin:
    """The clips whose confidence lies in one interval (k-1)/bins < confidence <= k/bins."""

    confidence: float  # mean over them
    accuracy: float  # share of them that is right
    count: int


def reliability(log_probability_NE: np.ndarray, truth_N: np.ndarray, bins: int = BINS) -> list[Bin]:
    """Return the bins that hold clips, from the least confident on.

    Args:
        log_probability_NE: natural logarithms of probabilities that sum to 1 in each row; ValueError where not.
        truth_N: index of the true class.
    """
    probability_NE = np.exp(np.asarray(log_probability_NE, dtype=np.float64))
    if probability_NE.ndim != 2 or np.shape(truth_N) != probability_NE.shape[:1] or not len(probability_NE):
        raise ValueError(f"log-probabilities {probability_NE.shape} and truth {np.shape(truth_N)} do not fit")
    if not np.allclose(probability_NE.sum(1), 1, atol=1e-3):
        raise ValueError("rows of log-probabilities must be normalised: exp of a row does not sum to 1")
    confidence_N = probability_NE.max(1)
    right_N = probability_NE.argmax(1) == np.asarray(truth_N)
    # The last bin is closed above; rounding may leave a confidence of 1 + 1e-16.
    index_N = np.clip(np.ceil(confidence_N * bins).astype(int) - 1, 0, bins - 1)
    count = np.bincount(index_N, minlength=bins)
    confidence = np.bincount(index_N, weights=confidence_N, minlength=bins)
    right = np.bincount(index_N, weights=right_N, minlength=bins)
    return [
        Bin(float(confidence[k] / count[k]), float(right[k] / count[k]), int(count[k])) for k in np.flatnonzero(count)
    ]


def expected_calibration_error(bins: list[Bin]) -> float:
    """Mean over clips of the difference of accuracy and confidence in their bin, 0 to 1."""
    total = sum(one.count for one in bins)
    return sum(one.count * abs(one.accuracy - one.confidence) for one in bins) / total


def as_rows(bins: list[Bin]) -> list[dict[str, float]]:
    """Return the bins as JSON takes them."""
    return [asdict(one) for one in bins]
