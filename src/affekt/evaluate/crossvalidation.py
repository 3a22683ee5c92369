"""Figures of a cross-validation that was run with several seeds: per run, their mean and spread, and what was confused.

A run is one fold of one seed; every clip is predicted once per seed, by the run that did not train on its speaker.

Axes: S seeds, F folds, N clips, E classes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from affekt.evaluate.recognition import rates

MEASURES = ("ua", "wa", "macro_f1")
NOT_TESTED = -1  # predicted class of a clip whose fold was not run


@dataclass(frozen=True)
class Scores:
    """UA, WA and macro-F1 of every run, and the counts of all runs together."""

    ua_SF: np.ndarray
    wa_SF: np.ndarray
    macro_f1_SF: np.ndarray
    confusion_EE: np.ndarray  # int64, rows the true class; each clip counts once per seed

    def figures(self, names: Sequence[str]) -> dict[str, float]:
        """Flat rows of the measures and, when there are names, `recall/<name>` of the pooled counts.

        `<measure>_mean` and `_sd` are over all runs; `<measure>_sd_seeds` is the deviation of the seeds' means over
        folds: how much a repetition of the whole cross-validation moves the figure. Deviations divide by n - 1 and
        are left out where there is one run or one seed.
        """
        rows: dict[str, float] = {}
        for name, value_SF in zip(MEASURES, (self.ua_SF, self.wa_SF, self.macro_f1_SF), strict=True):
            rows[f"{name}_mean"] = float(value_SF.mean())
            if value_SF.size > 1:
                rows[f"{name}_sd"] = float(value_SF.std(ddof=1))
            if len(value_SF) > 1:
                rows[f"{name}_sd_seeds"] = float(value_SF.mean(axis=1).std(ddof=1))
        if not names:
            return rows
        recall = rates(self.confusion_EE)["recall"]
        return rows | {f"recall/{n}": float(r) for n, r in zip(names, recall, strict=True) if not np.isnan(r)}


def name_classes(log_probability_SNE: np.ndarray) -> np.ndarray:
    """Most probable class of each clip, int64 (S, N); NOT_TESTED for clips whose log-probabilities are NaN."""
    untested_SN = np.isnan(log_probability_SNE).any(-1)
    return np.where(untested_SN, NOT_TESTED, log_probability_SNE.argmax(-1))


def score(predicted_SN: np.ndarray, truth_N: np.ndarray, fold_N: np.ndarray, classes: int) -> Scores:
    """Score the predicted classes of every seed, fold by fold.

    A ValueError names what does not fit: axes, or classes out of range.
    """
    confusion_SFEE = count_runs(predicted_SN, truth_N, fold_N, classes)
    found = rates(confusion_SFEE)
    return Scores(found["ua"], found["wa"], found["macro_f1"], confusion_SFEE.sum((0, 1)))


def count_runs(predicted_SN: np.ndarray, truth_N: np.ndarray, fold_N: np.ndarray, classes: int) -> np.ndarray:
    """Confusion matrices of all runs in one count, int64 (S, F, E, E); folds in ascending order."""
    predicted_SN, truth_N, fold_N = np.asarray(predicted_SN), np.asarray(truth_N), np.asarray(fold_N)
    if predicted_SN.ndim != 2 or not predicted_SN.shape[1:] == truth_N.shape == fold_N.shape:
        shapes = f"{predicted_SN.shape}, {truth_N.shape} and {fold_N.shape}"
        raise ValueError(f"predictions (seeds, clips), truth and folds do not fit: {shapes}")
    for what, labels in (("predicted", predicted_SN), ("true", truth_N)):
        if labels.size and not 0 <= labels.min() <= labels.max() < classes:
            raise ValueError(f"a {what} class is outside 0..{classes - 1}: {labels.min()}..{labels.max()}")
    folds, index_N = np.unique(fold_N, return_inverse=True)
    counts = np.zeros((len(predicted_SN), len(folds), classes, classes), dtype=np.int64)
    np.add.at(counts, (np.arange(len(predicted_SN))[:, None], index_N, truth_N, predicted_SN), 1)
    return counts
