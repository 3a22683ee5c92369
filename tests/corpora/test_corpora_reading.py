"""The demo of read speech: design, determinism, and by measurement that f0 alone does not tell the sexes apart."""

from collections import Counter, defaultdict
from pathlib import Path, PurePosixPath

import numpy as np
import pytest
from fetching import f0_hz

from affekt.core.errors import UserError
from affekt.core.files import sha256_tree
from affekt.core.params import ReadingParams
from affekt.corpora import demo, demo_reading
from affekt.corpora.audio import read_audio, trim
from affekt.corpora.request import FetchRequest
from affekt.corpora.splits import load_splits
from affekt.corpora.spoken import read_rows
from affekt.corpora.table import UNLABELLED

FACTS = Path(__file__).parents[2] / "data" / "corpora" / "demo_reading"
ALL = 24
SMALL = ReadingParams(name="demo_reading", speakers=12, utterances=1)


def fetch(out: Path, seed: int = 0) -> Path:
    demo_reading.fetch(FetchRequest(FACTS, out, out, out, None, SMALL, seed))
    return out


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fetch(tmp_path_factory.mktemp("reading") / "raw")


def test_a_woman_and_a_man_read_the_same_sentences() -> None:
    params = ReadingParams(name="demo_reading", speakers=16, utterances=3)
    readers, sentences = demo_reading.load_design(FACTS, params)
    pairs = list(demo_reading.design(readers, list(sentences), 3))
    assert len(pairs) == len(set(pairs)) == 48
    by_gender = defaultdict(Counter)
    for reader, code in pairs:
        by_gender[reader.gender][code] += 1
    assert by_gender["f"] == by_gender["m"]
    assert Counter(reader.gender for reader in readers) == {"f": 8, "m": 8}


def test_no_voice_of_the_acted_demo_reads() -> None:
    acted = {voice.voice for voice in read_rows(FACTS.parent / "demo" / "voices.csv", demo.Voice)}
    reading = [reader.voice for reader in read_rows(FACTS / "voices.csv", demo_reading.Reader)]
    assert len(reading) == len(set(reading)) == ALL
    assert not acted & set(reading)
    # eSpeak has few women: one variant speaks in both, with another accent.
    assert {name.split("+")[1] for name in acted} & {name.split("+")[1] for name in reading} == {"f5"}


@pytest.mark.parametrize("count", range(12, ALL + 1, 2))
def test_splits_hold_both_genders_at_every_size(count: int) -> None:
    readers, _ = demo_reading.load_design(FACTS, ReadingParams(name="demo_reading", speakers=count, utterances=1))
    gender = {f"demo_reading-{reader.reader:02d}": reader.gender for reader in readers}
    splits = load_splits(FACTS / "splits.json", gender)
    for groups in (splits.fold, splits.half):
        for group in set(groups.values()):
            members = Counter(gender[speaker] for speaker, g in groups.items() if g == group)
            assert members["f"] == members["m"] > 0


@pytest.mark.parametrize(("key", "value"), [("speakers", 26), ("utterances", 25)])
def test_more_than_the_tables_hold_is_refused(key: str, value: int) -> None:
    params = SMALL.model_copy(update={key: value})
    with pytest.raises(UserError, match=f"reading.{key}: got {value}"):
        demo_reading.load_design(FACTS, params)


def test_two_readings_are_equal_and_seeds_differ(raw: Path, tmp_path: Path) -> None:
    assert sha256_tree(fetch(tmp_path / "again")) == sha256_tree(raw)
    assert sha256_tree(fetch(tmp_path / "other", seed=1)) != sha256_tree(raw)


def test_paths_and_the_table_of_voices_say_all(raw: Path) -> None:
    read = demo_reading.CORPUS.reader(FACTS, raw)
    clips = [read(PurePosixPath(path.relative_to(raw).as_posix())) for path in sorted(raw.rglob("*.wav"))]
    assert [clip.clip_id for clip in clips[:3]] == [
        "demo_reading-01-01",
        "demo_reading-02-01",
        "demo_reading-03-02",
    ]
    assert [clip.gender for clip in clips] == ["m", "f"] * 6
    assert {clip.emotion for clip in clips} == {UNLABELLED}
    for wrong in ("Reader_01/reading-02-01", "Reader_99/reading-99-01", "reading-01-01"):
        with pytest.raises(ValueError, match="wrongly named"):
            read(PurePosixPath(f"{wrong}.wav"))


def test_pitch_alone_does_not_tell_women_from_men(raw: Path) -> None:
    f0: dict[str, list[float]] = {"f": [], "m": []}
    read = demo_reading.CORPUS.reader(FACTS, raw)
    for path in sorted(raw.rglob("*.wav")):
        samples = trim(read_audio(path), 40, 0.05)
        assert 2 < len(samples) / 22_050 < 7
        f0[read(PurePosixPath(path.relative_to(raw).as_posix())).gender].append(f0_hz(samples))
    assert np.mean(f0["f"]) > 1.3 * np.mean(f0["m"])
    assert min(f0["f"]) < max(f0["m"]), "some woman must speak lower than some man"
