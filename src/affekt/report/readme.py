"""The README's results table, written from results/<preset>.json so that no figure in it is typed by hand."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from affekt.core.errors import UserError
from affekt.core.files import atomic_path
from affekt.evaluate.gender_protocols import WAYS
from affekt.evaluate.protocols import PROTOCOLS
from affekt.report.readme_converting import converting_blocks
from affekt.report.readme_making import making_blocks
from affekt.report.sections import gender
from affekt.report.sections.hearing import ENSEMBLES, NAMES, PUBLISHED, SVM, name_other_folds
from affekt.report.values import Values, p_value

BEGIN, END = "<!-- results:begin -->", "<!-- results:end -->"


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
    blocks = [recognition_table(results)]
    if "recognise/folds" in results:  # a run of before the benchmark has none of it
        blocks += [benchmark_table(results), leakage_line(results), gender_line(results)]
    blocks += [*making_blocks(results), *converting_blocks(results)]
    if "content/a/statement_accuracy" in results:
        blocks.append(content_line(results))
    if Values(results, "results").any_of("dream/"):
        blocks.append(dream_table(results))
    return "".join(f"\n{block}\n" for block in [*blocks, provenance_line(results)]) + "\n"


def recognition_table(results: Mapping[str, Any]) -> str:
    """UA, WA and macro-F1 of recogniser and judge beside the baselines."""
    chance = results["recognise/chance/ua"]
    lines = ["| recognition, unseen speakers | UA | over folds | WA | macro-F1 | MFCC+SVM, same test | chance |"]
    lines.append("|---|---|---|---|---|---|---|")
    for model, svm, text in (
        ("recogniser_mel_cnn", "a", "recogniser (half a to b)"),
        ("judge", "b", "judge (half b to a)"),
    ):
        get = lambda key: results[f"recognise/{model}/{key}"]  # noqa: B023, E731
        spread = f"{get('ua_mean'):.3f} ± {get('ua_sd'):.3f}"
        own = f"{get('ua'):.3f} | {spread} | {get('wa'):.3f} | {get('macro_f1'):.3f}"
        beside = results[f"recognise/mfcc_svm_{svm}/ua"]
        lines.append(f"| {text} | {own} | {beside:.3f} | {chance:.3f} |")
    return "\n".join(lines)


def benchmark_table(results: Mapping[str, Any]) -> str:
    """Every network over folds and seeds, beside ensembles, the baseline, chance and published figures."""
    folds, seeds = int(results["recognise/folds"]), int(results["recognise/seeds"])
    other = name_other_folds(results)
    columns = ["UA", *([f"UA, {other}"] if other else []), "WA", "macro-F1", "ECE"]
    columns += [f"UA, {len(protocol.names)} emotions" for protocol in PROTOCOLS] + ["parameters"]
    lines = [f"| {folds} folds of unseen speakers x {seeds} seed{'s' * (seeds != 1)} | {' | '.join(columns)} |"]
    lines.append("|---" * (1 + len(columns)) + "|")
    for model, name in NAMES.items():
        if model in ENSEMBLES and f"recognise/{model}/ua_mean" not in results:
            continue
        get = lambda key: results[f"recognise/{model}/{key}"]  # noqa: B023, E731
        ua, *spreads = (_spread(results, f"recognise/{model}/{m}") for m in ("ua", "wa", "macro_f1"))
        alone = [f"{get('ua_mean_other_folds'):.3f}"] if other else []
        ece = "" if model == SVM else f"{get('ece'):.3f}"
        fewer = [f"{get(f'{protocol.name}/ua_mean'):.3f}" for protocol in PROTOCOLS]
        size = "" if model in (SVM, *ENSEMBLES) else f"{get('parameters'):,.0f}"
        lines.append(f"| {name} | {' | '.join([ua, *alone, *spreads, ece, *fewer, size])} |")
    chances = " | ".join(f"{protocol.chance:.3f}" for protocol in PROTOCOLS)
    gap = "  |" * bool(other)
    lines.append(f"| chance | {results['recognise/chance/ua']:.3f} |{gap}  |  |  | {chances} |  |")
    for name, learnt, published, source in PUBLISHED:
        lines.append(f"| {name}; {learnt} ({source}) | {published:.3f} |{gap}  |  |  |  |  |  |")
    left_out = f"; the column 'UA, {other}' is without it" if other else ""
    chosen = f"Sizes, epochs and aids were chosen by hand on fold 1{left_out}. The protocol below tells the exceptions."
    return "\n".join([*lines, "", chosen])


def _spread(results: Mapping[str, Any], start: str) -> str:
    """Mean and deviation; the mean alone where there is one run."""
    sd = results.get(f"{start}_sd")
    return f"{results[f'{start}_mean']:.3f}" + ("" if sd is None else f" ± {sd:.3f}")


def leakage_line(results: Mapping[str, Any]) -> str:
    """What a random split would have reported."""
    get = lambda key: results[f"recognise/leakage/{key}"]  # noqa: E731
    return (
        f"Leakage premium: with clips split at random the mel CNN reaches {get('ua_random'):.3f} UA instead of "
        f"{get('ua_speakers'):.3f} on the same {get('clips'):.0f} clips, {100 * get('premium'):+.1f} points (p "
        f"{p_value(get('p_value'))}, sign-flip test over speakers)."
    )


EMBEDDED = "for scale, logistic regression on a pretrained speaker embedding"


def gender_line(results: Mapping[str, Any]) -> str:
    """Gender of unseen readers, and across corpora, each network beside the threshold on f0 of the same training."""
    groups = []
    for ending, trained in (("", "trained on readers"), ("_joint", "on readers and actors")):
        parts = [
            _gender_part(results, f"{model}{ending}", name)
            for model, name in (
                ("gender_fast", "residual network, windows of 512"),
                ("gender_slow", "of 2048"),
                ("gender_both", "both together"),
                (gender.THRESHOLD, "threshold on median f0"),
            )
        ]
        groups.append(f"{trained}: {', '.join(parts)}")
    groups.append(_gender_part(results, "speaker_embedding", EMBEDDED))
    clips, readers = (int(results[f"gender/{gender.THRESHOLD}/{key}"]) for key in ("clips", "speakers"))
    return (
        f"Gender, share of {clips} clips of {readers} unseen readers; {'; '.join(groups)}. p: against the threshold of "
        "the same training, sign-flip test over readers, adjusted for all networks (Holm). Sizes and steps were tried "
        "on fold 1."
    )


def _gender_part(results: Mapping[str, Any], model: str, name: str) -> str:
    """A model's accuracy; in brackets its p against the threshold and accuracies across corpora, where it has them."""
    start = f"gender/{model}/"
    notes = [] if model.startswith(gender.BESIDE) else [f"p {p_value(results[f'{start}p_holm'])}"]
    if f"{start}accuracy_other_folds" in results:
        notes.insert(0, f"{results[f'{start}accuracy_other_folds']:.3f} without fold 1")
    notes += [f"{way.replace('_', ' ')} {results[start + way]:.3f}" for way in WAYS if start + way in results]
    return f"{name} {results[f'{start}accuracy']:.3f}{' (' + ', '.join(notes) + ')' if notes else ''}"


