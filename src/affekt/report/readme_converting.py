"""The README's tables of what changes a voice: conversion, disentangling and new voices, from results/<preset>.json."""

from collections.abc import Mapping
from typing import Any

from affekt.report.sections import conversion, disentangling
from affekt.report.values import Values, p_value


def converting_blocks(results: Mapping[str, Any]) -> list[str]:
    """What was measured of changing voices, as Markdown; a UserError names a figure that is missing."""
    blocks = []
    for start, block in (("convert/", conversion_table), ("disentangle/", disentangling_table),
                         ("voices/", voices_line)):  # fmt: skip
        if any(key.startswith(start) for key in results):  # a run of before it was there has none
            blocks.append(block(Values(results, "results")))
    return blocks


def conversion_table(values: Values) -> str:
    """Every converter beside the recording, as it is and vocoded, and the real one; in one column back to neutral."""
    pairs, speakers = (round(values[f"convert/{key}"]) for key in ("pairs", "speakers"))
    heads = [f"{column.name}, {column.unit}" for column in conversion.COLUMNS]
    what = f"{pairs} neutral recordings of {speakers} unseen speakers to an emotion"
    lines = [f"| {what} | **jury hears it** (95 %) | p | {' | '.join(heads)} | back to neutral: jury hears it |",
             "|---" * (4 + len(heads)) + "|"]  # fmt: skip
    rows, best = conversion.rows_of(values), conversion.best_method(values)
    for row in rows:
        low, high = row["interval"]
        name = f"**{row['name']}**" if row["version"] == best else row["name"]
        heard = f"{_share(row['heard'])} ({100 * low:.0f}–{100 * high:.0f})"
        cells = [_plain(cell) for cell in row["cells"]]
        back = values.find(f"convert/{row['version']}/{conversion.NEUTRAL}/judge_accuracy")
        p = "" if row["p"] is None else p_value(row["p"])
        lines.append(f"| {name} | {heard} | {p} | {' | '.join(cells)} | {'' if back is None else _share(back)} |")
    same, other = values["convert/same_speaker_cosine"], values.find("convert/other_speaker_cosine")
    others = "" if other is None else f", {other:.3f} another of the same gender in it"
    jury, chance = values["convert/jury_ua"], values["convert/chance"]
    scale = (
        f"The jury (networks of the other folds of half b, in no loss) reaches {jury:.3f} UA on real clips, chance is "
        f"{chance:.3f}. Speaker cosine to the recording: {same:.3f} is the same speaker in the wanted "
        f"emotion{others}. MCD, f0 and duration are against the real recording, the duration error being the mean "
        "absolute logarithm of the ratio; MOS is of every fourth. p: exact sign-flip test over speakers against the "
        f"source through the vocoder, adjusted for {len(conversion.METHODS)} converters after Holm."
    )
    return "\n".join([*lines, "", scale])


def disentangling_table(values: Values) -> str:
    """What each code moves, its own aspect in bold."""
    pairs = round(values["disentangle/pairs"])
    lines = [f"| code of another recording, {pairs} pairs | {' | '.join(disentangling.ASPECTS.values())} |"]
    lines.append("|---" * (1 + len(disentangling.ASPECTS)) + "|")
    for code, name in disentangling.CODES.items():
        cells = []
        for aspect in disentangling.ASPECTS:
            mean = disentangling.moved(values, code, aspect).mean
            text = "undefined" if mean is None else _share(mean)
            cells.append(f"**{text}**" if disentangling.OWN.get(code) == aspect else text)
        lines.append(f"| {name} | {' | '.join(cells)} |")
    seen, unseen = (values[f"disentangle/reconstruction/mel_l1_{whose}"] for whose in ("seen", "unseen"))
    told = (
        "Share of pairs in which what comes out is nearer to the lender. Reconstruction, mel L1 in nepers: "
        f"{seen:.3f} on training speakers, {unseen:.3f} on others."
    )
    return "\n".join([*lines, "", told])


def voices_line(values: Values) -> str:
    """New voices beside real ones."""
    get = lambda key: values[f"voices/{key}"]  # noqa: E731
    return (
        f"New voices, {get('samples'):.0f} drawn embeddings: gender as wished {_share(get('gender_accuracy'))} (real "
        f"unseen speakers {_share(get('gender_accuracy_real'))}), too near to a training clip "
        f"{_share(get('too_near'))}, distance to the nearest training clip {get('nearest_median'):.3f} (real unseen "
        f"speakers {get('unseen_nearest_median'):.3f}), cosine between two {get('pairwise_cosine'):.3f} (real speakers "
        f"{get('pairwise_cosine_real'):.3f}). Spoken in {get('decoded/count'):.0f} of them: gender as wished "
        f"{_share(get('decoded/gender_accuracy'))}, cosine between two {get('decoded/pairwise_cosine'):.3f} (one "
        f"speaker's recordings {get('decoded/pairwise_cosine_same'):.3f})."
    )


def _plain(cell: conversion.Cell) -> str:
    """A cell in Markdown: spaces and minus signs as they are typed, the best in bold."""
    text = cell.text.replace("\u202f", " ").replace("\u2212", "-")
    text += f" ({cell.undefined} undefined)" if cell.undefined else ""
    return f"**{text}**" if cell.best else text


def _share(share: float) -> str:
    return f"{100 * share:.0f} %"
