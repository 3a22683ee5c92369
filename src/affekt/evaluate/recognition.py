"""Recognition metrics: UA, WA, macro-F1 and the confusion matrix, as EmoBox defines them.

UA, the unweighted accuracy, is the mean of the classes' recalls; WA, the weighted accuracy, the share of clips that
are right (Ma et al. 2024, arXiv 2406.07162).
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from affekt.features.clips import Clips


def confusion_matrix(truth: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Count clips, rows the true class, columns the predicted one; int64 (classes, classes)."""
    matrix = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(matrix, (truth, predicted), 1)
    return matrix


def summarise(confusion: np.ndarray, names: Sequence[str]) -> dict[str, float]:
    """Return ua, wa, macro_f1 and recall/<name>; classes without clips count in none of them.

    A ValueError says that there is no clip at all.
    """
    counts = confusion.sum(1)
    present = counts > 0
    if not present.any():
        raise ValueError("the confusion matrix is empty: there was no clip to recognise")
    right = np.diag(confusion).astype(float)
    recall = np.divide(right, counts, out=np.zeros_like(right), where=present)
    f1 = np.divide(2 * right, counts + confusion.sum(0), out=np.zeros_like(right), where=present)
    figures = {
        "ua": float(recall[present].mean()),
        "wa": float(right.sum() / counts.sum()),
        "macro_f1": float(f1[present].mean()),
    }
    return figures | {f"recall/{name}": float(r) for name, r, p in zip(names, recall, present, strict=True) if p}


@torch.no_grad()
def predict(network: nn.Module, clips: Clips, batch: int = 64) -> Tensor:
    """Return the logits (clips, emotions) of whole clips, in eval mode."""
    network.eval()
    pieces = []
    for start in range(0, len(clips.frames_B), batch):
        frames_B = clips.frames_B[start : start + batch]
        mel_BMF = clips.mel_BFM[start : start + batch, : int(frames_B.max())].transpose(1, 2)
        pieces.append(network(mel_BMF, frames_B))
    return torch.cat(pieces)
