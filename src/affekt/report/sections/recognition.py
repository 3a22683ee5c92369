"""Recogniser and judge on speakers they never saw, beside chance and an MFCC+SVM trained on the same half."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from affekt.core.errors import UserError
from affekt.core.files import load_array
from affekt.report import charts
from affekt.report.assets import Sources
from affekt.report.values import Values

# model, name for readers, half it trains on, half it is measured on
MODELS = (
    ("recogniser_mel_cnn", "Recogniser (mel CNN)", "a", "b"),
    ("recogniser_mel_wavenet", "mel WaveNet", "a", "b"),
    ("recogniser_mel_lstm", "mel LSTM", "a", "b"),
    ("recogniser_audio_wavenet", "audio WaveNet", "a", "b"),
    ("recogniser_audio_lstm", "audio LSTM", "a", "b"),
    ("mfcc_svm_a", "MFCC + SVM", "a", "b"),
    ("judge", "Judge (recurrent)", "b", "a"),
    ("mfcc_svm_b", "MFCC + SVM", "b", "a"),
)


SHOWN = {"recogniser_mel_cnn": "recogniser", "judge": "judge"}  # with confusions; their names in words and in CSS


def build(sources: Sources, values: Values, emotions: list[str]) -> dict[str, Any]:
    """Context of the recognition section."""
    rows = [
        {"model": model, "name": name, "trained": trained, "tested": tested,
         **{m: values[f"recognise/{model}/{m}"] for m in ("ua", "wa", "macro_f1")}}
        for model, name, trained, tested in MODELS
    ]  # fmt: skip
    return {
        "rows": rows,
        "ua": {model: values[f"recognise/{model}/ua"] for model in SHOWN},
        "chance_ua": values["recognise/chance/ua"],
        "majority": [(a, b, values[f"recognise/majority/wa_{a}"]) for a, b in (("a", "b"), ("b", "a"))],
        "recall_charts": [
            (name.capitalize(), _recall_chart(values, emotions, model, svm))
            for (model, name), svm in zip(SHOWN.items(), ("mfcc_svm_a", "mfcc_svm_b"), strict=True)
        ],
        "confusions": [
            {"model": SHOWN[model], "name": name.split(" (")[0], "tested": tested,
             "rows": confusion_rows(sources.recognition / f"confusion_{model}.npy", emotions)}
            for model, name, _, tested in MODELS if model in SHOWN
        ],
    }  # fmt: skip


def _recall_chart(values: Values, emotions: list[str], model: str, svm: str) -> Any:
    recall, beside = (recalls(values, who, emotions) for who in (model, svm))
    words = ", ".join(
        f"{e} {100 * r:.0f} % (SVM {100 * s:.0f} %)"
        for e, r, s in zip(emotions, recall, beside, strict=True)
        if not math.isnan(r)
    )
    series = [charts.Series("MFCC + SVM", "baseline", beside), charts.Series(SHOWN[model], SHOWN[model], recall)]
    label = f"Recall of the {SHOWN[model]} by emotion: {words}"
    return charts.dots(label, emotions, series, 1.0, "%", chance=values["recognise/chance/ua"])


def recalls(values: Values, model: str, emotions: Sequence[str]) -> list[float]:
    """Recall of each emotion; NaN, which has no mark, for those that the corpus has not."""
    found = [values.find(f"recognise/{model}/recall/{emotion}") for emotion in emotions]
    return [math.nan if recall is None else recall for recall in found]


def confusion_rows(path: Path, emotions: list[str]) -> list[dict[str, Any]]:
    """Rows of true emotions: counts and the share of the row, which colours the cell."""
    counts = np.asarray(load_array(path, mmap=False))
    if counts.shape != (len(emotions), len(emotions)):
        raise UserError(f"{path}: is of shape {counts.shape}, expected {len(emotions)} x {len(emotions)}")
    rows = []
    for index, emotion in enumerate(emotions):
        total = int(counts[index].sum())
        cells = [
            {"count": int(c), "share": round(float(c) / max(total, 1), 3), "name": emotions[column],
             "hit": column == index}
            for column, c in enumerate(counts[index])
        ]  # fmt: skip
        rows.append({"emotion": emotion, "total": total, "cells": cells})
    return rows
