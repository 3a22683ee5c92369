"""LibriSpeech: names, gender that is never guessed, splits, and fetching from an archive or a mirror, made small."""

import hashlib
import json
import os
import tarfile
from collections import Counter
from pathlib import Path, PurePosixPath

import numpy as np
import pytest
import soundfile
from fetching import brought, request, serve

from affekt.core.errors import UserError
from affekt.core.files import read_json, sha256_file
from affekt.corpora import librispeech
from affekt.corpora.deal import deal_speakers
from affekt.corpora.inspect import inspect_folder
from affekt.corpora.manifest import read_manifest
from affekt.corpora.prepare import pack
from affekt.corpora.splits import load_splits
from affekt.corpora.table import UNLABELLED

FACTS = Path(__file__).parents[2] / "data" / "corpora" / "librispeech"
NAMES = ("LibriSpeech/test-other/367/130732/367-130732-0000", "LibriSpeech/train-clean-100/60/121082/60-121082-0003")
SPEAKERS = """\
; made for a test, in the layout of the original
;ID  |SEX| SUBSET           |MINUTES| NAME
60   | M | train-clean-100  | 20.18 | A | name | with separators
367  | F | test-other       |  8.02 | Another
777  |   | dev-clean        |  8.06 | Of unknown sex
888  | M
"""


