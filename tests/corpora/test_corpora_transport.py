"""Bringing many files at once: what comes does not depend on which thread was faster."""

import time
from pathlib import Path, PurePosixPath

import pytest
from fetching import brought, request

from affekt.core.errors import UserError
from affekt.corpora.download import NotThere
from affekt.corpora.transport import Place, take_listed, take_tree

SUFFIXES = (".flac", ".wav")
FILES = 60


class Suffix(str):
    """Text whose comparing lets another thread have its turn."""

    __slots__ = ()
    __hash__ = str.__hash__

    def __ne__(self, other: object) -> bool:
        time.sleep(0.001)
        return str.__ne__(self, other)


def test_files_of_two_kinds_come_together(tmp_path: Path) -> None:
    # Each file changes which suffix the threads try first.
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    names = [f"{index:04d}" for index in range(FILES)]
    for index, name in enumerate(names):
        (mirror / f"{name}{SUFFIXES[index % 2]}").write_text(name)
    take_listed(
        request(tmp_path, tmp_path, None),
        Place(str(mirror), tmp_path / "kept"),
        names,
        [Suffix(suffix) for suffix in SUFFIXES],
    )
    assert brought(tmp_path) == sorted(path.name for path in mirror.iterdir())
    assert all((tmp_path / "out" / name).read_text() == name[:4] for name in brought(tmp_path))


def test_what_a_place_lacks_is_named(tmp_path: Path) -> None:
    place = Place(str(tmp_path), tmp_path / "kept", archive="http://publisher/corpus.zip")
    with pytest.raises(NotThere, match=r"lacks table\.csv"):
        place.get("table.csv")
    with pytest.raises(UserError, match=r"http://publisher/corpus\.zip: lacks one \(\.flac or \.wav\)"):
        place.find("one", SUFFIXES)
    with pytest.raises(UserError, match="holds no file of this corpus"):
        take_tree(request(tmp_path, tmp_path / "to", None), place, lambda path: None)


@pytest.mark.parametrize("archive", [None, "http://publisher/corpus.zip"])
def test_only_files_of_an_unpacked_archive_are_moved(tmp_path: Path, archive: str | None) -> None:
    source = tmp_path / "from" / "a" / "one.wav"
    source.parent.mkdir(parents=True)
    source.write_text("sound")
    place = Place(str(tmp_path / "from"), tmp_path / "kept", archive)
    take_tree(request(tmp_path, tmp_path, None), place, lambda path: str(PurePosixPath("b") / path.name))
    assert (tmp_path / "out" / "b" / "one.wav").read_text() == "sound"
    assert source.exists() == (archive is None)
