"""All climbs side by side: priors x recognisers x emotions, what steps and regularisation bring, and content held."""

from collections.abc import Mapping
from typing import Any

from affekt.core.files import load_array, read_json
from affekt.core.params import RecognisersParams
from affekt.optimise.priors import PRIORS
from affekt.report import charts
from affekt.report.assets import Assets, Sources
from affekt.report.sections.hearing import NAMES
from affekt.report.values import Values, percent

RECOGNISERS = {name: NAMES[name] for name in RecognisersParams.model_fields}
FIGURES = (
    "own_before", "own_after", "judge_before", "judge_after", "p_value", "frechet_before", "frechet_after",
    "frechet_floor", "prior_percentile", "diversity_before", "diversity_after", "diversity_real",
)  # fmt: skip
STRICT = 0.01  # the p-value, adjusted for the number of emotions, that the table counts by
VARIANTS = {
    "plain": ("Mel CNN alone", "recogniser"),
    "views": ("with random views", "judge"),
    "ensemble": ("three recognisers", "ensemble"),
    "ensemble_views": ("three, with views", "network"),
}
CONTENT = ("drift", "drift_most", "agreement", "statement_kept")
SCRAMBLED = tuple(f"scrambled_{key}" for key in ("drift", "agreement", "statement_kept"))


def build(sources: Sources, assets: Assets, values: Values, emotions: list[str]) -> dict[str, Any]:
    """Context of the section of all climbs."""
    return {
        "rows": [_row(sources, assets, values, prior, name, emotions) for prior in PRIORS for name in RECOGNISERS],
        "emotions": emotions,
        "strict": STRICT,
        "tradeoff": _tradeoff(sources, values),
        "content": _content(sources, assets, values),
    }


def holds(values: Values, start: str) -> bool:
    """Whether the judge's rate of an emotion rose beyond chance of the test, and above what others' climbs give it."""
    before, after, elsewhere = (values[f"{start}/judge_{key}"] for key in ("before", "after", "elsewhere"))
    return after > max(before, elsewhere) and values[f"{start}/p_holm"] < STRICT


def enough(seeds: int, emotions: int) -> bool:
    """Whether so many latents an emotion can give a p-value that is small enough: if all of them change sides."""
    return 2 * 0.5**seeds * emotions < STRICT


def _row(sources: Sources, assets: Assets, values: Values, prior: str, recogniser: str, emotions: list[str]) -> Any:
    """One pair of prior and recogniser: over all emotions, and the judge's rates emotion by emotion."""
    start = f"maximise/{prior}/{recogniser}"
    cells = [
        {"emotion": emotion, "before": values[f"{start}/{emotion}/judge_before"],
         "after": values[f"{start}/{emotion}/judge_after"], "own": values[f"{start}/{emotion}/own_after"],
         "frechet": (values[f"{start}/{emotion}/frechet_before"], values[f"{start}/{emotion}/frechet_after"]),
         "holds": holds(values, f"{start}/{emotion}")}
        for emotion in emotions
    ]  # fmt: skip
    seeds = round(values[f"{start}/seeds"])
    return {
        "prior": PRIORS[prior],
        "first": recogniser == next(iter(RECOGNISERS)),
        "recogniser": RECOGNISERS[recogniser],
        "ua": values[f"recognise/recogniser_{recogniser}/ua"],
        "all": {name: values[f"{start}/all/{name}"] for name in FIGURES},
        "seeds": seeds,
        "steps": round(values[f"{start}/steps"]),
        "cells": cells,
        "holds": sum(cell["holds"] for cell in cells) if enough(seeds, len(emotions)) else None,
        "voice": _voice(sources, assets, prior, recogniser),
    }


