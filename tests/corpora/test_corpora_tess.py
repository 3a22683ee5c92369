"""TESS, from a fixture in the layouts in which it goes around: 14 folders of any case, two trees, faults."""

import hashlib
import json
import shutil
from collections import Counter
from itertools import product
from pathlib import Path, PurePosixPath

import numpy as np
import pytest
import soundfile
from fetching import brought, request, serve

from affekt.core.errors import UserError
from affekt.core.files import load_table
from affekt.corpora import tess
from affekt.corpora.facts import load_facts
from affekt.corpora.inspect import Inspection, check_quarantine, inspect_folder
from affekt.corpora.prepare import pack
from affekt.corpora.splits import load_splits
from affekt.corpora.table import SAMPLE_RATE

FACTS = Path(__file__).parents[2] / "data" / "corpora" / "tess"
RATE = 24_414  # Hz
WORDS = ("bite", "germ", "neat")
STEREO = ("OAF_germ_sad", "YAF_bite_ps")
FOLDERS = {
    "OAF_angry", "OAF_disgust", "OAF_Fear", "OAF_happy", "OAF_neutral", "OAF_Pleasant_surprise", "OAF_Sad",
    "YAF_angry", "YAF_disgust", "YAF_fear", "YAF_happy", "YAF_neutral", "YAF_pleasant_surprised", "YAF_sad",
}  # fmt: skip


@pytest.fixture
def facts(tmp_path: Path) -> Path:
    """TESS's facts, of three words; nobody listens at the publisher's address."""
    folder = Path(shutil.copytree(FACTS, tmp_path / "facts"))
    (folder / "words.csv").write_text("word,part\nbite,train\ngerm,validation\nneat,test\n")
    note_archive(folder)
    return folder


def note_archive(facts: Path, md5: str = "0" * 32) -> None:
    value = {"url": "http://127.0.0.1:9/TESS.zip", "bytes": None, "md5": md5}
    (facts / "archive.json").write_text(json.dumps(value))


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    """A mirror with the corpus as published, but of three words."""
    folder = tmp_path / "mirror" / "tess"
    for seed, (speaker, word, emotion) in enumerate(product(tess.SPEAKERS, WORDS, tess.EMOTIONS)):
        path = folder / f"{tess.published_path(speaker, word, emotion)}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng(seed).normal(0, 0.1, (RATE // 4, 1))
        stereo = f"{speaker}_{word}_{emotion}" in STEREO
        soundfile.write(path, np.repeat(noise, 2 if stereo else 1, 1), RATE, subtype="PCM_16")
    return folder.parent


def inspected(facts: Path, tmp_path: Path) -> Inspection:
    raw = tmp_path / "out"
    return inspect_folder(raw, tess.reader(facts, raw), 40.0, 0.05, load_facts(facts).known_duplicates)


def test_the_published_layout_is_known(mirror: Path) -> None:
    assert {path.name for path in (mirror / "tess").iterdir()} == FOLDERS
    assert (mirror / "tess" / "OAF_neutral" / "OA_bite_neutral.wav").is_file()
    assert (mirror / "tess" / "YAF_neutral" / "YAF_bite_neutral.wav").is_file()


def test_the_words_are_200_and_split_as_in_seed_0() -> None:
    words = tess.read_words(FACTS)
    assert list(words) == sorted(words)
    assert Counter(words.values()) == {"train": 160, "validation": 20, "test": 20}
    assert list(words.values()) == ["train"] * 160 + ["validation"] * 20 + ["test"] * 20
    paths = {tess.published_path(*clip) for clip in product(tess.SPEAKERS, words, tess.EMOTIONS)}
    assert len(paths) == load_facts(FACTS).clips == 2800
    assert {path.split("/")[0] for path in paths} == FOLDERS


