"""Archives that one has no reason to trust."""

import io
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from affekt.core.errors import UserError
from affekt.corpora.archive import _check_name, unpack


def make_zip(path: Path, members: dict[str, bytes], mode: int = stat.S_IFREG | 0o644) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            file.writestr(info, content)
    return path


def make_tar(path: Path, *members: tuple[str, bytes, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as file:
        for name, content, kind in members:
            info = tarfile.TarInfo(name)
            info.type, info.size, info.linkname = kind, len(content), "/etc/passwd"
            file.addfile(info, io.BytesIO(content))
    return path


def refused(archive: Path, tmp_path: Path, message: str, **limits: float) -> None:
    """The archive is refused with the message, and nothing is left beside it."""
    with pytest.raises(UserError, match=message):
        unpack(archive, tmp_path / "out" / "corpus", **limits)  # type: ignore[arg-type]
    assert list((tmp_path / "out").glob("**/*")) == []
    assert not (tmp_path / "evil").exists()


def test_plain_archives_are_unpacked_whole(tmp_path: Path) -> None:
    files = {"Actor_01/a.wav": b"one" * 1000, "Actor_02/b.wav": b"", "read me.txt": b"x"}
    unpack(make_zip(tmp_path / "a.zip", files), tmp_path / "zip")
    unpack(make_tar(tmp_path / "a.tgz", *((n, c, tarfile.REGTYPE) for n, c in files.items())), tmp_path / "tar")
    for folder in ("zip", "tar"):
        found = {p.relative_to(tmp_path / folder).as_posix(): p for p in (tmp_path / folder).rglob("*") if p.is_file()}
        assert {name: path.read_bytes() for name, path in found.items()} == files


@pytest.mark.parametrize("name", ["/evil", "../evil", "a/../../evil", "..\\evil", "C:evil"])
def test_members_outside_are_refused_by_name(tmp_path: Path, name: str) -> None:
    refused(make_zip(tmp_path / "a.zip", {"good": b"x", name: b"x"}), tmp_path, "outside its folder")
    refused(make_tar(tmp_path / "a.tar.gz", (name, b"x", tarfile.REGTYPE)), tmp_path, "outside its folder")


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_links_and_devices_are_refused_by_name(tmp_path: Path, kind: bytes) -> None:
    refused(make_tar(tmp_path / "a.tar.gz", ("door", b"", kind)), tmp_path, "'door' is a link or device")
    refused(make_zip(tmp_path / "a.zip", {"door": b"/etc"}, stat.S_IFLNK | 0o777), tmp_path, "'door' is a link")


def test_oversized_members_are_refused_by_name(tmp_path: Path) -> None:
    bomb = make_zip(tmp_path / "a.zip", {"bomb": bytes(40 << 20)})
    refused(bomb, tmp_path, "'bomb' is oversized", max_ratio=100)
    refused(bomb, tmp_path, "'bomb' is oversized", max_total=1000)


def test_a_member_that_is_not_of_the_size_it_tells_is_refused(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "a.zip", {"a": b"0123456789" * 100})
    data = bytearray(archive.read_bytes())
    at = data.rindex(b"PK\x01\x02") + 24  # uncompressed size in the central directory
    data[at : at + 4] = (50).to_bytes(4, "little")
    archive.write_bytes(data)
    refused(archive, tmp_path, "a.zip")


def test_twice_the_same_name_is_refused(tmp_path: Path) -> None:
    members = (("a", b"1", tarfile.REGTYPE), ("a", b"2", tarfile.REGTYPE))
    refused(make_tar(tmp_path / "a.tar.gz", *members), tmp_path, "'a' occurs twice")


def test_broken_archives_are_named(tmp_path: Path) -> None:
    whole = make_zip(tmp_path / "a.zip", {"a": bytes(range(256)) * 400}).read_bytes()
    flipped = bytearray(whole)
    flipped[60] ^= 0xFF
    for content in (whole[: len(whole) // 2], b"not an archive", b"", bytes(flipped)):
        (tmp_path / "b.zip").write_bytes(content)
        refused(tmp_path / "b.zip", tmp_path, "b.zip")


def test_an_existing_folder_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("x")
    with pytest.raises(UserError, match="exists already"):
        unpack(make_zip(tmp_path / "a.zip", {"mine": b"y"}), tmp_path / "out")
    assert (tmp_path / "out" / "mine").read_text() == "x"


@given(st.text(alphabet="ab./\\:\0", max_size=12))
def test_every_accepted_name_stays_inside(name: str) -> None:
    root = Path("/root/of/all")
    try:
        _check_name(Path("a.zip"), name)
    except UserError:
        return
    inside = Path(*[part for part in (root / name).parts if part != "."])
    assert inside.is_relative_to(root)
    assert ".." not in inside.parts
