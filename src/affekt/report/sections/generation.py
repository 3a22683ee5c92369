"""What the mel GAN makes: samples to see and hear, and its distances beside those of real speech."""

from typing import Any

from affekt.core.files import load_array
from affekt.report import charts
from affekt.report.assets import Assets, Sources
from affekt.report.values import Values, percent

SAMPLES_PER_EXAMPLE = 2  # samples are short and alike: twice as many as elsewhere
GAN = "generate/gan"
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
    """Context of the section on GAN samples."""
    mels = load_array(sources.generation / "samples.npy")
    sounds = sorted(sources.generation.glob("sample_*.wav"))[: SAMPLES_PER_EXAMPLE * examples]
    cards = []
    for sound in sounds:
        number = int(sound.stem.split("_")[1])
        name = f"gan-sample-{number:02d}"
        cards.append(
            {"number": number + 1,
             "picture": assets.mel(name, mels[number], f"Mel of GAN sample {number + 1}"),
             "player": assets.copied_sound(name, sound, f"GAN sample {number + 1}")}
        )  # fmt: skip
    return {"cards": cards, "rows": _rows(values), "judged_chart": _judged_chart(values, emotions)}


def _rows(values: Values) -> list[dict[str, Any]]:
    """Each figure of the GAN with what real speech scores on the same measure."""
    return [
        {"name": name, "gan": values[f"{GAN}/{key}"], "real": values[f"{GAN}/{real}"], "digits": digits,
         "better": better}
        for name, key, real, digits, better in MEASURES
    ]  # fmt: skip


def _judged_chart(values: Values, emotions: list[str]) -> Any:
    """Which emotions the judge hears in samples and in real clips: what the prior lacks, no optimisation finds."""
    made = [values[f"{GAN}/judged/{emotion}"] for emotion in emotions]
    real = [values[f"{GAN}/judged_real/{emotion}"] for emotion in emotions]
    words = ", ".join(f"{e} {percent(m)} (real {percent(r)})" for e, m, r in zip(emotions, made, real, strict=True))
    series = [charts.Series("real clips", "baseline", real), charts.Series("GAN samples", "judge", made)]
    high = next(limit for limit in (0.4, 0.6, 0.8, 1.0) if limit >= max(*made, *real) or limit == 1.0)
    return charts.dots(f"Emotions that the judge hears in GAN samples: {words}", emotions, series, high, "%")
