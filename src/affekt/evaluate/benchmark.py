"""One recogniser's whole row of the benchmark, from its predictions of every clip by networks that did not hear the
speaker: scores over runs, calibration, and the prototypes' sets of four and five emotions.

Axes: S seeds, F folds, N clips, D features, E emotions.
"""

from dataclasses import dataclass, field

import numpy as np

from affekt.corpora.table import EMOTIONS
from affekt.evaluate.baseline import crossvalidate
from affekt.evaluate.calibration import as_rows, expected_calibration_error, reliability
from affekt.evaluate.crossvalidation import NOT_TESTED, Scores, name_classes, score
from affekt.evaluate.protocols import LEFT_OUT, PROTOCOLS


@dataclass(frozen=True)
class Row:
    """Flat figures of one model, and what the report draws of it."""

    figures: dict[str, float]  # ua_mean, ua_sd, ua_mean_other_folds, ..., recall/<emotion>, ece, four/ua_mean, ...
    confusion_EE: np.ndarray
    ua_SF: np.ndarray
    predicted_SN: np.ndarray  # NOT_TESTED where there is none
    reliability: list[dict[str, float]] = field(default_factory=list)  # empty where there are no probabilities


def measure_posterior(log_probability_SNE: np.ndarray, truth_N: np.ndarray, fold_N: np.ndarray) -> Row:
    """Measure log-probabilities of all emotions, NaN for clips of folds that were not run.

    Calibration is of all seeds' predictions together. A ValueError says that seeds tested different clips.
    """
    predicted_SN = name_classes(log_probability_SNE)
    tested = find_tested(predicted_SN)
    scores = score(predicted_SN[:, tested], truth_N[tested], fold_N[tested], len(EMOTIONS))
    by_seed = log_probability_SNE[:, tested]
    bins = reliability(np.concatenate(list(by_seed)), np.tile(truth_N[tested], len(by_seed)))
    figures = _measures(scores) | {"ece": expected_calibration_error(bins)}
    for protocol in PROTOCOLS:
        labels_N = protocol.labels(truth_N)
        asked = tested & (labels_N != LEFT_OUT)
        named_SN = protocol.posterior(log_probability_SNE[:, asked]).argmax(-1)
        figures |= _under(protocol.name, score(named_SN, labels_N[asked], fold_N[asked], len(protocol.names)))
    return Row(figures, scores.confusion_EE, scores.ua_SF, predicted_SN, as_rows(bins))


def measure_baseline(
    features_ND: np.ndarray, truth_N: np.ndarray, fold_N: np.ndarray, c: float, tested: np.ndarray
) -> Row:
    """Cross-validate the MFCC baseline; without a posterior to restrict, it is fitted anew on each set of classes.

    Args:
        tested: bool (N,), the clips that count, as `find_tested` gives them for the networks; all are trained on.
    """
    predicted_SN = crossvalidate(features_ND, truth_N, fold_N, c)[None]
    scores = score(predicted_SN[:, tested], truth_N[tested], fold_N[tested], len(EMOTIONS))
    figures = _measures(scores)
    for protocol in PROTOCOLS:
        labels_N = protocol.labels(truth_N)
        asked = labels_N != LEFT_OUT
        named_N = np.full_like(labels_N, LEFT_OUT)
        named_N[asked] = crossvalidate(features_ND[asked], labels_N[asked], fold_N[asked], c)
        asked &= tested
        figures |= _under(
            protocol.name, score(named_N[None, asked], labels_N[asked], fold_N[asked], len(protocol.names))
        )
    return Row(figures, scores.confusion_EE, scores.ua_SF, np.where(tested, predicted_SN, NOT_TESTED))


def find_tested(predicted_SN: np.ndarray) -> np.ndarray:
    """Say which clips were tested, bool (N,); a ValueError where only some of the seeds tested a clip."""
    tested_SN = predicted_SN != NOT_TESTED
    if (tested_SN != tested_SN[0]).any():
        raise ValueError("the seeds of a cross-validation tested different clips")
    return tested_SN[0]


def _measures(scores: Scores) -> dict[str, float]:
    """The measures of all emotions, and UA without the first fold, on which sizes and schedules were chosen."""
    figures = scores.figures(EMOTIONS)
    if scores.ua_SF.shape[1] > 1:
        figures["ua_mean_other_folds"] = float(scores.ua_SF[:, 1:].mean())
    return figures


def _under(name: str, scores: Scores) -> dict[str, float]:
    """The measures of a set of classes, without its recalls."""
    return {f"{name}/{key}": value for key, value in scores.figures(()).items()}