def content_line(results: Mapping[str, Any]) -> str:
    """How rightly the recognisers of what is said hear unseen speakers, each beside chance."""
    parts = []
    for trained, tested in (("a", "b"), ("b", "a")):
        get = lambda key: results[f"content/{trained}/{key}"]  # noqa: B023, E731
        measures = (("clips", "statement_accuracy"), ("windows", "windows/statement_accuracy"),
                    ("frames within a part", "frame_accuracy_within_1"))  # fmt: skip
        told = [f"{name} {get(key):.3f} (chance {get(f'{key}_chance'):.3f})" for name, key in measures]
        parts.append(f"half {trained} to {tested}: {', '.join(told)}")
    return f"What is said, share of unseen speakers' clips, windows and frames named rightly; {'; '.join(parts)}."


def dream_table(results: Mapping[str, Any]) -> str:
    """Activation of each layer and gender score before and after the dream."""
    layers = sorted({key.split("/")[1] for key in results if key.startswith("dream/") and key.count("/") == 2})
    columns = ("activation_before", "activation_after", "gender_before", "gender_after")
    lines = ["| deep dream, layer | activation before | after | gender score before | after |", "|---|---|---|---|---|"]
    for layer in layers:
        cells = [f"{results[f'dream/{layer}/{column}']:.3f}" for column in columns]
        lines.append(f"| {layer} | {' | '.join(cells)} |")
    return "\n".join(lines)


def provenance_line(results: Mapping[str, Any]) -> str:
    """Where the figures come from: the whole run, and stages that were measured without it."""
    parts = sorted({key.rpartition("/")[0] for key in results if key.startswith("provenance/")})
    return "\n\n".join(_provenance(results, part) for part in parts)


def _provenance(results: Mapping[str, Any], part: str) -> str:
    get = lambda key: results[f"{part}/{key}"]  # noqa: E731
    stages = part.partition("/")[2].replace("+", "`, `")
    of = f"Measured alone: `{stages}`" if stages else "The whole run"
    return f"{of}: commit `{get('commit')[:12]}`, {get('hardware')}, {get('versions')}. Seconds: {get('seconds')}."
