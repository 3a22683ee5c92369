"""RAVDESS: names, facts in git, splits, and fetching from every kind of mirror, made small."""

import csv
import hashlib
import json
import os
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile
from fetching import request, serve
from hypothesis import given
from hypothesis import strategies as st

from affekt.core.errors import UserError
from affekt.corpora import ravdess
from affekt.corpora.facts import load_facts
from affekt.corpora.manifest import pcm_sha256, read_manifest
from affekt.corpora.naming import ClipName, parse_name
from affekt.corpora.splits import load_splits
from affekt.corpora.table import EMOTIONS

FACTS = Path(__file__).parents[2] / "data" / "corpora" / "ravdess"
EMOBOX_FOLDS = [
    [1, 11, 20, 21],
    [4, 10, 12, 14],
    [8, 9, 19, 23],
    [3, 5, 7, 24],
    [2, 15, 16, 18],
    [6, 13, 17, 22],
]
NAMES = ("Actor_01/03-01-01-01-01-01-01", "Actor_02/03-01-05-02-02-01-02")


def test_a_name_says_what_the_convention_says() -> None:
    assert parse_name("03-01-06-01-02-01-12") == ClipName("fearful", "normal", "02", 1, 12)
    clip = parse_name("03-01-08-02-01-02-23")
    assert (clip.emotion, clip.intensity, clip.gender) == ("surprised", "strong", "m")
    assert clip.path == "Actor_23/03-01-08-02-01-02-23"
    assert clip.facts("ravdess").clip_id == "ravdess-23-surprised-strong-01-2"
    assert parse_name("03-01-02-01-01-01-24").gender == "f"


