"""The README's results table, written from results/<preset>.json so that no figure in it is typed by hand."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from affekt.core.errors import UserError
from affekt.core.files import atomic_path
from affekt.corpora.table import EMOTIONS

BEGIN, END = "<!-- results:begin -->", "<!-- results:end -->"
PREFIX = "maximise/gan/recogniser"
VOCODER_MEASURES = ("mel_l1", "stft", "pesq", "stoi", "f0_cents", "mos")
VOCODERS = (("griffin_lim", "Griffin-Lim, {iterations} iterations"), ("istft", "iSTFT head, this project's"))


def write_results(readme: Path, results: Mapping[str, Any]) -> None:
    """Replace what stands between the README's two result marks."""
    text = readme.read_text(encoding="utf-8")
    if BEGIN not in text or END not in text:
        raise UserError(f"{readme}: lacks the marks {BEGIN} and {END}, between which the results go")
    head, rest = text.split(BEGIN, 1)
    tail = rest.split(END, 1)[1]
    with atomic_path(readme) as temporary:
        temporary.write_text(f"{head}{BEGIN}\n{render_results(results)}{END}{tail}", encoding="utf-8")


def render_results(results: Mapping[str, Any]) -> str:
    """Return the Markdown of all tables; a KeyError names a figure that is missing."""
    blocks = [recognition_table, generation_line, optimisation_table, vocoder_table, provenance_line]
    return "".join(f"\n{block(results)}\n" for block in blocks) + "\n"


def recognition_table(results: Mapping[str, Any]) -> str:
    """UA, WA and macro-F1 of recogniser and judge beside the baselines."""
    chance = results["recognise/chance/ua"]
    lines = ["| recognition, unseen speakers | UA | over folds | WA | macro-F1 | MFCC+SVM, same test | chance |"]
    lines.append("|---|---|---|---|---|---|---|")
    for model, svm, text in (
        ("recogniser", "a", "recogniser (half a to b)"),
        ("judge", "b", "judge (half b to a)"),
    ):
        get = lambda key: results[f"recognise/{model}/{key}"]  # noqa: B023, E731
        spread = f"{get('ua_mean'):.3f} ± {get('ua_sd'):.3f}"
        own = f"{get('ua'):.3f} | {spread} | {get('wa'):.3f} | {get('macro_f1'):.3f}"
        beside = results[f"recognise/mfcc_svm_{svm}/ua"]
        lines.append(f"| {text} | {own} | {beside:.3f} | {chance:.3f} |")
    return "\n".join(lines)


def generation_line(results: Mapping[str, Any]) -> str:
    """The GAN's distance from real mels beside the floor."""
    get = lambda key: results[f"generate/gan/{key}"]  # noqa: E731
    return (
        f"Mel GAN: Fréchet distance in the judge's feature space {get('frechet'):.3f} (real against real "
        f"{get('frechet_floor'):.3f}), precision {get('precision'):.2f}, recall {get('recall'):.2f}; distance to the "
        f"nearest training window {get('nearest_train'):.2f} (unseen real clips {get('nearest_train_real'):.2f})."
    )


def optimisation_table(results: Mapping[str, Any]) -> str:
    """Rates of the wanted emotion before and after, by the optimised recogniser and by the judge."""
    seeds, steps = int(results[f"{PREFIX}/seeds"]), int(results[f"{PREFIX}/steps"])
    what = f"maximise, {seeds} latents, {steps} steps"
    lines = [f"| {what} | recogniser before | after | **judge before** | **after** | elsewhere | p | p, chance |"]
    lines.append("|---|---|---|---|---|---|---|---|")
    rates = ("own_before", "own_after", "judge_before", "judge_after", "judge_elsewhere")
    for emotion in EMOTIONS:
        if f"{PREFIX}/{emotion}/judge_after" not in results:
            continue  # the preset did not ask for it
        row = [results[f"{PREFIX}/{emotion}/{key}"] for key in rates]
        p = [results[f"{PREFIX}/{emotion}/{key}"] for key in ("p_holm", "p_chance")]
        cells = [f"{100 * x:.0f} %" for x in row] + [format_p(x) for x in p]
        lines.append(f"| {emotion} | {' | '.join(cells)} |")
    return "\n".join(lines)


def vocoder_table(results: Mapping[str, Any]) -> str:
    """Both vocoders on unseen speakers; speed where a bench gave it."""
    lines = [
        "| vocoder, unseen speakers | mel L1 | STFT | PESQ | STOI | f0 error, cents | predicted MOS | x real time |"
    ]
    lines.append("|---|---|---|---|---|---|---|---|")
    for name, text in VOCODERS:
        row = [f"{results[f'vocoder/{name}/{key}']:.3f}" for key in VOCODER_MEASURES]
        text = text.format(iterations=int(results["vocoder/griffin_lim/iterations"]))
        speed = results.get(f"vocoder/{name}/x_realtime")
        lines.append(f"| {text} | {' | '.join(row)} | {'see bench/' if speed is None else f'{speed:.0f}'} |")
    lines.append(f"| the recording |  |  |  |  |  | {results['vocoder/real/mos']:.3f} |  |")
    return "\n".join(lines)


def provenance_line(results: Mapping[str, Any]) -> str:
    """Where the figures come from."""
    get = lambda key: results[f"provenance/{key}"]  # noqa: E731
    return f"Commit `{get('commit')[:12]}`, {get('hardware')}, {get('versions')}. Seconds: {get('seconds')}."


def format_p(p: float) -> str:
    """A p-value as papers print it."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"
