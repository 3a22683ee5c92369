"""Gender from the pitch alone, the baseline of gender recognisers, and how both are scored.

Axes: N clips, F frames.
"""

from collections.abc import Sequence

import numpy as np

from affekt.corpora.table import GENDERS
from affekt.evaluate.paired import sign_flip_test
from affekt.evaluate.proportions import wilson_interval

FEMALE, MALE = GENDERS.index("f"), GENDERS.index("m")
UNDECIDED = -1  # of a clip without a voiced frame: there is no f0 to judge it by, which counts as an error


def median_f0(f0_F: np.ndarray) -> float:
    """Median f0 in Hz over the voiced frames (0 marks unvoiced ones); NaN without any."""
    voiced = f0_F[f0_F > 0]
    return float(np.median(voiced)) if voiced.size else float("nan")


def fit_threshold(f0_N: np.ndarray, gender_N: np.ndarray) -> float:
    """Return the f0 in Hz below which clips are called male, the best for balanced accuracy on these clips.

    Candidates lie midway between neighbouring values of f0. When several are equally good, the one nearest to the
    middle of the lowest and the highest of them is taken. Clips without f0 (NaN) are left out. A ValueError says that
    the clips are of one gender or of one f0.
    """
    known = ~np.isnan(f0_N)
    f0_N, male_N = np.asarray(f0_N)[known], np.asarray(gender_N)[known] == MALE
    values = np.unique(f0_N)
    if len(values) < 2 or male_N.all() or not male_N.any():
        raise ValueError(f"a threshold needs both genders and two values of f0, got {len(values)} value(s) of f0")
    candidates = (values[:-1] + values[1:]) / 2
    below_K = np.searchsorted(np.sort(f0_N[male_N]), candidates)  # men called men
    above_K = (~male_N).sum() - np.searchsorted(np.sort(f0_N[~male_N]), candidates)  # women called women
    balanced_K = below_K / male_N.sum() + above_K / (~male_N).sum()
    best = candidates[balanced_K >= balanced_K.max() - 1e-12]
    return float(best[np.abs(best - (best[0] + best[-1]) / 2).argmin()])


def predict_by_f0(f0_N: np.ndarray, threshold_hz: float) -> np.ndarray:
    """Call clips below the threshold male, others female, and clips without f0 (NaN) UNDECIDED."""
    f0_N = np.asarray(f0_N)
    return np.where(np.isnan(f0_N), UNDECIDED, np.where(f0_N < threshold_hz, MALE, FEMALE))


def score_gender(
    predicted_N: np.ndarray, truth_N: np.ndarray, speaker_N: Sequence[str] | np.ndarray
) -> dict[str, float]:
    """Return accuracy and balanced accuracy over clips with their number, and the share of speakers that are right.

    A speaker is right when more than half of the clips are. `accuracy_low`, `accuracy_high` and
    `speakers_right_low`, `_high` bound them by Wilson's 95 % interval; the clips of a speaker are alike, so the
    interval over speakers is the honest one. `undecided` counts clips without an answer: errors, all of them.
    """
    predicted_N, truth_N = np.asarray(predicted_N), np.asarray(truth_N)
    right_N = predicted_N == truth_N
    rows = _rate("accuracy", right_N)
    recalls = [right_N[truth_N == gender].mean() for gender in np.unique(truth_N)]
    rows["balanced_accuracy"] = float(np.mean(recalls))
    _, index_N = np.unique(np.asarray(speaker_N), return_inverse=True)
    share = np.bincount(index_N, weights=right_N) / np.bincount(index_N)
    rows |= _rate("speakers_right", share > 0.5)
    return rows | {
        "clips": float(len(right_N)),
        "speakers": float(len(share)),
        "undecided": float((predicted_N == UNDECIDED).sum()),
    }


def compare_speakers(
    right_N: np.ndarray, reference_N: np.ndarray, speaker_N: Sequence[str] | np.ndarray
) -> dict[str, float]:
    """Compare two recognisers on the same clips, bool each: is the first right more often than the reference?

    `better`, `worse`: clips on which one alone is right. `p_value`: exact two-sided sign-flip test over speakers of the
    difference of their clips that are right; with one clip of each speaker it is McNemar's exact test.
    """
    gain_N = np.asarray(right_N, dtype=int) - np.asarray(reference_N, dtype=int)
    _, index_N = np.unique(np.asarray(speaker_N), return_inverse=True)
    gain = np.bincount(index_N, weights=gain_N)
    return {
        "better": float((gain_N > 0).sum()),
        "worse": float((gain_N < 0).sum()),
        "p_value": sign_flip_test(gain[gain != 0]),  # a difference of 0 has no sign to flip
    }


def _rate(name: str, right: np.ndarray) -> dict[str, float]:
    low, high = wilson_interval(int(right.sum()), len(right))
    return {name: float(right.mean()), f"{name}_low": low, f"{name}_high": high}
