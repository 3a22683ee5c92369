"""What the mel GAN makes: samples to see and hear, and its distances beside those of real speech."""

import math
from typing import Any

from affekt.core.files import load_array, read_json
from affekt.report import charts
from affekt.report.assets import Assets, Sources
from affekt.report.values import Values, percent

SAMPLES_PER_EXAMPLE = 2  # samples are short and alike: twice as many as elsewhere
GANS = {"gan": "GAN", "cgan": "conditional GAN", "published_gan": "published recipe"}
GAN, CONDITIONAL, PUBLISHED = (f"generate/{gan}" for gan in GANS)
# name for readers, key, key of what real clips score, digits, which way is better
MEASURES = (
    ("Fréchet distance", "frechet", "frechet_floor", 2, "lower"),
    ("Precision: samples among real clips", "precision", "precision_real", 3, "higher"),
    ("Recall: real clips among samples", "recall", "recall_real", 3, "higher"),
    ("Density of real clips around samples", "density", "density_real", 3, "near real"),
    ("Coverage of real clips", "coverage", "coverage_real", 3, "higher"),
    ("Diversity", "diversity", "diversity_real", 2, "near real"),
    ("Distance to the nearest training clip", "nearest_train", "nearest_train_real", 2, "not below real"),
)


def build(sources: Sources, assets: Assets, values: Values, emotions: list[str], examples: int) -> dict[str, Any]:
    """Context of the section on the GANs' samples."""
    index = read_json(sources.generation / "index.json")
    return {
        "cards": {gan: _cards(sources, assets, gan, index[gan][: SAMPLES_PER_EXAMPLE * examples]) for gan in GANS},
        "rows": _rows(values),
        "rescaled": values[f"{PUBLISHED}/frechet_rescaled"],
        "judged_chart": _judged_chart(values, emotions),
        "wished_chart": _wished_chart(values, emotions),
        "wished": {key: values[f"{CONDITIONAL}/judge_accuracy{ending}"] for key, ending in
                   (("made", ""), ("real", "_real"), ("ratio", "_ratio"))},
    }  # fmt: skip


def _cards(sources: Sources, assets: Assets, gan: str, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Picture and player of the first samples of a GAN, with the emotion that was wished for."""
    mels = load_array(sources.generation / f"{gan}.npy")
    cards = []
    for i, row in enumerate(rows):
        title = row["emotion"] or f"Sample {i + 1}"
        name, alt = f"{gan}-sample-{i:02d}", f"{GANS[gan]} sample {i + 1}{', ' + title if row['emotion'] else ''}"
        cards.append(
            {"title": title, "picture": assets.mel(name, mels[i], f"Mel of {alt}"),
             "player": assets.copied_sound(name, sources.generation / row["sound"], alt)}
        )  # fmt: skip
    return cards


def _rows(values: Values) -> list[dict[str, Any]]:
    """Each figure of the GANs with what real speech scores on the same measure."""
    return [
        {"name": name, "made": [values[f"generate/{gan}/{key}"] for gan in GANS],
         "real": values[f"{GAN}/{real}"], "digits": digits, "better": better}
        for name, key, real, digits, better in MEASURES
    ]  # fmt: skip


def _wished_chart(values: Values, emotions: list[str]) -> Any:
    """How often the judge hears what was wished for of the conditional GAN, beside what it hears in real clips."""
    found = {
        kind: [_found(values, f"{CONDITIONAL}/right{ending}/{emotion}") for emotion in emotions]
        for kind, ending in (("judge", ""), ("baseline", "_real"))
    }
    pairs = zip(emotions, found["judge"], found["baseline"], strict=True)
    words = ", ".join(f"{e} {percent(m)} (real {percent(r)})" for e, m, r in pairs if not math.isnan(m))
    kinds = (("real clips", "baseline"), ("conditional samples", "judge"))
    series = [charts.Series(name, css, found[css]) for name, css in kinds]
    label = f"Samples that the judge hears as wished: {words}"
    return charts.dots(label, emotions, series, 1.0, "%", values["recognise/chance/ua"])


def _found(values: Values, key: str) -> float:
    """A figure; NaN, which has no mark, for an emotion that the corpus has not."""
    value = values.find(key)
    return math.nan if value is None else value


def _judged_chart(values: Values, emotions: list[str]) -> Any:
    """Which emotions the judge hears in samples and in real clips: what the prior lacks, no optimisation finds."""
    made = [values[f"{GAN}/judged/{emotion}"] for emotion in emotions]
    real = [values[f"{GAN}/judged_real/{emotion}"] for emotion in emotions]
    words = ", ".join(f"{e} {percent(m)} (real {percent(r)})" for e, m, r in zip(emotions, made, real, strict=True))
    series = [charts.Series("real clips", "baseline", real), charts.Series("GAN samples", "judge", made)]
    high = next(limit for limit in (0.4, 0.6, 0.8, 1.0) if limit >= max(*made, *real) or limit == 1.0)
    return charts.dots(f"Emotions that the judge hears in GAN samples: {words}", emotions, series, high, "%")
