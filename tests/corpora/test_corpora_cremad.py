"""CREMA-D, from a fixture of some clips in its layout: names, gender, levels, Git LFS pointers, any mirror."""

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
from affekt.core.files import load_table, read_json
from affekt.corpora import cremad
from affekt.corpora.deal import deal_speakers
from affekt.corpora.facts import load_facts
from affekt.corpora.inspect import check_quarantine, inspect_folder
from affekt.corpora.prepare import pack
from affekt.corpora.splits import load_splits

FACTS = Path(__file__).parents[2] / "data" / "corpora" / "cremad"
ACTORS = '"ActorID","Age","Sex","Race","Ethnicity"\n' + "\n".join(
    f'{1001 + i},{30 + i},"{sex}","Unknown","Not Hispanic"' for i, sex in enumerate(["Male", "Female", "Female", ""])
)
SILENT = "1003_MTI_SAD_XX"
NAMES = [
    *(f"{actor}_DFA_{emotion}_XX" for actor, emotion in product((1001, 1002), cremad.EMOTIONS)),
    *(f"1003_IEO_ANG_{level}" for level in ("LO", "MD", "HI")),
    SILENT,
]


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    """A clone of the repository, with Git LFS, but of a few clips."""
    folder = tmp_path / "mirror" / "cremad"
    for sub in ("AudioWAV", "AudioMP3"):
        (folder / sub).mkdir(parents=True)
    for seed, name in enumerate(NAMES):
        samples = np.random.default_rng(seed).normal(0, 0.1, 6000) * (name != SILENT)
        soundfile.write(folder / "AudioWAV" / f"{name}.wav", samples, 16_000, subtype="PCM_16")
        (folder / "AudioMP3" / f"{name}.mp3").write_bytes(b"not taken")
    (folder / cremad.ACTORS).write_text(ACTORS)
    rows = [f'{index},"{name}"' for index, name in enumerate(NAMES, 1)]
    (folder / cremad.LISTING).write_text('"Stimulus_Number","Filename"\n' + "\n".join(rows))
    return folder.parent


@pytest.fixture
def facts(tmp_path: Path) -> Path:
    """CREMA-D's facts, with splits of the three actors."""
    folder = Path(shutil.copytree(FACTS, tmp_path / "facts"))
    splits = {"folds": [["cremad-1001"], ["cremad-1002", "cremad-1003"]],
              "halves": {"a": ["cremad-1001", "cremad-1002"], "b": ["cremad-1003"]}}  # fmt: skip
    (folder / "splits.json").write_text(json.dumps(splits))
    return folder


def wanted() -> list[str]:
    return sorted([*(f"AudioWAV/{name}.wav" for name in NAMES), cremad.ACTORS])


@pytest.mark.parametrize("kind", ["folder", "folder of sounds alone", "http"])
def test_it_comes_from_any_mirror(facts: Path, mirror: Path, tmp_path: Path, kind: str) -> None:
    if kind == "folder of sounds alone":
        for path in (mirror / "cremad" / "AudioWAV").iterdir():
            path.rename(mirror / "cremad" / path.name)
    with serve(mirror) as url:
        cremad.fetch(request(facts, tmp_path, url if kind == "http" else str(mirror)))
    assert brought(tmp_path) == wanted()


def publish(mirror: Path, folder: Path) -> None:
    """Lay the mirror out as the publisher's two addresses: the repository with pointers, and the media."""
    shutil.copytree(mirror / "cremad", folder / "media")
    shutil.copytree(mirror / "cremad", folder / "raw")
    for path in (folder / "raw" / "AudioWAV").iterdir():
        data = path.read_bytes()
        path.write_text(pointer_to(data))


def pointer_to(data: bytes) -> str:
    digest = hashlib.sha256(data).hexdigest()
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{digest}\nsize {len(data)}\n"


def point_facts(facts: Path, url: str) -> None:
    (facts / "archive.json").write_text(json.dumps({"url": f"{url}raw", "media_url": f"{url}media"}))


def test_the_publishers_files_are_verified_by_their_pointers(facts: Path, mirror: Path, tmp_path: Path) -> None:
    publish(mirror, tmp_path / "published")
    with serve(tmp_path / "published") as url:
        point_facts(facts, url)
        cremad.fetch(request(facts, tmp_path, None))
        assert brought(tmp_path) == wanted()
        broken = tmp_path / "published" / "media" / "AudioWAV" / f"{NAMES[0]}.wav"
        data = broken.read_bytes()
        broken.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
        with pytest.raises(UserError, match=f"{NAMES[0]}.wav: has a wrong checksum"):
            cremad.fetch(request(facts, tmp_path / "again", None))
    shutil.rmtree(tmp_path / "out")
    cremad.fetch(request(facts, tmp_path, None))  # nobody listens any more: all of it is kept
    assert brought(tmp_path) == wanted()


def test_pointers_in_the_sounds_place_are_told(facts: Path, mirror: Path, tmp_path: Path) -> None:
    path = mirror / "cremad" / "AudioWAV" / f"{NAMES[2]}.wav"
    path.write_text(pointer_to(path.read_bytes()))
    for kind in ("folder", "http"):
        with serve(mirror) as url, pytest.raises(UserError, match=f"{NAMES[2]}.*is a Git LFS pointer.*git lfs pull"):
            cremad.fetch(request(facts, tmp_path / kind, url if kind == "http" else str(mirror)))


