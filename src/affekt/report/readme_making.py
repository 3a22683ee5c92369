"""The README's tables of what is made: generators, climbs, masks and vocoders, from results/<preset>.json."""

from collections.abc import Mapping
from typing import Any

from affekt.corpora.table import EMOTIONS
from affekt.optimise.priors import PRIORS
from affekt.report.sections import climbs, generation, optimisation
from affekt.report.values import Values, p_value

PREFIX = optimisation.PREFIX
GENERATORS = generation.GANS | {"published_gan": "the published recipe, equal compute"}
VOCODER_MEASURES = ("mel_l1", "stft", "pesq", "stoi", "f0_cents", "mos")
VOCODERS = (
    ("griffin_lim", "Griffin-Lim, {iterations} iterations"),
    ("istft", "iSTFT head, this project's"),
    ("waveglow", "WaveGlow, the prototypes', small"),
)


def making_blocks(results: Mapping[str, Any]) -> list[str]:
    """All that was measured of what is made, as Markdown; a KeyError names a figure that is missing."""
    blocks, values = [generation_table(results), optimisation_table(results)], Values(results, "results")
    for start, block in (("maximise/cgan/", climbs_table), ("tradeoff/", tradeoff_table),
                         ("content_fixed/", content_fixed_line), ("mask/", mask_table)):  # fmt: skip
        if values.any_of(start):
            blocks.append(block(results))
    return [*blocks, vocoder_table(results)]


def generation_table(results: Mapping[str, Any]) -> str:
    """Every generator's distance from real mels in the judge's features, and whether it says what it is asked for."""
    lines = ["| mel generator | Fréchet (real to real) | precision | recall | density | coverage | nearest training "
             "window (unseen real clips) | judge hears the wish (in real clips) |", "|---" * 8 + "|"]  # fmt: skip
    for model, name in GENERATORS.items():
        start = f"generate/{model}"
        if f"{start}/frechet" not in results:
            continue
        get = lambda key: results[f"{start}/{key}"]  # noqa: B023, E731
        heard = ""
        if f"{start}/judge_accuracy" in results:
            heard = f"{_share(get('judge_accuracy'))} ({_share(get('judge_accuracy_real'))})"
        balls = " | ".join(f"{get(key):.2f}" for key in ("precision", "recall", "density", "coverage"))
        near = f"{get('nearest_train'):.2f} ({get('nearest_train_real'):.2f})"
        lines.append(f"| {name} | {get('frechet'):.2f} ({get('frechet_floor'):.2f}) | {balls} | {near} | {heard} |")
    return "\n".join(lines)


def optimisation_table(results: Mapping[str, Any]) -> str:
    """Rates of the wanted emotion before and after, by the optimised recogniser and by the judge."""
    seeds, steps = int(results[f"{PREFIX}/seeds"]), int(results[f"{PREFIX}/steps"])
    what = f"maximise, {seeds} latents, {steps} steps"
    lines = [f"| {what} | recogniser before | after | **judge before** | **after** | elsewhere | p | p, chance |"]
    lines.append("|---|---|---|---|---|---|---|---|")
    rates = ("own_before", "own_after", "judge_before", "judge_after", "judge_elsewhere")
    for emotion in _asked(results, PREFIX):
        row = [results[f"{PREFIX}/{emotion}/{key}"] for key in rates]
        p = [results[f"{PREFIX}/{emotion}/{key}"] for key in ("p_holm", "p_chance")]
        cells = [_share(x) for x in row] + [p_value(x) for x in p]
        lines.append(f"| {emotion} | {' | '.join(cells)} |")
    return "\n".join(lines)


