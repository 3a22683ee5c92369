"""Does a masked recording move the judge, which no mask was sought for, and is the statement still recognised?

All of it is measured on the sound that was made, analysed anew. Nothing here has a gradient.
Axes: B clips, M mel bands, F frames, E emotions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from affekt.evaluate.proportions import mcnemar
from affekt.optimise.mask import pad_mels

BATCH = 16  # clips at once


@dataclass(frozen=True)
class Heard:
    """What recogniser, judge and content network make of sounds."""

    own: np.ndarray  # (B, E) probabilities of the recogniser that was climbed
    judge: np.ndarray  # (B, E)
    statement: np.ndarray  # (B,) index of the likeliest statement


def hear(networks: Mapping[str, nn.Module], mels: Sequence[Tensor], device: torch.device) -> Heard:
    """Ask `recogniser`, `judge` and `content` about raw log mels (M, F) of any lengths."""
    own, judge, statement = [], [], []
    with torch.inference_mode():
        for first in range(0, len(mels), BATCH):
            mel_BMF, frames_B = pad_mels(mels[first : first + BATCH], device)
            own.append(networks["recogniser"](mel_BMF, frames_B).float().softmax(1).cpu().numpy())
            judge.append(networks["judge"](mel_BMF, frames_B).float().softmax(1).cpu().numpy())
            logits_BS = networks["content"].statement_logits(mel_BMF, frames_B)  # type: ignore[operator]
            statement.append(logits_BS.argmax(1).cpu().numpy())
    return Heard(np.concatenate(own), np.concatenate(judge), np.concatenate(statement))


def compare(before: Heard, after: Heard, labels_B: np.ndarray, statements_B: np.ndarray) -> dict[str, float]:
    """Rates before and after: the wanted emotion by recogniser and judge, the statement by the content network.

    p_value: two-sided, McNemar's exact test of the judge's decisions before and after.
    """
    judge_before, judge_after = (heard.judge.argmax(1) == labels_B for heard in (before, after))
    return {
        "own_before": float((before.own.argmax(1) == labels_B).mean()),
        "own_after": float((after.own.argmax(1) == labels_B).mean()),
        "judge_before": float(judge_before.mean()),
        "judge_after": float(judge_after.mean()),
        "statement_before": float((before.statement == statements_B).mean()),
        "statement_after": float((after.statement == statements_B).mean()),
        "p_value": mcnemar(judge_before, judge_after),
    }


def compare_emotions(
    before: Heard, after: Heard, labels_B: np.ndarray, emotions: Sequence[str]
) -> dict[str, dict[str, float]]:
    """For each wanted emotion the number of clips and the judge's rates before and after."""
    found = {}
    for label in sorted(set(labels_B.tolist())):
        chosen = labels_B == label
        rates = ((heard.judge[chosen].argmax(1) == label).mean() for heard in (before, after))
        row = dict(zip(("judge_before", "judge_after"), map(float, rates), strict=True))
        found[emotions[label]] = {"clips": float(chosen.sum())} | row
    return found
