"""The README's tables of what changes a voice: conversion, disentangling and new voices, from results/<preset>.json."""

from collections.abc import Mapping
from typing import Any

from affekt.report.sections import conversion, disentangling
from affekt.report.values import Values, p_value


def converting_blocks(results: Mapping[str, Any]) -> list[str]:
    """What was measured of changing voices, as Markdown; a UserError names a figure that is missing."""
    values = Values(results, "results")
    blocks = {"convert/": conversion_table, "disentangle/": disentangling_table, "voices/": voices_line}
    return [block(values) for start, block in blocks.items() if values.any_of(start)]


def conversion_table(values: Values) -> str:
    """Every converter beside the recording, as it is and vocoded, and the real one; in one column back to neutral."""
    pairs, recordings, speakers = (round(values[f"convert/{key}"]) for key in ("pairs", "recordings", "speakers"))
    heads = [f"{column.name}, {column.unit}" for column in conversion.COLUMNS]
    what = f"{recordings} neutral recordings of {speakers} unseen speakers, {pairs} times to an emotion"
    first = f"| {what} | **jury hears it** (95 %) | named elsewhere | p |"
    lines = [f"{first} {' | '.join(heads)} | back to neutral: jury hears it |", "|---" * (5 + len(heads)) + "|"]
    rows, best = conversion.rows_of(values), conversion.best_method(values)
    for row in rows:
        low, high = row["interval"]
        name = f"**{row['name']}**" if row["version"] == best else row["name"]
        name += f" (of {row['pairs']} pairs)" if row["pairs"] != pairs else ""
        heard = f"{_share(row['heard'])} ({100 * low:.0f}–{100 * high:.0f})"
        cells = [_plain(cell) for cell in row["cells"]]
        back = values.find(f"convert/{row['version']}/{conversion.NEUTRAL}/judge_accuracy")
        p = "" if row["p"] is None else p_value(row["p"])
        elsewhere = "" if row["elsewhere"] is None else _share(row["elsewhere"])
        lines.append(
            f"| {name} | {heard} | {elsewhere} | {p} | {' | '.join(cells)} | {'' if back is None else _share(back)} |"
        )
    return "\n".join([*lines, "", _scale(values)])


def _scale(values: Values) -> str:
    """What the figures of the conversions are of, and beside what they are to be read."""
    names = ("pairs", "recordings", "speakers", "wanted")
    pairs, recordings, speakers, wanted = (round(values[f"convert/{key}"]) for key in names)
    same, other = values["convert/same_speaker_cosine"], values.find("convert/other_speaker_cosine")
    others = "" if other is None else f", {other:.3f} another of the same gender in it"
    jury, chance = values["convert/jury_ua"], values["convert/chance"]
    wish = conversion.chance_of_a_wish(values)
    return (
        f"The {pairs} pairs are of {recordings} recordings of {speakers} speakers, each wished several times; the "
        "intervals (Wilson) leave that out of account and are too narrow. The jury (networks of the other folds of "
        f"half b, in no loss) reaches {jury:.3f} UA on real clips, of which chance is {chance:.3f}. Of a wish chance "
        f"is 1/{wanted}: one emotion that is named always is the wanted one in {wish:.3f}. "
        "Named elsewhere: how often an emotion is named where another one was wanted. Speaker cosine to the recording "
        f"(of the encoder whose embedding SpeechSplit's decoder is given): {same:.3f} is the same speaker in the "
        f"wanted emotion{others}. The statement is named by a network that is in no converter's loss. MCD, f0 and "
        "duration are against the real recording, the duration error being the mean absolute logarithm of the ratio; "
        "MOS is of every fourth. p: exact sign-flip test over speakers against the source through the vocoder, "
        f"adjusted for {len(conversion.METHODS)} converters after Holm; with {speakers} speakers it can be no smaller "
        f"than 2/2^{speakers} before that."
    )


def disentangling_table(values: Values) -> str:
    """What each code moves, its own aspect in bold."""
    pairs = round(values["disentangle/pairs"])
    lines = [f"| code of another recording, {pairs} pairs | {' | '.join(disentangling.ASPECTS.values())} | p |"]
    lines.append("|---" * (2 + len(disentangling.ASPECTS)) + "|")
    for code, name in disentangling.CODES.items():
        cells = []
        for aspect in disentangling.ASPECTS:
            mean = disentangling.moved(values, code, aspect).mean
            text = "undefined" if mean is None else _share(mean)
            cells.append(f"**{text}**" if disentangling.OWN.get(code) == aspect else text)
        p = p_value(values[f"disentangle/{code}/p_holm"]) if code in disentangling.OWN else ""
        lines.append(f"| {name} | {' | '.join(cells)} | {p} |")
    seen, unseen = (values[f"disentangle/reconstruction/mel_l1_{whose}"] for whose in ("seen", "unseen"))
    told = (
        "Share of pairs in which what comes out is nearer to the lender. p: McNemar over pairs, that a code moves its "
        "own aspect more often than every other code and changing none, after Holm. Reconstruction, mel L1 in nepers: "
        f"{seen:.3f} on training speakers, {unseen:.3f} on others."
    )
    return "\n".join([*lines, "", told])


def voices_line(values: Values) -> str:
    """New voices beside real ones; what a run with few voices or one gender has none of is `undefined`."""
    get = lambda key: values[f"voices/{key}"]  # noqa: E731
    cosine, cosine_real, spoken, spoken_same = (
        "undefined" if (found := values.find(f"voices/{start}pairwise_cosine{ending}")) is None else f"{found:.3f}"
        for start, ending in (("", ""), ("", "_real"), ("decoded/", ""), ("decoded/", "_same"))
    )
    crossed = values.find("voices/decoded/gender_accuracy_crossed")
    other = "" if crossed is None else f", in recordings of the other gender {_share(crossed)}"
    return (
        f"New voices, {get('samples'):.0f} drawn embeddings: gender as wished {_share(get('gender_accuracy'))} (real "
        f"unseen speakers {_share(get('gender_accuracy_real'))}), too near to a training clip "
        f"{_share(get('too_near'))}, distance to the nearest training clip {get('nearest_median'):.3f} (real unseen "
        f"speakers {get('unseen_nearest_median'):.3f}), cosine between two {cosine} (real speakers "
        f"{cosine_real}). Spoken in {get('decoded/count'):.0f} of them: gender as wished "
        f"{_share(get('decoded/gender_accuracy'))}{other}, cosine between two {spoken} (one "
        f"speaker's recordings {spoken_same})."
    )


def _plain(cell: conversion.Cell) -> str:
    """A cell in Markdown: spaces and minus signs as they are typed, the best in bold."""
    text = cell.text.replace("\u202f", " ").replace("\u2212", "-")
    text += f" ({cell.undefined} undefined)" if cell.undefined else ""
    return f"**{text}**" if cell.best else text


def _share(share: float) -> str:
    return f"{100 * share:.0f} %"