def speech(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(-9000, 9000, 8000).astype(np.int16)


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    """A mirror with two recordings and the table of speakers."""
    folder = tmp_path / "mirror" / "librispeech"
    for seed, name in enumerate(NAMES):
        (folder / name).parent.mkdir(parents=True)
        soundfile.write(folder / f"{name}.flac", speech(seed), 16_000, subtype="PCM_16")
    (folder / librispeech.SPEAKERS).write_text(SPEAKERS)
    return folder.parent


@pytest.fixture
def facts(tmp_path: Path, mirror: Path) -> Path:
    folder = tmp_path / "facts"
    folder.mkdir()
    rows = [f"{name},16000,1,8000,{hashlib.sha256(speech(i).tobytes()).hexdigest()}" for i, name in enumerate(NAMES)]
    (folder / "manifest.csv").write_text("path,sample_rate_hz,channels,frames,pcm_s16le_sha256\n" + "\n".join(rows))
    note_archive(folder, mirror)
    return folder


def note_archive(facts: Path, mirror: Path, archive: Path | None = None) -> None:
    value = {
        "url": "http://127.0.0.1:9/dev-clean.tar.gz",
        "bytes": archive.stat().st_size if archive else 10,
        "md5": hashlib.md5(archive.read_bytes()).hexdigest() if archive else "0" * 32,
        "speakers_sha256": sha256_file(mirror / "librispeech" / librispeech.SPEAKERS),
    }
    (facts / "archive.json").write_text(json.dumps(value))


def wanted() -> list[str]:
    return sorted([librispeech.SPEAKERS, *(f"{name}.flac" for name in NAMES)])


@pytest.mark.parametrize("kind", ["folder", "http"])
def test_a_mirror_gives_the_files_of_the_manifest(facts: Path, mirror: Path, tmp_path: Path, kind: str) -> None:
    with serve(mirror) as url:
        librispeech.fetch(request(facts, tmp_path, url if kind == "http" else str(mirror)))
    assert brought(tmp_path) == wanted()


def test_the_archive_gives_all_its_recordings(facts: Path, mirror: Path, tmp_path: Path) -> None:
    archive = tmp_path / "archives" / "librispeech" / "dev-clean.tar.gz"
    archive.parent.mkdir(parents=True)
    (mirror / "librispeech" / "LibriSpeech" / "README.TXT").write_text("not needed")
    with tarfile.open(archive, "w:gz") as file:
        file.add(mirror / "librispeech" / "LibriSpeech", "LibriSpeech")
    note_archive(facts, mirror, archive)
    (facts / "manifest.csv").unlink()  # the archive's md5 stands for all of it
    librispeech.fetch(request(facts, tmp_path, str(tmp_path / "archives")))
    assert brought(tmp_path) == wanted()


@pytest.mark.parametrize("kind", ["folder", "http"])
def test_a_mirror_never_replaces_the_verification(facts: Path, mirror: Path, tmp_path: Path, kind: str) -> None:
    soundfile.write(mirror / "librispeech" / f"{NAMES[1]}.flac", speech(9), 16_000, subtype="PCM_16")
    with serve(mirror) as url, pytest.raises(UserError, match=f"{NAMES[1]}.*does not hold the published samples"):
        librispeech.fetch(request(facts, tmp_path, url if kind == "http" else str(mirror)))
    (mirror / "librispeech" / librispeech.SPEAKERS).write_text(SPEAKERS.replace("| F |", "| M |"))
    with serve(mirror) as url, pytest.raises(UserError, match=r"SPEAKERS\.TXT: is not the published file"):
        librispeech.fetch(request(facts, tmp_path / "again", url if kind == "http" else str(mirror)))


def test_paths_and_the_table_of_speakers_say_all(facts: Path, mirror: Path) -> None:
    read = librispeech.reader(facts, mirror / "librispeech")
    clip = read(PurePosixPath(f"{NAMES[0]}.flac"))
    assert (clip.clip_id, clip.speaker, clip.gender) == ("librispeech-367-130732-0000", "librispeech-367", "f")
    assert (clip.emotion, clip.intensity, clip.statement, clip.repetition) == (UNLABELLED, "normal", "130732-0000", 1)
    assert read(PurePosixPath(f"{NAMES[1]}.flac")).gender == "m"


@pytest.mark.parametrize(
    "path",
    [
        "LibriSpeech/test-other/367/130732/368-130732-0000.flac",  # the folder names another speaker
        "LibriSpeech/test-other/367/130733/367-130732-0000.flac",
        "LibriSpeech/test-other/367/130732/367-130732-00.flac",
        "367-130732-0000.flac",
    ],
)
def test_wrong_paths_are_told(facts: Path, mirror: Path, path: str) -> None:
    with pytest.raises(ValueError, match="wrongly named"):
        librispeech.reader(facts, mirror / "librispeech")(PurePosixPath(path))


@pytest.mark.parametrize("number", ["777", "888", "999"])
def test_a_missing_gender_ends_the_run_and_is_never_guessed(mirror: Path, facts: Path, number: str) -> None:
    # The third column is missing, empty, or the speaker is: the prototype took each for a woman.
    folder = mirror / "librispeech"
    path = folder / f"LibriSpeech/dev-clean/{number}/1/{number}-1-0000.flac"
    path.parent.mkdir(parents=True)
    soundfile.write(path, speech(5), 16_000, subtype="PCM_16")
    read, beside = librispeech.reader(facts, folder), librispeech.CORPUS.beside
    if number == "888":
        assert librispeech.read_speakers(folder / librispeech.SPEAKERS).keys() == {"60", "367"}
    with pytest.raises(UserError, match=f"has no gender of speaker {number}"):
        inspect_folder(folder, read, 40.0, 0.05, beside=beside)


def test_a_missing_table_of_speakers_is_told(facts: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"SPEAKERS\.TXT: is missing"):
        librispeech.reader(facts, tmp_path)


def test_the_manifest_is_of_as_many_women_as_men() -> None:
    paths = list(read_manifest(FACTS / "manifest.csv"))
    assert len(paths) == len(set(paths)) == 210
    assert len({path.split("/")[2] for path in paths}) == 190
    assert (FACTS / "manifest.csv").stat().st_size < 100_000


def test_splits_cover_the_speakers_of_both_sources_and_follow_the_rule() -> None:
    value = read_json(FACTS / "splits.json")
    assert len(value["folds"]) == 5
    speakers = [speaker for fold in value["folds"] for speaker in fold]
    assert len(speakers) == len(set(speakers)) == 190 + 40
    of_manifest = {f"librispeech-{path.split('/')[2]}" for path in read_manifest(FACTS / "manifest.csv")}
    for at_hand in (of_manifest, set(speakers) - of_manifest):  # the mirror's, and dev-clean's
        splits = load_splits(FACTS / "splits.json", at_hand)
        sizes = Counter(splits.fold.values())
        assert set(sizes) == set(range(5))
        assert max(sizes.values()) - min(sizes.values()) == 0


def test_speakers_are_dealt_evenly_by_group() -> None:
    groups = {f"x-{number}": ("one", "fm"[number % 2]) for number in range(1, 41)}
    value = deal_speakers(groups, 5)
    for group in [*value["folds"], *value["halves"].values()]:
        assert len({groups[speaker][1] for speaker in group}) == 2
        assert Counter(groups[speaker][1] for speaker in group)["f"] * 2 == len(group)
    assert value["folds"][0][:2] == ["x-2", "x-12"]  # by number, not by letters


@pytest.mark.real
def test_the_real_recordings_are_fetched_and_packed(tmp_path: Path) -> None:
    mirror = os.environ.get("AFFEKT_MIRROR", "")
    if not (Path(mirror) / "librispeech").is_dir() or not mirror:
        pytest.skip("set AFFEKT_MIRROR to a folder that holds librispeech/")
    librispeech.fetch(request(FACTS, tmp_path, mirror))
    read = librispeech.reader(FACTS, tmp_path / "out")
    inspection = inspect_folder(tmp_path / "out", read, 40.0, 0.05, beside=librispeech.CORPUS.beside)
    assert inspection.quarantine == []
    table = pack(inspection, "librispeech", "en", FACTS / "splits.json", tmp_path / "prepared")
    assert len(table) == 210
    speakers = table.groupby("speaker").first()
    assert speakers["gender"].value_counts().to_dict() == {"f": 95, "m": 95}
    assert speakers.groupby("fold")["gender"].value_counts().nunique() == 1, "each fold has as many women as men"
    groups = {s: (p.split("/")[1], speakers.loc[s, "gender"]) for p in read_manifest(FACTS / "manifest.csv")
              for s in [f"librispeech-{p.split('/')[2]}"]}  # fmt: skip
    dealt = deal_speakers(groups, 5)
    kept = read_json(FACTS / "splits.json")
    assert [set(fold) & set(groups) for fold in kept["folds"]] == [set(fold) for fold in dealt["folds"]]