def climbs_table(results: Mapping[str, Any]) -> str:
    """Every prior with every recogniser, over all emotions, and for how many of them the climb holds."""
    values = Values(results, "results")
    lines = [f"| climb from | of | its UA | latents x steps | it, before → after | **judge, before → after** | "
             f"emotions with p < {climbs.STRICT:g} | Fréchet, before → after (real) | percentile of the prior | "
             "diversity, before → after (real) |", "|---" * 10 + "|"]  # fmt: skip
    for prior, prior_name in PRIORS.items():
        for recogniser, name in climbs.RECOGNISERS.items():
            start = f"maximise/{prior}/{recogniser}"
            asked = _asked(results, start)
            held = sum(climbs.holds(values, f"{start}/{emotion}") for emotion in asked)
            get = lambda key: results[f"{start}/all/{key}"]  # noqa: B023, E731
            own, judge = (f"{_share(get(f'{w}_before'))} → {_share(get(f'{w}_after'))}" for w in ("own", "judge"))
            cells = [
                prior_name, name, f"{results[f'recognise/recogniser_{recogniser}/ua']:.3f}",
                f"{results[f'{start}/seeds']:.0f} x {results[f'{start}/steps']:.0f}", own, judge,
                f"{held} of {len(asked)}",
                f"{get('frechet_before'):.1f} → {get('frechet_after'):.1f} ({get('frechet_floor'):.1f})",
                f"{get('prior_percentile'):.0f}",
                f"{get('diversity_before'):.1f} → {get('diversity_after'):.1f} ({get('diversity_real'):.1f})",
            ]  # fmt: skip
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def tradeoff_table(results: Mapping[str, Any]) -> str:
    """What the prior's weight, random views and an ensemble bring: judge, and how often it was only the climbed."""
    found = {tuple(key.split("/")[1:3]) for key in results if key.startswith("tradeoff/") and key.count("/") == 3}
    weights = sorted({weight for _, weight in found}, key=float)
    heads = " | ".join(f"weight {weight}: judge, fooled, percentile" for weight in weights)
    lines = [f"| climb of the GAN's latents | {heads} |", "|---" * (1 + len(weights)) + "|"]
    for variant, (name, _) in climbs.VARIANTS.items():
        cells = []
        for weight in weights:
            get = lambda key: results[f"tradeoff/{variant}/{weight}/{key}"]  # noqa: B023, E731
            cells.append(f"{_share(get('judge_after'))}, {_share(get('fooled'))}, {get('prior_percentile'):.0f}")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def content_fixed_line(results: Mapping[str, Any]) -> str:
    """The climb with what is said held, beside the free one."""
    parts = []
    for way in ("free", "held"):
        get = lambda key: results[f"content_fixed/{way}/all/{key}"]  # noqa: B023, E731
        parts.append(
            f"{way}: drift {get('drift'):.2f} nats (to another sample's {get('scrambled_drift'):.2f}), statement kept "
            f"{_share(get('statement_kept'))} (another's {_share(get('scrambled_statement_kept'))}), judge "
            f"{_share(get('judge_before'))} → {_share(get('judge_after'))}"
        )
    get = lambda key: results[f"content_fixed/{key}"]  # noqa: E731
    return (
        f"What is said, held while a latent climbs ({get('seeds'):.0f} latents, {get('steps'):.0f} steps, bound "
        f"{get('bound'):g} nats); {'; '.join(parts)}. Less drift: p {p_value(get('p_drift'))}."
    )


def mask_table(results: Mapping[str, Any]) -> str:
    """Masks on recordings: the judge and the statement at each bound of energy, beside random masks."""
    found = {key.split("/")[1] for key in results if key.startswith("mask/") and "db/" in key}
    bounds = sorted((name.removesuffix("db") for name in found), key=float)
    clips, steps = results["mask/clips"], results["mask/steps"]
    lines = [f"| mask on {clips:.0f} recordings, {steps:.0f} steps | recogniser, before → after | **judge, before → "
             "after** | random mask | p | statement recognised, before → after | peak, dB |",
             "|---" * 7 + "|"]  # fmt: skip
    for bound in bounds:
        get = lambda key: results[f"mask/{bound}db/{key}"]  # noqa: B023, E731
        own, judge, said = (
            f"{_share(get(f'{who}_before'))} → {_share(get(f'{who}_after'))}" for who in ("own", "judge", "statement")
        )
        cells = [own, judge, _share(get("judge_random")), p_value(get("p_value")), said, f"{get('peak_db'):.0f}"]
        lines.append(f"| {bound} dB rms at most | {' | '.join(cells)} |")
    return "\n".join(lines)


def vocoder_table(results: Mapping[str, Any]) -> str:
    """The vocoders on unseen speakers; speed where a bench gave it."""
    lines = [
        "| vocoder, unseen speakers | mel L1 | STFT | PESQ | STOI | f0 error, cents | predicted MOS | x real time |"
    ]
    lines.append("|---|---|---|---|---|---|---|---|")
    for name, text in VOCODERS:
        if name == "waveglow" and not Values(results, "results").any_of("vocoder/waveglow/"):
            continue
        row = [_vocoder_cell(results, f"vocoder/{name}/{key}") for key in VOCODER_MEASURES]
        text = text.format(iterations=int(results["vocoder/griffin_lim/iterations"]))
        speed = results.get(f"vocoder/{name}/x_realtime")
        lines.append(f"| {text} | {' | '.join(row)} | {'see bench/' if speed is None else f'{speed:.0f}'} |")
    lines.append(f"| the recording |  |  |  |  |  | {results['vocoder/real/mos']:.3f} |  |")
    return "\n".join(lines)


def _asked(results: Mapping[str, Any], start: str) -> list[str]:
    """The emotions that the preset had a climb go to."""
    return [emotion for emotion in EMOTIONS if f"{start}/{emotion}/judge_after" in results]


def _vocoder_cell(results: Mapping[str, Any], name: str) -> str:
    """A measure's mean, and for how many clips it is not defined; a KeyError names a figure that is missing."""
    undefined = int(results.get(f"{name}_undefined", 0))
    if undefined and name not in results:
        return "undefined"
    return f"{results[name]:.3f}" + (f" ({undefined} clips undefined)" if undefined else "")


def _share(share: float) -> str:
    return f"{100 * share:.0f} %"