@pytest.mark.parametrize("listed", [True, False])
def test_an_incomplete_copy_is_refused(facts: Path, mirror: Path, tmp_path: Path, listed: bool) -> None:
    folder = mirror / "cremad"
    (folder / "AudioWAV" / "1002_DFA_SAD_XX.wav").unlink()
    if not listed:
        (folder / cremad.LISTING).unlink()
    with pytest.raises(UserError, match=r"lacks 1 of .*\(1002_DFA_SAD_XX\)" if listed else r"lacks 7427 of .*no Sent"):
        cremad.fetch(request(facts, tmp_path, str(mirror)))


def test_a_table_of_actors_that_is_none_is_told(facts: Path, mirror: Path) -> None:
    (mirror / "cremad" / cremad.ACTORS).write_text("<html>moved</html>")
    with pytest.raises(UserError, match=r"VideoDemographics\.csv: is not CREMA-D's table of actors"):
        cremad.reader(facts, mirror / "cremad")
    (mirror / "cremad" / cremad.ACTORS).unlink()
    with pytest.raises(UserError, match=r"VideoDemographics\.csv: is missing"):
        cremad.reader(facts, mirror / "cremad")


def test_a_table_that_lists_something_else_is_refused(facts: Path, mirror: Path, tmp_path: Path) -> None:
    (mirror / "cremad" / cremad.LISTING).write_text("<html>moved</html>")
    with serve(mirror) as url, pytest.raises(UserError, match="is not CREMA-D's table of clips"):
        cremad.fetch(request(facts, tmp_path, url))


def test_the_known_silent_clip_is_left_out_and_the_rest_packed(facts: Path, mirror: Path, tmp_path: Path) -> None:
    cremad.fetch(request(facts, tmp_path, str(mirror)))
    raw = tmp_path / "out"
    found = inspect_folder(raw, cremad.reader(facts, raw), 40.0, 0.05, beside=cremad.CORPUS.beside)
    assert [(entry["path"], "silent" in entry["reason"]) for entry in found.quarantine] == [
        (f"AudioWAV/{SILENT}.wav", True)
    ]
    check_quarantine(found, raw, 0, [SILENT])
    pack(found, "cremad", "en", facts / "splits.json", tmp_path / "prepared")
    table = load_table(tmp_path / "prepared" / "clips.parquet")
    assert len(table) == len(NAMES) - 1
    assert table.groupby("speaker")["gender"].first().to_dict() == {
        "cremad-1001": "m",
        "cremad-1002": "f",
        "cremad-1003": "f",
    }
    assert set(table["emotion"]) == {"angry", "disgust", "fearful", "happy", "neutral", "sad"}


def test_levels_become_intensities(facts: Path, mirror: Path) -> None:
    read = cremad.reader(facts, mirror / "cremad")
    clips = {level: read(PurePosixPath(f"1003_IEO_ANG_{level}.wav")) for level in ("LO", "MD", "HI", "XX")}
    assert {level: (clip.intensity, clip.repetition) for level, clip in clips.items()} == {
        "LO": ("normal", 1),
        "MD": ("normal", 2),
        "HI": ("strong", 1),
        "XX": ("normal", 1),
    }
    assert len({clip.clip_id for clip in clips.values()}) == 4
    # Published for some years with one X; both names are of one clip.
    assert read(PurePosixPath("1003_ITH_SAD_X.wav")) == read(PurePosixPath("AudioWAV/1003_ITH_SAD_XX.wav"))


@pytest.mark.parametrize("stem", ["1001_DFA_ANG", "1001_DFA_JOY_XX", "1001_ABC_ANG_XX", "0001_DFA_ANG_XX", "x"])
def test_wrong_names_are_told(facts: Path, mirror: Path, stem: str) -> None:
    with pytest.raises(ValueError, match="wrongly named"):
        cremad.reader(facts, mirror / "cremad")(PurePosixPath(f"{stem}.wav"))


@pytest.mark.parametrize("actor", [1004, 1005])
def test_a_missing_sex_is_an_error(facts: Path, mirror: Path, actor: int) -> None:
    with pytest.raises(UserError, match=f"has no sex of actor {actor}"):
        cremad.reader(facts, mirror / "cremad")(PurePosixPath(f"{actor}_DFA_ANG_XX.wav"))


def test_splits_of_the_91_actors_follow_the_rule() -> None:
    value = read_json(FACTS / "splits.json")
    speakers = [speaker for fold in value["folds"] for speaker in fold]
    assert sorted(speakers) == [f"cremad-{actor}" for actor in range(1001, 1092)]
    splits = load_splits(FACTS / "splits.json", speakers)
    assert sorted(Counter(splits.fold.values()).values()) == [17, 17, 19, 19, 19]
    assert sorted(Counter(splits.half.values()).values()) == [45, 46]
    # Each fold lists the women first, then the men, each by number: dealt again, the same comes out.
    groups = {speaker: ("", "f") for fold in value["folds"] for speaker in fold[: 9 if len(fold) == 19 else 8]}
    groups |= {speaker: ("", "m") for speaker in speakers if speaker not in groups}
    assert deal_speakers(groups, 5) == value
    assert load_facts(FACTS).clips == 7442
