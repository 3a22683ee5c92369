"""Masks on recordings: how much energy brings the judge to another emotion, to see and to hear."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from affekt.core.errors import UserError
from affekt.core.files import load_array, read_json
from affekt.evaluate.proportions import wilson_interval
from affekt.optimise.transforms import NATS_PER_DB
from affekt.report import charts
from affekt.report.assets import Assets, Sources
from affekt.report.values import Values, percent

RATES = ("own_before", "own_after", "judge_before", "judge_after", "judge_random")
FIGURES = (*RATES, "statement_before", "statement_after", "statement_random", "p_value", "rms_db", "peak_db")


def build(sources: Sources, assets: Assets, values: Values, emotions: list[str]) -> dict[str, Any]:
    """Context of the section on masks."""
    index = read_json(sources.mask / "index.json")
    bounds = [f"{bound:g}" for bound in index["bounds_db"]]
    if not bounds:
        raise UserError(f"{sources.mask / 'index.json'}: holds no bound of energy; rerun `mask` (`dvc repro`)")
    clips = round(values["mask/clips"])
    chance = values["recognise/chance/ua"]
    return {
        "clips": clips,
        "steps": round(values["mask/steps"]),
        "statements": values["content_fixed/statements"],
        "rows": [_row(values, bound, clips, chance) for bound in bounds],
        "largest": bounds[-1],
        "wanted": _wanted(values, bounds[-1], emotions, chance),
        "cards": [_card(sources, assets, row) for row in index["examples"]],
    }


def _row(values: Values, bound: str, clips: int, chance: float) -> dict[str, Any]:
    """One bound's rates, with Wilson intervals of those before and after."""
    row: dict[str, Any] = {key: values[f"mask/{bound}db/{key}"] for key in FIGURES}
    row["intervals"] = {key: wilson_interval(round(row[key] * clips), clips) for key in RATES}
    before, after = row["judge_before"], row["judge_after"]
    label = f"{bound} dB: judge {percent(before)} before, {percent(after)} after, chance {percent(chance)}"
    return row | {"bound": bound, "bell": charts.dumbbell(label, before, after, chance, "judge")}


def _wanted(values: Values, bound: str, emotions: list[str], chance: float) -> list[dict[str, Any]]:
    """The judge's rates by wanted emotion, of those that were wanted."""
    rows = []
    for emotion in emotions:
        start = f"mask/{bound}db/{emotion}"
        if f"{start}/clips" not in values:
            continue
        before, after = values[f"{start}/judge_before"], values[f"{start}/judge_after"]
        label = f"{emotion}: judge {percent(before)} before, {percent(after)} after"
        bell = charts.dumbbell(label, before, after, chance, "judge")
        clips = round(values[f"{start}/clips"])
        rows.append({"emotion": emotion, "clips": clips, "before": before, "after": after, "bell": bell})
    return rows


def _card(sources: Sources, assets: Assets, row: Mapping[str, Any]) -> dict[str, Any]:
    """One clip: the recording, and for each bound its mask, its sound and what is heard in it."""
    name, wanted = row["clip_id"], row["wanted"]
    versions = []
    for after in row["after"]:
        bound = f"{after['bound_db']:g}"
        stem, words = f"mask-{name}-{bound}db", f"{name} towards {wanted}, {bound} dB"
        gain_MF = load_array(sources.mask / after["mask"], mmap=False).astype(np.float32)
        picture = assets.difference(stem, gain_MF * NATS_PER_DB, f"Mask: {words}")
        player = assets.copied_sound(stem, sources.mask / after["audio"], words)
        versions.append({"bound": bound, "heard": after, "picture": picture, "player": player})
    player = assets.copied_sound(f"mask-{name}", sources.mask / row["before"]["audio"], f"{name}, the recording")
    shown = {"name": name, "emotion": row["emotion"], "wanted": wanted}
    return shown | {"before": row["before"], "player": player, "versions": versions}