def _voice(sources: Sources, assets: Assets, prior: str, recogniser: str) -> dict[str, Any]:
    """The first voice that a pair kept, before and after."""
    folder = sources.maximise / recogniser / prior
    row = read_json(folder / "index.json")["examples"][0]
    mels, emotion = load_array(folder / row["mels"]), row["emotion"]
    versions = []
    for when, at in (("before", 0), ("after", -1)):
        name, label = (
            f"climb-{prior}-{recogniser}-{when}",
            f"{PRIORS[prior]}, {RECOGNISERS[recogniser]}, {emotion}, {when}",
        )
        sound = assets.copied_sound(name, folder / row[f"audio_{when}"], label)
        heard = {who: row[f"{who}_probability"][at] for who in ("own", "judge")}
        versions.append(
            {"when": when, "picture": assets.mel(name, mels[at], f"Mel: {label}"), "player": sound, **heard}
        )
    return {"emotion": emotion, "versions": versions}


def _tradeoff(sources: Sources, values: Values) -> dict[str, Any]:
    """A chart of the judge's rate over steps for each prior weight, and a table of where each climb ends."""
    index = read_json(sources.tradeoff / "index.json")
    curves_PSC = load_array(sources.tradeoff / "curves.npy")
    judge = list(index["curves"]).index("judge")
    steps, chance = list(index["snapshot_steps"]), values["recognise/chance/ua"]
    rows: list[dict[str, Any]] = []
    by_weight: dict[str, list[tuple[str, Any]]] = {}
    for i, point in enumerate(index["points"]):
        variant, weight = point["variant"], f"{point['prior_weight']:g}"
        name, css = VARIANTS[variant]
        rates = curves_PSC[i, :, judge].tolist()
        by_weight.setdefault(weight, []).append((name, (steps, charts.Series(name, css, rates))))
        keys = ("own_after", "judge_before", "judge_after", "fooled", "prior_percentile")
        figures = {key: values[f"tradeoff/{variant}/{weight}/{key}"] for key in keys}
        rows.append({"variant": name, "weight": weight, **figures})
    plots = [(weight, _draw(weight, steps, lines, chance)) for weight, lines in by_weight.items()]
    legend = [(css, name) for name, css in VARIANTS.values()]
    return {"rows": rows, "charts": plots, "keys": legend, "last_step": steps[-1]}


def _draw(weight: str, steps: list[int], lines: list[tuple[str, Any]], chance: float) -> Any:
    ends = ", ".join(f"{name} {percent(series.values[-1])}" for name, (_, series) in lines)
    label = f"Judge's rate of the wanted emotion over steps at prior weight {weight}; at the end: {ends}"
    return charts.curve(label, steps, [line for _, line in lines], chance)


def _content(sources: Sources, assets: Assets, values: Values) -> dict[str, Any]:
    """The climb with and without a bound on content: rates, content kept, and one latent of each emotion."""
    rows = {}
    for way in ("free", "held"):
        rates = {key: values[f"content_fixed/{way}/all/{key}"] for key in ("own_after", "judge_before", "judge_after")}
        rows[way] = rates | {key: values[f"content_fixed/{way}/all/{key}"] for key in (*CONTENT, *SCRAMBLED)}
    shown = [_voices(sources, assets, row) for row in read_json(sources.content_fixed / "index.json")]
    counts = {key: values[f"content_fixed/{key}"] for key in ("seeds", "steps", "bound", "weight", "p_drift")}
    return {"rows": rows, "voices": shown, **counts}


def _voices(sources: Sources, assets: Assets, row: Mapping[str, Any]) -> dict[str, Any]:
    versions = []
    for way, words in (("start", "start"), ("free", "climbed freely"), ("held", "climbed, content held")):
        name, label = f"content-{row['emotion']}-{way}", f"{row['emotion']}: {words}"
        mel_MF = load_array(sources.content_fixed / row[f"{way}_mel"])
        sound = assets.copied_sound(name, sources.content_fixed / row[f"{way}_audio"], label)
        versions.append({"words": words, "picture": assets.mel(name, mel_MF, f"Mel: {label}"), "player": sound})
    return {"emotion": row["emotion"], "versions": versions}
