"""The deep dream: what each layer of the gender network does to a voice, and what the network then thinks of it."""

from collections.abc import Mapping
from typing import Any

from affekt.core.errors import UserError
from affekt.core.files import load_array, read_json
from affekt.report import charts, figures
from affekt.report.assets import Assets, Picture, Player, Sources
from affekt.report.values import Values, percent

CLIPS = 2  # shown with pictures and sounds: a woman and a man
BEFORE, GRID = "before", "grid/"
FIGURES = ("activation_before", "activation_after", "activation_rose", "gender_before", "gender_after", "snr_db")
GENDERS = {"f": "woman", "m": "man"}
CHANCE = 0.5  # of two genders


def build(sources: Sources, assets: Assets, values: Values) -> dict[str, Any]:
    """Context of the section on dreams."""
    index = read_json(sources.dream / "index.json")
    sounds = index["sounds"]
    layers = list(dict.fromkeys(row["dream"] for row in sounds if is_layer(row["dream"])))
    if not layers:
        raise UserError(f"{sources.dream / 'index.json'}: holds no dream of a layer; rerun `dream` (`dvc repro`)")
    return {
        "rows": [_row(values, layer) for layer in layers],
        "clips": round(values["dream/clips"]),
        "seconds": values["dream/seconds"],
        "snr_zero_db": values["dream/snr_zero_db"],
        "hertz": figures.linear_ticks(),
        "cards": [_clip(sources, assets, index, clip, values["dream/seconds"]) for clip in _shown(index)],
        "grid": _grid(values, sounds) | {"cards": _grid_cards(sources, assets, sounds, values["dream/seconds"])},
    }


def is_layer(name: str) -> bool:
    """Whether a dream is of a layer with the settings of params.yaml."""
    return name != BEFORE and not name.startswith(GRID)


def _row(values: Values, layer: str) -> dict[str, Any]:
    row: dict[str, Any] = {key: values[f"dream/{layer}/{key}"] for key in FIGURES}
    before, after = row["gender_before"], row["gender_after"]
    label = f"{layer}: belief in the speaker's gender {percent(before)} before, {percent(after)} after"
    return row | {"layer": layer, "bell": charts.dumbbell(label, before, after, CHANCE, "network")}


def _shown(index: Mapping[str, Any]) -> range:
    return range(min(CLIPS, len(index["clips"])))


def _clip(sources: Sources, assets: Assets, index: Mapping[str, Any], clip: int, seconds: float) -> dict[str, Any]:
    """One clip before and after the dream of every layer: pictures, sounds and figures of this clip."""
    name, gender = index["clips"][clip], GENDERS[index["gender"][clip]]
    versions = []
    for row in index["sounds"]:
        if row["clip"] != clip or row["dream"].startswith(GRID):
            continue
        words = f"{name}, {'before the dream' if row['dream'] == BEFORE else row['dream']}"
        shown = _show(sources, assets, row, seconds, words)
        versions.append({"title": row["dream"], "row": None if row["dream"] == BEFORE else row, **shown})
    return {"name": name, "gender": gender, "versions": versions}


def _show(
    sources: Sources, assets: Assets, row: Mapping[str, Any], seconds: float, words: str
) -> dict[str, Picture | Player]:
    """Spectrogram and sound of one row of the index."""
    stem = f"dream-{row['clip'] + 1}-{row['dream'].replace('/', '-')}"
    root_KF = load_array(sources.dream / row["spectrogram"], mmap=False)
    return {
        "picture": assets.spectrogram(stem, root_KF, seconds, f"Spectrogram: {words}"),
        "player": assets.copied_sound(stem, sources.dream / row["audio"], words),
    }


def _grid_cards(sources: Sources, assets: Assets, sounds: list[dict[str, Any]], seconds: float) -> list[dict[str, Any]]:
    """The sounds of the grid, which are those of the first clip."""
    cards = []
    for row in sounds:
        if row["dream"].startswith(GRID) and row["clip"] == 0:
            words = f"{row['layer']}, {row['octaves']} octaves, step {row['step']:g}"
            about = {key: row[key] for key in ("layer", "octaves", "step")}
            cards.append(about | _show(sources, assets, row, seconds, words))
    return cards


def _grid(values: Values, sounds: list[dict[str, Any]]) -> dict[str, Any]:
    """Activation after a dream over layers (rows), octaves and steps; colour is the rise within a row."""
    of_grid = [row for row in sounds if row["dream"].startswith(GRID)]
    columns = sorted({(int(row["octaves"]), float(row["step"])) for row in of_grid})
    rows = []
    for layer in dict.fromkeys(row["layer"] for row in of_grid):
        found = {(int(row["octaves"]), float(row["step"])): row["dream"] for row in of_grid if row["layer"] == layer}
        cells = [_cell(values, found[column]) for column in columns]
        highest = max(cell["rise"] for cell in cells)
        for cell in cells:
            cell["share"] = round(max(0.0, cell["rise"]) / highest, 3) if highest > 0 else 0.0
        rows.append({"layer": layer, "before": cells[0]["before"], "cells": cells})
    return {"columns": columns, "rows": rows}


def _cell(values: Values, name: str) -> dict[str, float]:
    before, after, gender = (
        values[f"dream/{name}/{key}"] for key in ("activation_before", "activation_after", "gender_after")
    )
    return {"before": before, "after": after, "rise": after - before, "gender": gender}
