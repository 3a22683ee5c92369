"""All climbs side by side: priors x recognisers x emotions, what steps and regularisation bring, and content held."""

from collections.abc import Mapping
from typing import Any

from affekt.core.files import load_array, read_json
from affekt.core.params import RecognisersParams
from affekt.report import charts
from affekt.report.assets import Assets, Sources
from affekt.report.values import Values, percent

PRIORS = {
    "gan": "GAN",
    "cgan": "conditional GAN, the wanted emotion given",
    "cgan_mismatched": "conditional GAN, another emotion given",
}
RECOGNISERS = {name: name.replace("_", " ").replace("cnn", "CNN").replace("lstm", "LSTM") for name in
               RecognisersParams.model_fields}  # fmt: skip
FIGURES = (
    "own_before", "own_after", "judge_before", "judge_after", "p_value", "frechet_before", "frechet_after",
    "prior_percentile", "diversity_before", "diversity_after",
)  # fmt: skip
STRICT = 0.01  # the p-value that the table of emotions counts by
VARIANTS = {
    "plain": ("mel CNN alone", "recogniser"),
    "views": ("with random views", "judge"),
    "ensemble": ("three recognisers", "ensemble"),
    "ensemble_views": ("three, with views", "network"),
}
CONTENT = ("drift", "drift_most", "agreement", "statement_kept", "scrambled_drift", "scrambled_agreement")


def build(sources: Sources, assets: Assets, values: Values, emotions: list[str]) -> dict[str, Any]:
    """Context of the section of all climbs."""
    return {
        "rows": [_row(values, prior, name, emotions) for prior in PRIORS for name in RECOGNISERS],
        "emotions": emotions,
        "strict": STRICT,
        "tradeoff": _tradeoff(sources, values),
        "content": _content(sources, assets, values),
    }


def _row(values: Values, prior: str, recogniser: str, emotions: list[str]) -> dict[str, Any]:
    """One pair of prior and recogniser: over all emotions, and the judge's rates emotion by emotion."""
    start = f"maximise/{prior}/{recogniser}"
    cells = [
        {"emotion": emotion, "before": values[f"{start}/{emotion}/judge_before"],
         "after": values[f"{start}/{emotion}/judge_after"], "own": values[f"{start}/{emotion}/own_after"],
         "frechet": (values[f"{start}/{emotion}/frechet_before"], values[f"{start}/{emotion}/frechet_after"]),
         "holds": values[f"{start}/{emotion}/p_value"] < STRICT
         and values[f"{start}/{emotion}/judge_after"] > values[f"{start}/{emotion}/judge_before"]}
        for emotion in emotions
    ]  # fmt: skip
    return {
        "prior": PRIORS[prior],
        "first": recogniser == next(iter(RECOGNISERS)),
        "recogniser": RECOGNISERS[recogniser],
        "ua": values[f"recognise/recogniser_{recogniser}/ua"],
        "all": {name: values[f"{start}/all/{name}"] for name in FIGURES},
        "diversity_real": values[f"{start}/all/diversity_real"],
        "seeds": round(values[f"{start}/seeds"]),
        "steps": round(values[f"{start}/steps"]),
        "cells": cells,
        "holds": sum(cell["holds"] for cell in cells),
    }


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
        keys = ("own_after", "judge_after", "fooled", "prior_percentile")
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
        rows[way] = rates | {key: values[f"content_fixed/{way}/all/{key}"] for key in CONTENT}
    shown = [_voices(sources, assets, row) for row in read_json(sources.content_fixed / "index.json")]
    counts = {key: values[f"content_fixed/{key}"] for key in ("seeds", "steps", "bound", "weight")}
    return {"rows": rows, "voices": shown, **counts}


def _voices(sources: Sources, assets: Assets, row: Mapping[str, Any]) -> dict[str, Any]:
    versions = []
    for way, words in (("start", "start"), ("free", "climbed freely"), ("held", "climbed, content held")):
        name, label = f"content-{row['emotion']}-{way}", f"{row['emotion']}: {words}"
        mel_MF = load_array(sources.content_fixed / row[f"{way}_mel"])
        sound = assets.copied_sound(name, sources.content_fixed / row[f"{way}_audio"], label)
        versions.append({"words": words, "picture": assets.mel(name, mel_MF, f"Mel: {label}"), "player": sound})
    return {"emotion": row["emotion"], "versions": versions}
