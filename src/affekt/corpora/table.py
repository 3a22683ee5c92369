"""The table of clips: one row per clip, the same columns for every corpus."""

from typing import TYPE_CHECKING

from affekt.core.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

EMOTIONS = ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised")  # index = label
UNLABELLED = "unlabelled"  # the emotion of clips whose corpus does not tell it; no label
GENDERS = ("f", "m")
INTENSITIES = ("normal", "strong")
HALVES = ("a", "b")
SAMPLE_RATE = 22_050  # Hz, of everything stored

_TEXT = ("clip_id", "corpus", "speaker", "gender", "emotion", "intensity", "statement", "language", "sha256", "half")
_WHOLE = ("repetition", "offset", "frames", "rate", "fold")
COLUMNS = (
    "clip_id",
    "corpus",
    "speaker",
    "gender",
    "emotion",
    "intensity",
    "statement",
    "repetition",
    "language",
    "offset",  # samples into audio.npy
    "frames",  # samples of the clip
    "rate",  # Hz
    "sha256",  # of the clip's int16 samples as stored
    "half",
    "fold",  # 0-based
)
_ALLOWED = {
    "gender": GENDERS,
    "emotion": (*EMOTIONS, UNLABELLED),
    "intensity": INTENSITIES,
    "half": HALVES,
    "rate": (SAMPLE_RATE,),
}


def check_table(table: "pd.DataFrame", samples: int | None = None) -> "pd.DataFrame":
    """Return the table when it keeps the schema; else raise UserError naming the column and the clip.

    Args:
        samples: length of the audio array that the offsets point into, when it is known.
    """
    if tuple(table.columns) != COLUMNS:
        raise UserError(f"clip table: columns are {list(table.columns)}, must be {list(COLUMNS)}; rerun `prepare`")
    if table.empty:
        raise UserError("clip table: holds no clip; look into quarantine.json beside it for the reasons")
    _check_types(table)
    _check_values(table)
    _check_offsets(table, samples)
    return table


def _check_types(table: "pd.DataFrame") -> None:
    for name in _WHOLE:
        if table[name].dtype != "int64":
            raise UserError(f"clip table: column {name} is {table[name].dtype}, must be int64; rerun `prepare`")
    for name in _TEXT:
        wrong = [value for value in table[name] if not isinstance(value, str) or not value]
        if wrong:
            raise UserError(f"clip table: column {name} holds {wrong[0]!r}, must be text; rerun `prepare`")


def _check_values(table: "pd.DataFrame") -> None:
    for name, allowed in _ALLOWED.items():
        for clip, value in zip(table["clip_id"], table[name], strict=True):
            if value not in allowed:
                raise UserError(f"clip table: {clip} has {name} {value!r}, allowed are {', '.join(map(str, allowed))}")
    for name, least in (("frames", 1), ("repetition", 1), ("fold", 0), ("offset", 0)):
        if (table[name] < least).any():
            clip = table["clip_id"][(table[name] < least).to_numpy().argmax()]
            raise UserError(f"clip table: {clip} has {name} below {least}; rerun `prepare`")
    ids = list(table["clip_id"])
    if ids != sorted(set(ids)):
        raise UserError("clip table: clip ids are not unique and sorted; rerun `prepare`")
    of_speaker = table.groupby("speaker")[["gender", "half", "fold", "corpus"]].nunique()
    if (of_speaker > 1).to_numpy().any():
        raise UserError("clip table: a speaker has two genders, halves or folds; mend splits.json and rerun `prepare`")


def _check_offsets(table: "pd.DataFrame", samples: int | None) -> None:
    ends = (table["offset"] + table["frames"]).tolist()
    if table["offset"].tolist() != [0, *ends[:-1]]:
        raise UserError("clip table: clips do not lie back to back in audio.npy; rerun `prepare`")
    if samples is not None and ends[-1] != samples:
        raise UserError(f"clip table: ends at sample {ends[-1]}, audio.npy at {samples}; rerun `prepare`")
