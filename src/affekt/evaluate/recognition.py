"""Recognition metrics: UA, WA, macro-F1 and the confusion matrix, as EmoBox defines them.

UA, the unweighted accuracy, is the mean of the classes' recalls; WA, the weighted accuracy, the share of clips that
are right (Ma et al. 2024, arXiv 2406.07162).
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np


def confusion_matrix(truth: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Count clips, rows the true class, columns the predicted one; int64 (classes, classes)."""
    matrix = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(matrix, (truth, predicted), 1)
    return matrix


def rates(confusion_XEE: np.ndarray) -> dict[str, np.ndarray]:
    """Return ua, wa and macro_f1 (X,) and recall (X, E) of count matrices with any leading axes X.

    Classes without clips count in none of them; their recall is NaN. A ValueError says that a matrix is empty.
    """
    counts = confusion_XEE.sum(-1)
    present = counts > 0
    if not present.any(-1).all():
        raise ValueError("the confusion matrix is empty: there was no clip to recognise")
    right = np.diagonal(confusion_XEE, axis1=-2, axis2=-1).astype(float)
    absent = np.full_like(right, np.nan)
    recall = np.divide(right, counts, out=absent.copy(), where=present)
    f1 = np.divide(2 * right, counts + confusion_XEE.sum(-2), out=absent, where=present)
    return {
        "ua": np.nanmean(recall, axis=-1),
        "wa": right.sum(-1) / counts.sum(-1),
        "macro_f1": np.nanmean(f1, axis=-1),
        "recall": recall,
    }


def summarise(confusion: np.ndarray, names: Sequence[str]) -> dict[str, float]:
    """Return ua, wa, macro_f1 and recall/<name> of one count matrix; classes without clips count in none of them.

    A ValueError says that there is no clip at all.
    """
    found = rates(confusion)
    recall = found.pop("recall")
    figures = {key: float(value) for key, value in found.items()}
    return figures | {f"recall/{name}": float(r) for name, r in zip(names, recall, strict=True) if not np.isnan(r)}


def write_predictions(path: Path, truth: np.ndarray, predicted: np.ndarray, names: Sequence[str]) -> None:
    """Write one line per clip, as `dvc plots` takes them for a confusion matrix."""
    lines = [f"{names[a]},{names[p]}" for a, p in zip(truth, predicted, strict=True)]
    path.write_text("\n".join(["actual,predicted", *lines]) + "\n", encoding="utf-8")
