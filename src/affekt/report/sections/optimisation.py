"""The optimised voices: rates before and after by recogniser and judge, curves, mels, sounds, animations."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from affekt.core.errors import UserError
from affekt.core.files import load_array, read_json
from affekt.evaluate.proportions import wilson_interval
from affekt.report import charts
from affekt.report.animation import Frame
from affekt.report.assets import Assets, Sources
from affekt.report.values import Values, percent

FIRST = ("happy", "sad", "angry")  # whom the first screen shows first
RATES = ("own_before", "own_after", "judge_before", "judge_after")
PRIOR = ("prior_percentile_before", "prior_percentile")
TESTS = ("p_holm", "p_chance", "judge_elsewhere", *PRIOR)
PRIOR_NAME, SHOWN = "gan", "mel_cnn"  # the prior and the recogniser that are shown in detail
PREFIX = f"maximise/{PRIOR_NAME}/{SHOWN}"


@dataclass(frozen=True)
class Curves:
    """Mean probability of the wanted emotion: the recogniser's at every step, the judge's at snapshots."""

    own: list[float]
    judge: list[float]
    snapshot_steps: list[int]


def build(sources: Sources, assets: Assets, values: Values, examples: int) -> dict[str, Any]:
    """Context of the optimisation section and of the first screen."""
    index = read_json(_folder(sources) / "index.json")
    chance = values["recognise/chance/ua"]
    emotions = list(index["emotions"])
    seeds = round(values[f"{PREFIX}/seeds"])
    curves = _load_curves(sources, index)
    cards = [
        {
            "emotion": emotion,
            "rates": _rates(values, emotion, seeds),
            "bells": {who: _dumbbell(values, emotion, who, chance) for who in ("own", "judge")},
            "pairs": [_pair(sources, assets, row) for row in _examples(index, emotion)[:examples]],
            "curve": _draw_curve(emotion, curves[emotion], chance),
            "animation": _animate(sources, assets, _examples(index, emotion)[0], curves[emotion]),
        }
        for emotion in emotions
    ]
    wanted_first = [e for e in FIRST if e in emotions] + [e for e in emotions if e not in FIRST]
    return {
        "cards": cards,
        "front": [cards[emotions.index(emotion)] for emotion in wanted_first],
        "all": {name: values[f"{PREFIX}/all/{name}"] for name in (*RATES, "p_value", *PRIOR)},
        "chance": chance,
        "seeds": seeds,
        "last_step": round(values[f"{PREFIX}/steps"]),
    }


def _folder(sources: Sources) -> Path:
    return sources.maximise / SHOWN / PRIOR_NAME


def _load_curves(sources: Sources, index: Mapping[str, Any]) -> dict[str, Curves]:
    own = load_array(_folder(sources) / "curves.npy")[:, :, list(index["curves"]).index("score")]
    judge = load_array(_folder(sources) / "judge_probability.npy").mean(axis=2)
    steps = list(index["snapshot_steps"])
    return {emotion: Curves(own[i].tolist(), judge[i].tolist(), steps) for i, emotion in enumerate(index["emotions"])}


def _examples(index: Mapping[str, Any], emotion: str) -> list[dict[str, Any]]:
    rows = sorted((r for r in index["examples"] if r["emotion"] == emotion), key=lambda r: int(r["seed"]))
    if not rows:
        raise UserError(f"the optimisation kept no example of {emotion}: rerun `maximise` (`dvc repro`)")
    return rows


def _rates(values: Values, emotion: str, trials: int) -> dict[str, Any]:
    """Rates of one emotion with Wilson intervals, p-values and distance from the prior."""
    start = f"{PREFIX}/{emotion}"
    rates: dict[str, Any] = {name: values[f"{start}/{name}"] for name in (*RATES, *TESTS)}
    rates["intervals"] = {name: wilson_interval(round(rates[name] * trials), trials) for name in RATES}
    return rates


def _pair(sources: Sources, assets: Assets, row: Mapping[str, Any]) -> dict[str, Any]:
    """One latent before and after: picture, sound, and what recogniser and judge believe of it."""
    emotion, number = row["emotion"], int(row["seed"]) + 1
    mels = load_array(_folder(sources) / row["mels"])
    pair: dict[str, Any] = {"number": number}
    for when, at in (("before", 0), ("after", -1)):
        name = f"{emotion}-{number}-{when}"
        words = f"{emotion}, latent {number}, {when} the optimisation"
        pair[when] = {
            "picture": assets.mel(name, mels[at], f"Mel: {words}"),
            "player": assets.copied_sound(name, _folder(sources) / row[f"audio_{when}"], words),
            "own": row["own_probability"][at],
            "judge": row["judge_probability"][at],
        }
    return pair


def _dumbbell(values: Values, emotion: str, who: str, chance: float) -> Any:
    name = {"own": "recogniser", "judge": "judge"}[who]
    before, after = (values[f"{PREFIX}/{emotion}/{who}_{when}"] for when in ("before", "after"))
    label = f"{name}: {percent(before)} before, {percent(after)} after, chance {percent(chance)}"
    return charts.dumbbell(label, before, after, chance, name)


def _draw_curve(emotion: str, curves: Curves, chance: float) -> Any:
    label = (
        f"{emotion}: mean probability over steps; recogniser from {percent(curves.own[0])} to "
        f"{percent(curves.own[-1])}, judge from {percent(curves.judge[0])} to {percent(curves.judge[-1])}, "
        f"chance {percent(chance)}"
    )
    steps = list(range(len(curves.own)))
    lines = [
        (steps, charts.Series("recogniser", "recogniser", curves.own)),
        (curves.snapshot_steps, charts.Series("judge", "judge", curves.judge)),
    ]
    return charts.curve(label, steps, lines, chance)


def _animate(sources: Sources, assets: Assets, row: Mapping[str, Any], curves: Curves) -> Any:
    """The mel of one latent at every snapshot, with what recogniser and judge believe of that latent."""
    mels, emotion, steps = load_array(_folder(sources) / row["mels"]), row["emotion"], curves.snapshot_steps
    frames = [
        Frame(np.asarray(mel_MF), step, own, judge)
        for mel_MF, step, own, judge in zip(mels, steps, row["own_probability"], row["judge_probability"], strict=True)
    ]
    alt = f"Animation: mel of a latent optimised towards {emotion}, step {steps[0]} to {steps[-1]}"
    return assets.animation(f"{emotion}-animation", emotion, frames, alt)
