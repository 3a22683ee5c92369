"""A recording in another emotion: each converter beside doing nothing, and beside real recordings of that emotion."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from affekt.core.errors import UserError
from affekt.core.files import read_json
from affekt.evaluate.proportions import wilson_interval
from affekt.features.mel import log_mel
from affekt.report.assets import Assets, Sources
from affekt.report.sections.vocoding import Measured, measured
from affekt.report.values import Values, number, percent

METHODS = ("translator", "codegan", "optimise")
VERSIONS = {
    "source": "The recording as it is",
    "copy": "Source through the vocoder",
    "together": "Source taken apart and together",
    "translator": "Translator",
    "codegan": "CodeGAN",
    "optimise": "Optimised codes",
    "another_take": "Another take, real",
    "target": "The real recording",
}
HOW = {
    "translator": "redraws the mel in the wanted emotion’s timing and melody",
    "codegan": "rewrites the codes of melody and timing; keeps the length",
    "optimise": "climbs recognisers of emotion through the codes; keeps the length",
}
ANOTHER = "another_take"  # which a corpus has of some recordings, or of none
NEUTRAL = "back"  # the second word of keys of conversions to neutral


@dataclass(frozen=True)
class Column:
    """One measure: its key, name and unit for readers, digits (None: a share in percent), and which way is better."""

    key: str
    name: str
    unit: str
    digits: int | None
    better: str  # "lower", "higher" or, where a mean does not rank, "none"


COLUMNS = (
    Column("mcd", "MCD", "dB", 2, "lower"),
    Column("f0_rmse", "f0 RMSE", "semitones", 2, "lower"),
    Column("f0_correlation", "f0", "correlation", 2, "higher"),
    Column("duration_ratio", "Duration", "ratio", 2, "none"),  # half and double length average to about 1
    Column("duration_error", "Duration error", "of ln ratio", 2, "lower"),
    Column("speaker_cosine", "Speaker", "cosine", 3, "higher"),
    Column("statement_accuracy", "Statement", "recognised", None, "higher"),
    Column("mos", "MOS", "predicted", 2, "higher"),
)
# What a recording has of itself is so by definition and measures nothing.
GIVEN = {
    "source": {"speaker_cosine"},
    "target": {"mcd", "f0_rmse", "f0_correlation", "duration_ratio", "duration_error"},
}


@dataclass(frozen=True)
class Cell:
    """A measure as the table shows it: its text, in how many clips it is not defined, and whether it is the best."""

    text: str
    undefined: int
    best: bool


def best_method(values: Values) -> str:
    """The converter in whose sounds the jury hears the wish most often; of equals the one that it believes more."""
    keys = ("judge_accuracy", "judge_probability")
    return max(METHODS, key=lambda method: tuple(values[f"convert/{method}/{key}"] for key in keys))


def chance_of_a_wish(values: Values) -> float:
    """How often the jury would hear the wish if it named one emotion always: each is wanted as often."""
    return 1 / values["convert/wanted"]


def named_elsewhere(values: Values, version: str) -> float | None:
    """How often an emotion is heard where another one was wanted; None where one alone was wanted."""
    key = f"convert/{version}/judge_elsewhere"
    return values.find(key) if values["convert/wanted"] < 2 else values[key]


def rows_of(values: Values, back: bool = False) -> list[dict[str, Any]]:
    """A row for each version that was measured: towards the emotions, or back to neutral."""
    ending = f"/{NEUTRAL}" if back else ""
    shown = [v for v in VERSIONS if v != ANOTHER or f"convert/{v}{ending}/judge_accuracy" in values]
    found = {v: {c.key: _figure(values, v, ending, c.key) for c in COLUMNS} for v in shown}
    bests = {c.key: _best(c, {method: found[method][c.key] for method in METHODS}) for c in COLUMNS}
    rows = []
    for version in shown:
        share, pairs = (values[f"convert/{version}{ending}/{key}"] for key in ("judge_accuracy", "pairs"))
        rows.append({
            "version": version,
            "name": VERSIONS[version],
            "heard": share,
            "interval": wilson_interval(round(share * pairs), round(pairs)),
            "pairs": round(pairs),
            "elsewhere": None if back else named_elsewhere(values, version),
            "p": values[f"convert/{version}/p_holm"] if version in METHODS and not back else None,
            "cells": [_cell(c, found[version][c.key], version == bests[c.key]) for c in COLUMNS],
        })  # fmt: skip
    return rows


def _figure(values: Values, version: str, ending: str, key: str) -> Measured | None:
    name = f"convert/{version}{ending}/{key}"
    if key in GIVEN.get(version, ()) or (version == ANOTHER and name not in values):
        return None
    return measured(values, name)


def _best(column: Column, found: Mapping[str, Measured | None]) -> str | None:
    """The method with the best figure; none where no sound has one, or where the figure does not rank."""

    def rank(method: str) -> tuple[float, float]:
        one = found[method]
        if one is None or one.mean is None or column.better == "none":
            return -math.inf, 0.0
        return -one.undefined, one.mean if column.better == "higher" else -one.mean

    best = max(found, key=rank)
    return best if math.isfinite(rank(best)[0]) else None


def _cell(column: Column, found: Measured | None, best: bool) -> Cell:
    if found is None:
        return Cell("", 0, False)
    if found.mean is None:
        return Cell("undefined", 0, False)
    text = percent(found.mean) if column.digits is None else number(found.mean, column.digits)
    return Cell(text, found.undefined, best)


def build(sources: Sources, assets: Assets, values: Values, emotions: list[str], examples: int) -> dict[str, Any]:
    """Context of the section on conversion; at most `examples` recordings of each direction and wanted emotion.

    Where the corpus has no jury there is a `reason`, and nothing else.
    """
    folder = sources.conversion
    index = read_json(folder / "index.json")
    if "reason" in index:
        return {"reason": index["reason"]}
    best = best_method(values)
    cards = [_card(folder, assets, row) for row in _chosen(folder, index["examples"], examples)]
    about = ("jury_ua", "chance", "same_speaker_cosine")
    counted = ("pairs", "back_pairs", "mos_pairs", "recordings", "speakers", "steps")
    counts = {key: round(values[f"convert/{key}"]) for key in counted}
    context: dict[str, Any] = {key: values[f"convert/{key}"] for key in about} | counts
    return context | {
        "reason": None,
        "other_speaker_cosine": values.find("convert/other_speaker_cosine"),
        "emotions": round(values["convert/wanted"]),
        "chance_wish": chance_of_a_wish(values),
        "least_p": 2 / 2 ** counts["speakers"],
        "own": [values[f"convert/optimise/own_{when}"] for when in ("before", "after")],
        "best": best,
        "best_name": VERSIONS[best],
        "best_heard": values[f"convert/{best}/judge_accuracy"],
        "source_heard": values["convert/source/judge_accuracy"],
        "copy_heard": values["convert/copy/judge_accuracy"],
        "target_heard": values["convert/target/judge_accuracy"],
        "how": HOW,
        "names": VERSIONS,
        "columns": COLUMNS,
        "rows": rows_of(values),
        "back": rows_of(values, back=True) if counts["back_pairs"] else [],
        "wanted": _wanted(values, emotions),
        "front": _front(cards, best),
        "cards": cards,
    }


def _wanted(values: Values, emotions: list[str]) -> dict[str, Any]:
    """What the jury hears of each version, emotion by emotion, of those that were wanted."""
    asked = [emotion for emotion in emotions if f"convert/source/{emotion}/judge_accuracy" in values]
    rows = []
    for version, name in VERSIONS.items():
        shares = [values.find(f"convert/{version}/{emotion}/judge_accuracy") for emotion in asked]
        if any(share is not None for share in shares):
            rows.append({"version": version, "name": name, "shares": shares})
    return {"emotions": asked, "rows": rows}


def _chosen(folder: Path, rows: list[dict[str, Any]], examples: int) -> list[dict[str, Any]]:
    """The first recordings of each direction and wanted emotion, towards emotions first."""
    if not rows:
        raise UserError(f"{folder / 'index.json'}: holds no example; rerun `conversion` (`dvc repro`)")
    seen: dict[tuple[str, str], int] = {}
    chosen = []
    for row in rows:
        kind = row["direction"], row["wanted"]
        seen[kind] = seen.get(kind, 0) + 1
        if seen[kind] <= examples:
            chosen.append(row)
    return sorted(chosen, key=lambda row: row["direction"] != "to")


def _card(folder: Path, assets: Assets, row: Mapping[str, Any]) -> dict[str, Any]:
    """One recording and one wish: every version to see and to hear, with what is heard in it."""
    name, wanted = row["clip_id"], row["wanted"]
    versions = []
    for version in (v for v in VERSIONS if v in row["versions"]):
        heard = row["versions"][version]
        words = f"{name} towards {wanted}: {VERSIONS[version].lower()}"
        file = folder / heard["audio"]
        picture, player = show_sound(assets, f"conversion-{name}-{wanted}-{version}", file, words)
        shown = {"version": version, "name": VERSIONS[version], "heard": heard}
        versions.append(shown | {"picture": picture, "player": player})
    about = {key: row[key] for key in ("speaker", "gender", "statement", "wanted", "direction")}
    return about | {"name": name, "versions": versions}


def show_sound(assets: Assets, stem: str, file: Path, words: str) -> tuple[Any, Any]:
    """Picture of a WAV's mel and its player."""
    import soundfile
    import torch

    player = assets.copied_sound(stem, file, words)
    samples, _ = soundfile.read(file, dtype="float32")
    return assets.mel(stem, np.asarray(log_mel(torch.from_numpy(samples))), f"Mel: {words}"), player


def _front(cards: list[dict[str, Any]], best: str) -> list[dict[str, Any]]:
    """For each wanted emotion its first recording: as it is, converted by the best method, and really said so."""
    titles = {"source": "as it is", best: "converted", "target": "real"}
    front: dict[str, dict[str, Any]] = {}
    for card in cards:
        if card["direction"] == "to" and card["wanted"] not in front:
            of = {version["version"]: version for version in card["versions"]}
            players = [(title, of[version]) for version, title in titles.items() if version in of]
            front[card["wanted"]] = {"wanted": card["wanted"], "name": card["name"], "players": players}
    return list(front.values())
