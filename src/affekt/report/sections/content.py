"""Whether the recognisers of what is said hear unseen speakers: the yardstick of `content kept`."""

from typing import Any

from affekt.corpora.table import HALVES
from affekt.report.values import Values

KINDS = {  # of clips beside a neutral one of the same speaker
    "same_emotion": "The same statement again, neutral too",
    "other_emotion": "The same statement in another emotion",
    "other_statement": "Another statement, neutral",
}
ACCURACIES = {
    "statement_accuracy": "Statement, whole clips",
    "windows/statement_accuracy": "Statement, windows of 160 frames",
    "frame_accuracy": "Part of the statement, frames",
    "frame_accuracy_within_1": "The same, a neighbouring part counts too",
}


def build(values: Values, emotions: list[str]) -> dict[str, Any]:
    """Rows of accuracies beside chance, of the statement in each emotion, and of drifts between real clips."""
    return {
        "halves": HALVES,
        "statements": round(values["content/statements"]),
        "segments": round(values["content/segments"]),
        "clips": [round(values[f"content/{half}/clips"]) for half in HALVES],
        "rows": [{"name": name, "cells": _cells(values, key)} for key, name in ACCURACIES.items()],
        "emotions": [{"name": e, "shares": shares} for e in emotions if (shares := _of_emotion(values, e))],
        "drifts": [{"name": name, "cells": cells} for kind, name in KINDS.items() if (cells := _drifts(values, kind))],
    }


def _cells(values: Values, key: str) -> list[dict[str, float]]:
    return [
        {"share": values[f"content/{half}/{key}"], "chance": values[f"content/{half}/{key}_chance"]} for half in HALVES
    ]


def _of_emotion(values: Values, emotion: str) -> list[float]:
    """The shares of both networks; nothing where a half of the corpus lacks the emotion."""
    found = [values.find(f"content/{half}/emotion/{emotion}/statement_accuracy") for half in HALVES]
    return [share for share in found if share is not None] if None not in found else []


def _drifts(values: Values, kind: str) -> list[dict[str, float]]:
    """Drift, its 95th percentile and agreement by both networks; nothing where a corpus has no such pairs."""
    if any(f"content/{half}/drift/{kind}" not in values for half in HALVES):
        return []
    return [
        {
            "drift": values[f"content/{half}/drift/{kind}"],
            "high": values[f"content/{half}/drift/{kind}_high"],
            "agreement": values[f"content/{half}/agreement/{kind}"],
        }
        for half in HALVES
    ]
