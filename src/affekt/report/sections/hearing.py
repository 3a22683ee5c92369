"""The benchmark of all recognisers over folds of unseen speakers, beside chance, the SVM and published figures."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from affekt.core.files import read_json
from affekt.evaluate.protocols import PROTOCOLS
from affekt.report import charts
from affekt.report.assets import Sources
from affekt.report.sections import ablation
from affekt.report.sections.recognition import confusion_rows, recalls
from affekt.report.values import Values, percent

SVM, ENSEMBLE, ENSEMBLES = "mfcc_svm", "ensemble", ("ensemble", "ensemble_seeds", "ensemble_mean")
NAMES = {
    "mel_cnn": "Mel CNN",
    "mel_wavenet": "Mel WaveNet",
    "mel_lstm": "Mel LSTM",
    "audio_wavenet": "Audio WaveNet",
    "audio_lstm": "Audio LSTM",
    "mfcc_cnn": "MFCC CNN",
    "ensemble": "Ensemble",
    "ensemble_seeds": "Ensemble, all seeds at once",
    "ensemble_mean": "Ensemble, equal weights",
    "mfcc_svm": "MFCC + SVM",
}
HEARS = {
    "mel_cnn": "mel",
    "mel_wavenet": "mel, in both directions",
    "mel_lstm": "mel",
    "audio_wavenet": "waveform",
    "audio_lstm": "waveform",
    "mfcc_cnn": "MFCC; emotion and gender at once",
    "ensemble": "all networks, weights fitted on the other folds",
    "ensemble_seeds": "the ensembles of all seeds, mean of their log-probabilities: one run, no deviation over seeds",
    "ensemble_mean": "mean of the networks' log-probabilities",
    "mfcc_svm": "statistics of MFCCs",
}
EMOBOX = "Ma et al. 2024, arXiv 2406.07162"
# RAVDESS, 8 emotions, actors that were not trained on: name, what it learnt from, UA, source
PUBLISHED = (
    ("Whisper-large-v3, frozen", "pretrained, EmoBox folds", 0.753, EMOBOX),
    ("WavLM-large, frozen", "pretrained, EmoBox folds", 0.720, EMOBOX),
    ("HuBERT-base, frozen", "pretrained, EmoBox folds", 0.654, EMOBOX),
    ("wav2vec2-base, frozen", "pretrained, EmoBox folds", 0.543, EMOBOX),
    ("ResLSTM-SA, the best of its runs", "RAVDESS alone, 46.8 k parameters", 0.652, "arXiv 2606.03359"),
)
# What the prototype printed for its set of classes; the speakers of its test were in its training, or are unknown.
PROTOTYPES = {
    "four": "91.5 %, mel CNN, some speakers on both sides",
    "five": "73.7 %, MFCC CNN, split unknown",
}


def build(sources: Sources, values: Values, emotions: list[str], corpora: Sequence[str]) -> dict[str, Any]:
    """Context of the benchmark; `corpora` are the names in the table of clips."""
    index = read_json(sources.hearing / "index.json")
    networks = [model for model in index["models"] if model not in ENSEMBLES]
    ensembles = [model for model in index["models"] if model in ENSEMBLES]
    best = max(networks, key=lambda model: values[f"recognise/{model}/ua_mean"])
    return {
        "rows": [_row(values, model) for model in (*networks, *ensembles, SVM)],
        "published": PUBLISHED if "ravdess" in corpora else (),
        "best": {"name": NAMES[best], "ua": values[f"recognise/{best}/ua_mean"]},
        "ensemble_ua": values[f"recognise/{ENSEMBLE}/ua_mean"],
        "svm_ua": values[f"recognise/{SVM}/ua_mean"],
        "chance": values["recognise/chance/ua"],
        "folds": round(values["recognise/folds"]),
        "seeds": round(values["recognise/seeds"]),
        "other_folds": name_other_folds(values),
        "runs_chart": _runs_chart(sources, values, networks),
        "recall_chart": _recall_chart(values, emotions, best),
        "reliability_chart": _reliability_chart(sources, values, best),
        "confusions": [
            {"model": css, "name": NAMES[model],
             "rows": confusion_rows(sources.hearing / f"confusion_{model}.npy", emotions)}
            for css, model in (("network", best), ("ensemble", ENSEMBLE))
        ],
        "fewer": [_fewer(values, protocol.name, protocol.names, protocol.chance, best) for protocol in PROTOCOLS],
        "leakage": _leakage(values, index),
        "ablation": ablation.build(sources, values, NAMES[index["ablation"]]),
    }  # fmt: skip


def name_other_folds(values: Mapping[str, float]) -> str:
    """What is left of the folds without the design fold, for a head of a column; empty where nothing is."""
    folds = round(values["recognise/folds"])
    return {1: "", 2: "fold 2"}.get(folds, f"folds 2–{folds}")


def _row(values: Values, model: str) -> dict[str, Any]:
    """One line of the table; None where there is one run (deviations) or no probability (calibration)."""
    start = f"recognise/{model}/"
    row: dict[str, Any] = {"model": model, "name": NAMES[model], "hears": HEARS[model]}
    for measure in ("ua", "wa", "macro_f1"):
        row[measure] = (values[f"{start}{measure}_mean"], values.find(f"{start}{measure}_sd"))
    row["other_folds"] = values[f"{start}ua_mean_other_folds"] if name_other_folds(values) else None
    row["ece"] = None if model == SVM else values[f"{start}ece"]
    row["parameters"] = (
        values.find(f"{start}parameters") if model in (SVM, *ENSEMBLES) else values[f"{start}parameters"]
    )
    return row


def _runs_chart(sources: Sources, values: Values, networks: Sequence[str]) -> Any:
    """UA of every run: one dot per fold and seed."""
    runs = read_json(sources.hearing / "runs.json")
    rows = []
    for model in (*networks, ENSEMBLE, SVM):
        css = {ENSEMBLE: "ensemble", SVM: "baseline"}.get(model, "network")
        points = [ua for seed in runs[model]["ua"] for ua in seed]
        rows.append(charts.Strip(NAMES[model], css, points, values[f"recognise/{model}/ua_mean"]))
    words = ", ".join(f"{row.name} {percent(min(row.points))} to {percent(max(row.points))}" for row in rows)
    return charts.strips(f"UA of each fold and seed: {words}", rows, 0.0, 1.0, values["recognise/chance/ua"])


def _recall_chart(values: Values, emotions: list[str], best: str) -> Any:
    kinds = (("baseline", SVM), ("network", best), ("ensemble", ENSEMBLE))
    series = [charts.Series(NAMES[model], css, recalls(values, model, emotions)) for css, model in kinds]
    words = "; ".join(
        f"{emotion} " + ", ".join(f"{one.name} {percent(one.values[i])}" for one in series)
        for i, emotion in enumerate(emotions)
        if not math.isnan(series[0].values[i])
    )
    return charts.dots(f"Recall by emotion: {words}", emotions, series, 1.0, "%", values["recognise/chance/ua"])


def _reliability_chart(sources: Sources, values: Values, best: str) -> Any:
    bins = read_json(sources.hearing / "reliability.json")
    lines = [
        (css, [(one["confidence"], one["accuracy"], int(one["count"])) for one in bins[model]])
        for css, model in (("network", best), ("ensemble", ENSEMBLE))
    ]
    errors = [percent(values[f"recognise/{model}/ece"]) for model in (best, ENSEMBLE)]
    label = f"Reliability: {NAMES[best]} with a calibration error of {errors[0]}, ensemble with {errors[1]}"
    return charts.reliability(label, lines)


def _fewer(values: Values, name: str, classes: Sequence[str], chance: float, best: str) -> dict[str, Any]:
    """The same predictions on a prototype's set of classes."""
    figures = {
        kind: (values[f"recognise/{model}/{name}/ua_mean"], values.find(f"recognise/{model}/{name}/ua_sd"))
        for kind, model in (("best", best), ("ensemble", ENSEMBLE), ("svm", SVM))
    }
    return {"classes": classes, "chance": chance, "prototype": PROTOTYPES[name], **figures}


def _leakage(values: Values, index: Mapping[str, Any]) -> dict[str, Any]:
    start = "recognise/leakage/"
    found = {key: values[start + key] for key in ("ua_random", "ua_speakers", "premium", "p_value", "clips")}
    label = (
        f"UA {percent(found['ua_speakers'])} on unseen speakers, {percent(found['ua_random'])} when clips are split at "
        "random"
    )
    bell = charts.dumbbell(label, found["ua_speakers"], found["ua_random"], values["recognise/chance/ua"], "network")
    return {"network": NAMES[index["leakage"]], "bell": bell, **found}
