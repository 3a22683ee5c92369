"""Voices that nobody has: drawn speaker embeddings and what is spoken with them, each figure beside its scale."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from affekt.core.files import read_json
from affekt.report.assets import Assets, Sources
from affekt.report.sections.dream import GENDERS
from affekt.report.values import Values, hertz, number, percent

UNVOICED = float("nan")
READERS = "real speakers, of whom it learnt none"
WHEN = ("before", "after")


def build(sources: Sources, assets: Assets, values: Values) -> dict[str, Any]:
    """Context of the section on new voices."""
    index = read_json(sources.voices / "index.json")
    return {
        "samples": round(values["voices/samples"]),
        "decoded": round(values["voices/decoded/count"]),
        "gender_spoken": [_share(values, f"decoded/{key}") for key in ("gender_accuracy", "gender_accuracy_crossed")],
        "rows": [*_drawn(values), *_spoken(values)],
        "neutral": [_semitones(values.find(f"voices/fake_neutral/f0_deviation_{when}")) for when in WHEN],
        "groups": [_group(sources.voices, assets, row, index["voices"]) for row in index["sources"]],
        "flat": [_flat(sources.voices, assets, row) for row in index["fake_neutral"]],
    }


def _drawn(values: Values) -> list[dict[str, str]]:
    """The embeddings themselves: of whom are they, are they anybody's, do they differ."""
    get = lambda key: values[f"voices/{key}"]  # noqa: E731
    real = percent(get("gender_accuracy_real"))
    return [
        _figure("Gender as wished, by a classifier", percent(get("gender_accuracy")), real, READERS),
        _figure("Too near to a training clip", percent(get("too_near")), percent(get("too_near_real")),
                "training clips to another clip of their speaker: the power of the test"),
        _figure("Nearest to any training clip, cosine distance", number(get("nearest"), 3),
                number(get("same_speaker_percentile_1"), 3), "clips of one speaker, 1st percentile"),
        _figure("Distance to the nearest training clip, median", number(get("nearest_median"), 3),
                number(get("unseen_nearest_median"), 3), "real unseen speakers"),
        _figure("Cosine between two voices of one gender", _found(values, "pairwise_cosine"),
                _found(values, "pairwise_cosine_real"), "different real speakers of one gender"),
    ]  # fmt: skip


def _spoken(values: Values) -> list[dict[str, str]]:
    """A recording spoken in the new voices, embedded anew."""
    right, real = (percent(values[f"voices/{key}"]) for key in ("decoded/gender_accuracy", "gender_accuracy_real"))
    wish = number(values["voices/decoded/cosine_to_wish"], 3)
    women, men = (_f0(values, group) for group in ("women", "men"))
    return [
        _figure("Spoken: gender as wished", right, real, READERS),
        _figure("Spoken: gender as wished, crossed", _share(values, "decoded/gender_accuracy_crossed"), real, READERS),
        _figure("Spoken: cosine to the wished voice", wish, number(1, 3), "itself"),
        _figure("Spoken: cosine between two voices of one gender", _found(values, "decoded/pairwise_cosine"),
                _found(values, "decoded/pairwise_cosine_same"), "the recording in its own, by other clips"),
        _figure("Spoken: median f0 of women", women, men, "men"),
    ]  # fmt: skip


def _f0(values: Values, group: str) -> str:
    """Their f0, or `none` for a group without a voiced sound."""
    found = values.find(f"voices/decoded/f0_{group}_hz")
    return hertz(UNVOICED if found is None else found)


def _found(values: Values, key: str) -> str:
    """A cosine of pairs, which a run that draws or speaks in very few voices has none of."""
    cosine = values.find(f"voices/{key}")
    return "none" if cosine is None else number(cosine, 3)


def _share(values: Values, key: str) -> str:
    """A share, which a run with recordings of one gender may have none of."""
    share = values.find(f"voices/{key}")
    return "none" if share is None else percent(share)


def _semitones(deviation: float | None) -> str:
    """How much a melody moves; a sound without voice has none."""
    return "not at all" if deviation is None else f"{number(deviation)} semitones"


def _figure(name: str, figure: str, scale: str, of: str) -> dict[str, str]:
    return {"name": name, "figure": figure, "scale": scale, "of": of}


def _group(folder: Path, assets: Assets, source: Mapping[str, Any], voices: list[dict[str, Any]]) -> dict[str, Any]:
    """A recording, and the new voices in which it is spoken."""
    gender, name = GENDERS[source["gender"]], source["clip_id"]
    player = assets.copied_sound(f"voices-{name}", folder / source["audio"], f"{name}, the recording")
    cards = []
    for row in (row for row in voices if row["source"] == source["audio"]):
        crossed = row["gender"] != source["gender"]
        label = f"New voice {row['number']}, {GENDERS[row['gender']]}{', crossed' if crossed else ''}"
        asset = f"voices-{row['gender']}-{row['number']}{'-crossed' if crossed else ''}"
        sound = assets.copied_sound(asset, folder / row["audio"], label)
        cards.append(
            {key: row[key] for key in ("nearest_speaker", "nearest_cosine")} | {"label": label, "player": sound}
        )
    return {"name": name, "gender": gender, "player": player, "cards": cards}


def _flat(folder: Path, assets: Assets, row: Mapping[str, Any]) -> dict[str, Any]:
    """One recording before and after its melody was flattened."""
    name, players = row["clip_id"], []
    for when in WHEN:
        player = assets.copied_sound(f"flat-{name}-{when}", folder / row[when], f"{name}, {when} flattening")
        players.append((when, player, _semitones(row[f"f0_{when}"])))
    return {"name": name, "players": players}