def test_a_name_says_speaker_word_and_emotion(facts: Path) -> None:
    read = tess.reader(facts, facts)
    clip = read(PurePosixPath("OAF_neutral/OA_bite_neutral.wav"))
    assert (clip.clip_id, clip.speaker, clip.gender) == ("tess-OAF-neutral-bite", "tess-OAF", "f")
    clip = read(PurePosixPath("anywhere/yaf_Neat_PS.wav"))
    assert (clip.speaker, clip.statement, clip.emotion) == ("tess-YAF", "neat", "surprised")
    assert (clip.intensity, clip.repetition) == ("normal", 1)


@pytest.mark.parametrize(
    ("stem", "reason"),
    [
        ("XAF_bite_sad", "must be OAF_ or YAF_"),
        ("YA_bite_sad", "must be OAF_ or YAF_"),
        ("OAF_bite_joy", "one of angry, disgust"),
        ("OAF_bite", "must be OAF_"),
        ("OAF_teapot_sad", "teapot is not one of the 3 words"),
    ],
)
def test_wrong_names_say_which_part(facts: Path, stem: str, reason: str) -> None:
    with pytest.raises(ValueError, match=f"wrongly named.*{reason}"):
        tess.reader(facts, facts)(PurePosixPath(f"{stem}.wav"))


def published() -> list[str]:
    return sorted(f"{tess.published_path(*clip)}.wav" for clip in product(tess.SPEAKERS, WORDS, tess.EMOTIONS))


@pytest.mark.parametrize("kind", ["folder", "http", "archive", "archive by http"])
def test_it_comes_from_any_mirror(facts: Path, mirror: Path, tmp_path: Path, kind: str) -> None:
    if kind.startswith("archive"):
        packed = tmp_path / "packed" / "tess"
        packed.mkdir(parents=True)
        archive = Path(shutil.make_archive(str(packed / "TESS"), "zip", mirror / "tess"))
        note_archive(facts, hashlib.md5(archive.read_bytes()).hexdigest())
        mirror = packed.parent
    with serve(mirror) as url:
        tess.fetch(request(facts, tmp_path, url if "http" in kind else str(mirror)))
    assert brought(tmp_path) == published()


def reshape(mirror: Path, shape: str) -> None:
    """Turn the published layout into another one that goes around."""
    folder = mirror / "tess"
    if shape == "nested twice":  # as on Kaggle
        inner = folder / "TESS Toronto emotional speech set data" / "TESS Toronto emotional speech set data"
        shutil.copytree(folder, mirror / "copy")
        inner.parent.mkdir()
        (mirror / "copy").rename(inner)
    for path in [path for path in folder.rglob("*.wav") if shape not in ("nested twice",)]:
        if shape == "flat":
            path.rename(folder / path.name)
        elif shape == "lower case":
            target = folder / path.parent.name.lower() / path.name
            target.parent.mkdir(exist_ok=True)
            path.rename(target)
        elif shape == "upper case, F mended":
            target = folder / path.parent.name.upper() / path.name.replace("OA_", "OAF_").replace(".wav", ".WAV")
            target.parent.mkdir(exist_ok=True)
            path.rename(target)


@pytest.mark.parametrize("shape", ["nested twice", "flat", "lower case", "upper case, F mended"])
def test_every_layout_comes_out_as_published(facts: Path, mirror: Path, tmp_path: Path, shape: str) -> None:
    reshape(mirror, shape)
    (mirror / "tess" / "._OAF_bite_sad.wav").write_bytes(b"of another system")
    (mirror / "tess" / "readme.txt").write_text("not sound")
    tess.fetch(request(facts, tmp_path, str(mirror)))
    assert brought(tmp_path) == published()


def test_two_different_files_of_one_name_are_refused(facts: Path, mirror: Path, tmp_path: Path) -> None:
    copy = mirror / "tess" / "again" / "OAF_Sad" / "OAF_bite_sad.wav"
    copy.parent.mkdir(parents=True)
    shutil.copy(mirror / "tess" / "OAF_Sad" / "OAF_germ_sad.wav", copy)
    with pytest.raises(UserError, match=r"OAF_Sad/OAF_bite_sad\.wav.* differ"):
        tess.fetch(request(facts, tmp_path, str(mirror)))


