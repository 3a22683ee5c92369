"""Inspection, quarantine, packing; the table's schema and the splits."""

import hashlib
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd
import pytest
import soundfile

from affekt.core.errors import UserError
from affekt.core.files import load_array, load_table, read_json, write_json
from affekt.corpora.corpus import ClipFacts
from affekt.corpora.inspect import Inspection, check_quarantine, inspect_folder
from affekt.corpora.naming import read_path
from affekt.corpora.prepare import pack
from affekt.corpora.splits import load_splits
from affekt.corpora.table import COLUMNS, check_table

SPLITS = {"folds": [["t-01", "t-02"], ["t-03"]], "halves": {"a": ["t-01"], "b": ["t-02", "t-03"]}}
STEMS = ("03-01-01-01-01-01-01", "03-01-05-02-01-01-02", "03-01-04-01-02-01-03")


def speech(seed: int, seconds: float = 0.5) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.1, int(22_050 * seconds)).astype(np.float32)


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    folder = tmp_path / "raw"
    (folder / "Actor").mkdir(parents=True)
    for seed, stem in enumerate(STEMS):
        soundfile.write(folder / "Actor" / f"{stem}.wav", speech(seed), 22_050)
    return folder


def inspected(raw: Path, known: tuple[tuple[str, ...], ...] = ()) -> Inspection:
    return inspect_folder(raw, read, 40.0, 0.05, known)


def read(path: PurePosixPath) -> ClipFacts:
    return read_path(path, "t")


def test_every_fault_is_quarantined_with_its_reason(raw: Path) -> None:
    good = (raw / "Actor" / f"{STEMS[0]}.wav").read_bytes()
    (raw / "03-01-05-01-01-01-02.wav").write_bytes(b"")
    (raw / "03-01-05-01-02-01-02.wav").write_bytes(b"no sound at all")
    (raw / "03-01-06-01-01-01-02.wav").write_bytes(good[:9000])
    (raw / "03-01-06-01-02-01-02.wav").write_bytes(good)
    (raw / "angry.wav").write_bytes(good)
    (raw / "notes.txt").write_text("x")
    soundfile.write(raw / "03-01-07-01-01-01-02.wav", 0 * speech(0), 22_050)
    soundfile.write(raw / "03-01-07-01-02-01-02.wav", np.full(9000, np.nan), 22_050, subtype="FLOAT")
    soundfile.write(raw / f"{STEMS[1]}.flac", speech(8), 22_050)
    result = inspected(raw)
    reasons = {entry["path"]: entry["reason"] for entry in result.quarantine}
    wanted = {
        "03-01-05-01-01-01-02.wav": "is empty",
        "03-01-05-01-02-01-02.wav": "cannot be read as sound",
        "03-01-06-01-01-01-02.wav": "is truncated",
        f"Actor/{STEMS[0]}.wav": "duplicate: holds the same audio as 03-01-06-01-02-01-02.wav",
        f"Actor/{STEMS[1]}.wav": f"duplicate: has the name of {STEMS[1]}.flac",
        "angry.wav": "wrongly named",
        "notes.txt": "wrongly named",
        "03-01-07-01-01-01-02.wav": "is silent",
        "03-01-07-01-02-01-02.wav": "NaN",
    }
    assert set(reasons) == set(wanted)
    for path, part in wanted.items():
        assert part in reasons[path]
        assert str(raw) not in reasons[path], "an out must not hold a path of the machine"
    assert len(result.clips) == 3
    check_quarantine(result, raw, 9)
    with pytest.raises(UserError, match=r"9 of 12 files cannot be used.*max_quarantined allows 8.*and 6 more"):
        check_quarantine(result, raw, 8)


def test_an_empty_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no file"):
        check_quarantine(inspected(tmp_path), tmp_path, 5)


def test_a_table_beside_the_clips_is_none_of_them(raw: Path) -> None:
    (raw / "Actor" / "SPEAKERS.TXT").write_text("1 | F")
    assert [entry["path"] for entry in inspected(raw).quarantine] == ["Actor/SPEAKERS.TXT"]
    result = inspect_folder(raw, read, 40.0, 0.05, beside={"Actor/SPEAKERS.TXT"})
    assert result.quarantine == []
    assert len(result.clips) == len(STEMS)


def test_a_fault_of_the_corpus_own_tables_ends_the_run(raw: Path) -> None:
    def refuse(path: PurePosixPath) -> ClipFacts:
        raise UserError("no gender of speaker 7")

    with pytest.raises(UserError, match="no gender of speaker 7"):
        inspect_folder(raw, refuse, 40.0, 0.05)