@pytest.mark.parametrize(
    ("stem", "reason"),
    [
        ("angry", "seven two-digit numbers"),
        ("03-01-05-02-01-01", "seven two-digit numbers"),
        ("01-01-05-02-01-01-01", "audio-only speech begins 03-01"),
        ("03-02-05-02-01-01-01", "audio-only speech begins 03-01"),
        ("03-01-09-01-01-01-01", "emotion 09"),
        ("03-01-00-01-01-01-01", "emotion 00"),
        ("03-01-05-03-01-01-01", "intensity 03"),
        ("03-01-01-02-01-01-01", "neutral has no strong"),
        ("03-01-05-01-01-01-00", "actor 00"),
    ],
)
def test_wrong_names_say_which_part(stem: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_name(stem)


@given(st.from_regex(r"03-01-0[1-8]-0[12]-\d\d-\d\d-\d\d", fullmatch=True))
def test_every_accepted_name_comes_back(stem: str) -> None:
    try:
        clip = parse_name(stem)
    except ValueError:
        return
    assert clip.stem == stem


def test_the_manifest_has_the_published_design() -> None:
    manifest = read_manifest(FACTS / "manifest.csv")
    clips = [parse_name(path.split("/")[1]) for path in manifest]
    assert len(clips) == len(set(clips)) == 1440
    assert Counter(clip.emotion for clip in clips) == {e: 96 if e == "neutral" else 192 for e in EMOTIONS}
    assert Counter(clip.actor for clip in clips) == dict.fromkeys(range(1, 25), 60)
    assert [clip.path for clip in clips] == list(manifest)
    with open(FACTS / "manifest.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert sum(row["channels"] == "2" for row in rows) == 5
    assert {row["sample_rate_hz"] for row in rows} == {"48000"}
    digests = Counter(manifest.values())
    twins = [path.split("/")[1] for path, digest in manifest.items() if digests[digest] > 1]
    assert [twins] == load_facts(FACTS).known_duplicates


def test_splits_are_emobox_folds_and_halves_of_both_genders() -> None:
    speakers = [f"ravdess-{actor:02d}" for actor in range(1, 25)]
    splits = load_splits(FACTS / "splits.json", speakers)
    for fold, actors in enumerate(EMOBOX_FOLDS):
        assert [speaker for speaker in speakers if splits.fold[speaker] == fold] == [
            f"ravdess-{actor:02d}" for actor in sorted(actors)
        ]
    for speaker in speakers:
        assert splits.half[speaker] == ("a" if splits.fold[speaker] < 3 else "b")
    women = Counter(half for speaker, half in splits.half.items() if int(speaker[-2:]) % 2 == 0)
    assert women == {"a": 6, "b": 6}


# -- fetching, with a manifest of two clips


def noise(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(-9000, 9000, 4800).astype(np.int16)


@pytest.fixture
def facts(tmp_path: Path) -> Path:
    folder = tmp_path / "facts"
    folder.mkdir()
    rows = [f"{name},48000,1,4800,{hashlib.sha256(noise(i).tobytes()).hexdigest()}" for i, name in enumerate(NAMES)]
    (folder / "manifest.csv").write_text("path,sample_rate_hz,channels,frames,pcm_s16le_sha256\n" + "\n".join(rows))
    return folder


def make_clips(folder: Path, suffix: str) -> None:
    for index, name in enumerate(NAMES):
        path = folder / f"{name}{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, noise(index), 48_000, subtype="PCM_16")


def make_archive(facts: Path, folder: Path, clips: Path) -> None:
    """Zip the clips as the publisher would, and note the zip's facts."""
    folder.mkdir(parents=True, exist_ok=True)
    archive = Path(shutil.make_archive(str(folder / "Speech"), "zip", clips))
    note_archive(facts, archive.stat().st_size, hashlib.md5(archive.read_bytes()).hexdigest())


def note_archive(facts: Path, size: int = 10, md5: str = "0" * 32) -> None:
    value = {"url": "http://127.0.0.1:9/Speech.zip", "bytes": size, "md5": md5}
    (facts / "archive.json").write_text(json.dumps(value))


def fetch(facts: Path, tmp_path: Path, mirror: str | None) -> dict[str, str]:
    out = tmp_path / "out"
    ravdess.fetch(request(facts, tmp_path, mirror))
    return {p.relative_to(out).as_posix(): pcm_sha256(p) for p in sorted(out.rglob("*")) if p.is_file()}


@pytest.mark.parametrize("suffix", [".wav", ".flac"])
@pytest.mark.parametrize("kind", ["folder", "file URL", "http"])
def test_single_files_come_from_any_mirror(facts: Path, tmp_path: Path, suffix: str, kind: str) -> None:
    mirror = tmp_path / "mirror"
    make_clips(mirror / "ravdess", suffix)
    note_archive(facts)
    wanted = {f"{name}{suffix}": digest for name, digest in read_manifest(facts / "manifest.csv").items()}
    if kind == "http":
        with serve(mirror) as url:
            assert fetch(facts, tmp_path, url) == wanted
    else:
        assert fetch(facts, tmp_path, str(mirror) if kind == "folder" else mirror.as_uri()) == wanted


@pytest.mark.parametrize("kind", ["folder", "http"])
def test_the_archive_comes_from_any_mirror(facts: Path, tmp_path: Path, kind: str) -> None:
    make_clips(tmp_path / "clips", ".wav")
    make_archive(facts, tmp_path / "mirror" / "ravdess", tmp_path / "clips")
    wanted = {f"{name}.wav": digest for name, digest in read_manifest(facts / "manifest.csv").items()}
    if kind == "http":
        with serve(tmp_path / "mirror") as url:
            assert fetch(facts, tmp_path, url) == wanted
    else:
        assert fetch(facts, tmp_path, str(tmp_path / "mirror")) == wanted


@pytest.mark.parametrize("state", ["whole", "part"])
def test_an_archive_is_downloaded_once(facts: Path, tmp_path: Path, state: str) -> None:
    make_clips(tmp_path / "clips", ".wav")
    make_archive(facts, tmp_path / "mirror" / "ravdess", tmp_path / "clips")
    with serve(tmp_path / "mirror") as url:
        first = fetch(facts, tmp_path, url)
    kept = tmp_path / "downloads" / json.loads((facts / "archive.json").read_text())["md5"] / "Speech.zip"
    shutil.rmtree(tmp_path / "out")
    shutil.rmtree(tmp_path / "work")  # as after success, or with another seed
    if state == "part":
        kept.rename(kept.with_name("Speech.zip.part"))
    assert fetch(facts, tmp_path, None) == first  # nobody listens at the published address
    assert kept.is_file()


def test_single_files_are_downloaded_once(facts: Path, tmp_path: Path) -> None:
    make_clips(tmp_path / "mirror" / "ravdess", ".flac")
    note_archive(facts)
    with serve(tmp_path / "mirror") as url:
        first = fetch(facts, tmp_path, url)
        shutil.rmtree(tmp_path / "out")
        shutil.rmtree(tmp_path / "work", ignore_errors=True)
        for path in (tmp_path / "mirror").rglob("*.flac"):
            path.write_bytes(b"other")
        assert fetch(facts, tmp_path, url) == first


def test_a_local_archive_is_not_kept_twice(facts: Path, tmp_path: Path) -> None:
    make_clips(tmp_path / "clips", ".wav")
    make_archive(facts, tmp_path / "mirror" / "ravdess", tmp_path / "clips")
    fetch(facts, tmp_path, str(tmp_path / "mirror"))
    assert not (tmp_path / "downloads").exists()


@pytest.mark.parametrize("kind", ["folder", "http", "archive"])
def test_a_mirror_never_replaces_the_verification(facts: Path, tmp_path: Path, kind: str) -> None:
    mirror = tmp_path / "mirror"
    make_clips(mirror / "ravdess", ".wav")
    note_archive(facts)
    soundfile.write(mirror / "ravdess" / f"{NAMES[1]}.wav", noise(9), 48_000, subtype="PCM_16")
    if kind == "archive":
        make_archive(facts, tmp_path / "zipped" / "ravdess", mirror / "ravdess")
        mirror = tmp_path / "zipped"
    with serve(mirror) as url, pytest.raises(UserError, match=f"{NAMES[1]}.*does not hold the published samples"):
        fetch(facts, tmp_path, url if kind == "http" else str(mirror))


def test_what_a_mirror_lacks_is_named(facts: Path, tmp_path: Path) -> None:
    note_archive(facts)
    with pytest.raises(UserError, match=r"no such folder; AFFEKT_MIRROR"):
        fetch(facts, tmp_path, str(tmp_path / "nowhere"))
    make_clips(tmp_path / "mirror" / "ravdess", ".wav")
    (tmp_path / "mirror" / "ravdess" / f"{NAMES[1]}.wav").unlink()
    with pytest.raises(UserError, match=f"lacks {NAMES[1]}"):
        fetch(facts, tmp_path, str(tmp_path / "mirror"))
    with serve(tmp_path / "mirror") as url, pytest.raises(UserError, match=f"lacks {NAMES[1]}"):
        fetch(facts, tmp_path, url)


def test_the_mirrors_files_are_copied_not_linked(facts: Path, tmp_path: Path) -> None:
    make_clips(tmp_path / "mirror" / "ravdess", ".wav")
    note_archive(facts)
    fetch(facts, tmp_path, str(tmp_path / "mirror"))
    name = f"{NAMES[0]}.wav"
    assert os.stat(tmp_path / "out" / name).st_ino != os.stat(tmp_path / "mirror" / "ravdess" / name).st_ino


@pytest.mark.real
def test_all_real_clips_hold_the_published_samples() -> None:
    mirror = Path(os.environ.get("AFFEKT_MIRROR", "")) / "ravdess"
    if not os.environ.get("AFFEKT_MIRROR") or not mirror.is_dir():
        pytest.skip("set AFFEKT_MIRROR to a folder that holds ravdess/")
    for path, digest in list(read_manifest(FACTS / "manifest.csv").items())[::40]:
        file = next(f for s in (".flac", ".wav") if (f := mirror / f"{path}{s}").is_file())
        assert pcm_sha256(file) == digest