def test_missing_files_are_named(facts: Path, mirror: Path, tmp_path: Path) -> None:
    (mirror / "tess" / "OAF_Fear" / "OAF_neat_fear.wav").unlink()
    with pytest.raises(UserError, match="lacks 1 of the 42 published files: OAF_Fear/OAF_neat_fear; complete"):
        tess.fetch(request(facts, tmp_path, str(mirror)))
    with serve(mirror) as url, pytest.raises(UserError, match="lacks OAF_Fear/OAF_neat_fear"):
        tess.fetch(request(facts, tmp_path / "http", url))


def test_a_mirror_never_replaces_the_archives_checksum(facts: Path, mirror: Path, tmp_path: Path) -> None:
    shutil.make_archive(str(mirror / "tess" / "TESS"), "zip", mirror / "tess", "OAF_Sad")
    with pytest.raises(UserError, match="wrong checksum"):
        tess.fetch(request(facts, tmp_path, str(mirror)))


def test_stereo_rate_and_corrupt_files(facts: Path, mirror: Path, tmp_path: Path) -> None:
    for name in ("YAF_angry/YAF_germ_angry", "YAF_fear/YAF_neat_fear"):  # as some copies have them
        path = mirror / "tess" / f"{name}.wav"
        path.write_bytes(path.read_bytes()[:60])
    tess.fetch(request(facts, tmp_path, str(mirror)))
    found = inspected(facts, tmp_path)
    assert [entry["path"] for entry in found.quarantine] == [
        "YAF_angry/YAF_germ_angry.wav",
        "YAF_fear/YAF_neat_fear.wav",
    ]
    check_quarantine(found, tmp_path, 0, load_facts(facts).known_unusable)
    with pytest.raises(UserError, match="2 of 42 files cannot be used"):
        check_quarantine(found, tmp_path, 0)
    pack(found, "tess", "en", facts / "splits.json", tmp_path / "prepared")
    table = load_table(tmp_path / "prepared" / "clips.parquet")
    assert len(table) == 40
    assert (abs(table["frames"] - SAMPLE_RATE // 4) <= 2).all(), "24,414 Hz is resampled, two channels are averaged"
    assert set(table["gender"]) == {"f"}
    assert table["statement"].map(tess.read_words(facts)).value_counts().to_dict() == {
        "train": 14,
        "validation": 13,
        "test": 13,
    }
    assert table.groupby("speaker")[["half", "fold"]].first().to_numpy().tolist() == [["a", 0], ["b", 1]]


def test_a_wrongly_named_file_and_a_duplicate_go_to_quarantine(facts: Path, mirror: Path, tmp_path: Path) -> None:
    sad = mirror / "tess" / "OAF_Sad"
    shutil.copy(sad / "OAF_bite_sad.wav", sad / "OAF_germ_sad.wav")
    soundfile.write(sad / "OAF_teapot_sad.wav", np.random.default_rng(9).normal(0, 0.1, 9000), RATE)
    soundfile.write(sad / "take two.wav", np.random.default_rng(8).normal(0, 0.1, 9000), RATE)
    tess.fetch(request(facts, tmp_path, str(mirror)))
    reasons = {Path(entry["path"]).name: entry["reason"] for entry in inspected(facts, tmp_path).quarantine}
    assert reasons.keys() == {"OAF_germ_sad.wav", "OAF_teapot_sad.wav", "take two.wav"}
    assert "holds the same audio as OAF_Sad/OAF_bite_sad.wav" in reasons["OAF_germ_sad.wav"]


def test_splits_are_by_speaker() -> None:
    splits = load_splits(FACTS / "splits.json", ["tess-OAF", "tess-YAF"])
    assert splits.half == {"tess-OAF": "a", "tess-YAF": "b"}
    assert splits.fold == {"tess-OAF": 0, "tess-YAF": 1}