def test_a_known_duplicate_is_kept_and_noted(raw: Path) -> None:
    twin = "03-01-01-01-01-02-01"
    (raw / "Actor" / f"{twin}.wav").write_bytes((raw / "Actor" / f"{STEMS[0]}.wav").read_bytes())
    assert len(inspected(raw).quarantine) == 1
    result = inspected(raw, ((STEMS[0], twin),))
    assert result.quarantine == []
    assert len(result.clips) == 4
    assert [note["path"] for note in result.notes] == [f"Actor/{twin}.wav"]


def test_the_packed_corpus_holds_what_its_table_says(raw: Path, tmp_path: Path) -> None:
    write_json(tmp_path / "splits.json", SPLITS)
    soundfile.write(raw / "03-01-03-01-01-01-02.wav", np.stack([speech(5)] * 2, 1), 22_050)
    table = pack(inspected(raw), "t", "en", tmp_path / "splits.json", tmp_path / "prepared")
    audio = load_array(tmp_path / "prepared" / "audio.npy")
    stored = load_table(tmp_path / "prepared" / "clips.parquet")
    assert tuple(stored.columns) == COLUMNS
    assert stored.equals(table)
    assert audio.dtype == np.int16
    assert list(stored["clip_id"]) == [
        "t-01-neutral-normal-01-1",
        "t-02-angry-strong-01-1",
        "t-02-happy-normal-01-1",
        "t-03-sad-normal-02-1",
    ]
    for row in stored.itertuples():
        clip = audio[row.offset : row.offset + row.frames]
        assert hashlib.sha256(clip.tobytes()).hexdigest() == row.sha256
    assert np.abs(audio[: stored["frames"][0]] / 32768 - speech(0)).max() < 1e-4
    assert list(stored["half"]) == ["a", "b", "b", "b"]
    assert list(stored["fold"]) == [0, 0, 0, 1]
    assert read_json(tmp_path / "prepared" / "quarantine.json") == []
    check_table(stored, len(audio))
    again = pack(inspected(raw), "t", "en", tmp_path / "splits.json", tmp_path / "again")
    assert again.equals(table)
    for name in ("audio.npy", "clips.parquet", "quarantine.json", "notes.json"):
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "prepared" / name).read_bytes()


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("emotion", "joyful", "emotion 'joyful', allowed are neutral, calm"),
        ("gender", "x", "gender 'x'"),
        ("rate", 16_000, "rate 16000"),
        ("frames", 0, "frames below 1"),
        ("offset", 5, "back to back"),
        ("clip_id", "t-03-sad-normal-02-1", "not unique and sorted"),
        ("half", "c", "half 'c'"),
        ("fold", -1, "fold below 0"),
    ],
)
def test_a_table_that_breaks_the_schema_is_refused(
    raw: Path, tmp_path: Path, column: str, value: object, message: str
) -> None:
    write_json(tmp_path / "splits.json", SPLITS)
    table = pack(inspected(raw), "t", "en", tmp_path / "splits.json", tmp_path / "prepared")
    table.loc[0, column] = value
    with pytest.raises(UserError, match=message):
        check_table(table)


def test_wrong_columns_types_and_lengths_are_refused(raw: Path, tmp_path: Path) -> None:
    write_json(tmp_path / "splits.json", SPLITS)
    table = pack(inspected(raw), "t", "en", tmp_path / "splits.json", tmp_path / "prepared")
    for broken, message in (
        (table.drop(columns="fold"), "columns are"),
        (table.astype({"frames": "float64"}), "frames is float64"),
        (pd.DataFrame(table.iloc[:0]), "holds no clip"),
        (table.assign(half=["a", "b", "a"], speaker="t-01"), "two genders, halves or folds"),
    ):
        with pytest.raises(UserError, match=message):
            check_table(broken)
    with pytest.raises(UserError, match="ends at sample"):
        check_table(table, 5)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"folds": [["t-01"], ["t-02"]], "halves": SPLITS["halves"]}, "t-03 is in no fold"),
        ({"folds": [["t-01", "t-02"], ["t-03", "t-01"]], "halves": SPLITS["halves"]}, "t-01 is named 2 times"),
        ({"folds": SPLITS["folds"], "halves": {"a": ["t-01"], "b": ["t-02"]}}, "t-03 is in no half"),
        ({"folds": [["t-01", "t-02", "t-03"], ["t-09"]], "halves": SPLITS["halves"]}, "fold 1 has no speaker"),
        ({"folds": SPLITS["folds"]}, "must be"),
        ({"folds": [[1, 2], [3]], "halves": SPLITS["halves"]}, "list of speakers"),
    ],
)
def test_splits_that_lose_or_share_a_speaker_are_refused(tmp_path: Path, value: dict, message: str) -> None:
    write_json(tmp_path / "splits.json", value)
    with pytest.raises(UserError, match=message):
        load_splits(tmp_path / "splits.json", ["t-01", "t-02", "t-03"])
