"""Codes that are taken from another recording one at a time: what each of them moves, and what it leaves alone."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from affekt.core.files import read_json
from affekt.evaluate.disentangling import OWN
from affekt.report.assets import Assets, Sources
from affekt.report.sections.conversion import show_sound
from affekt.report.sections.vocoding import Measured, measured
from affekt.report.values import Values

NONE = "none"
# In the order of OWN's codes and aspects, so that the table's diagonal is what should move.
CODES = {
    "content": "Content",
    "pitch": "Pitch",
    "rhythm": "Rhythm",
    "speaker": "Speaker",
    NONE: "None: put together again as it was",
}
ASPECTS = {"statement": "Statement", "f0": "Melody", "timing": "Timing", "voice": "Voice"}
SOUNDS = {"a": "A, the recording", "b": "B, the lender", NONE: "A, put together again"} | {
    code: f"A with B’s {code}" for code in OWN
}


def build(sources: Sources, assets: Assets, values: Values) -> dict[str, Any]:
    """Context of the section on disentangling; where no code could be exchanged, the `reason` and nothing else."""
    folder = sources.disentangling
    index = read_json(folder / "index.json")
    if "reason" in index:
        return {"reason": index["reason"]}
    start = "disentangle/reconstruction"
    return {
        "reason": None,
        "pairs": round(values["disentangle/pairs"]),
        "aspects": list(ASPECTS.values()),
        "rows": [_row(values, code) for code in CODES],
        "seen": values[f"{start}/mel_l1_seen"],
        "unseen": values[f"{start}/mel_l1_unseen"],
        "f0_unseen": values.find(f"{start}/f0_correlation_unseen"),
        "cards": [_card(folder, assets, row) for row in index["examples"]],
    }


def moved(values: Values, code: str, aspect: str) -> Measured:
    """The share of pairs whose aspect is nearer to the lender's than to the recording's own, with this code lent."""
    return measured(values, f"disentangle/{code}/{aspect}/moved")


def others_move(values: Values, code: str) -> tuple[str, Measured]:
    """Of all other codes and of none, which moves this code's own aspect most, and in what share of pairs."""
    return _most({other: moved(values, other, OWN[code]) for other in CODES if other != code})


def also_moves(values: Values, code: str) -> tuple[str, Measured]:
    """Of all aspects that are not this code's own, which it moves most, and in what share of pairs."""
    return _most({aspect: moved(values, code, aspect) for aspect in ASPECTS if aspect != OWN[code]})


def _most(found: Mapping[str, Measured]) -> tuple[str, Measured]:
    """The greatest, of which one that is not defined comes first: it is no 0 that is easily exceeded."""
    means = {name: math.inf if one.mean is None else one.mean for name, one in found.items()}
    most = max(means, key=lambda name: means[name])
    return most, found[most]


def _row(values: Values, code: str) -> dict[str, Any]:
    cells = []
    for aspect in ASPECTS:
        start = f"disentangle/{code}/{aspect}"
        ends = [measured(values, f"{start}/{end}") for end in ("to_a", "to_b")]
        cells.append({"moved": moved(values, code, aspect), "own": OWN.get(code) == aspect, "ends": ends,
                      "share": aspect == "statement"})  # fmt: skip
    tests = [values[f"disentangle/{code}/{key}"] for key in ("p_holm", "p_holm_row")] if code in OWN else [None, None]
    return {"code": code, "name": CODES[code], "cells": cells, "tests": tests}


def _card(folder: Path, assets: Assets, row: Mapping[str, Any]) -> dict[str, Any]:
    """One pair: both recordings, and the first with each code of the second."""
    a, b = row["a"], row["b"]
    versions = []
    for kind, name in SOUNDS.items():
        words = f"{a} and {b}: {name}"
        picture, player = show_sound(assets, f"codes-{a}-{b}-{kind}", folder / row["sounds"][kind], words)
        versions.append({"name": name, "picture": picture, "player": player})
    return {"a": a, "b": b, "versions": versions}
