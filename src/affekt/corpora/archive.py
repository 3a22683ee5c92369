"""Unpacking zip and tar archives that one has no reason to trust."""

import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from affekt.core.errors import UserError
from affekt.core.files import atomic_path, remove

CHUNK = 1 << 20  # bytes
MAX_MEMBERS = 200_000
MAX_TOTAL = 64 << 30  # bytes unpacked; the largest corpus in use has 30 GB
MAX_RATIO = 200  # unpacked to packed; speech reaches 3, silence 100, a zip bomb 1,000
_RATIO_FREE = 16 << 20  # below this size no ratio is suspicious


@dataclass(frozen=True)
class _Member:
    name: str
    size: int
    handle: Any  # ZipInfo or TarInfo


def unpack(archive: Path, target: Path, max_total: int = MAX_TOTAL, max_ratio: float = MAX_RATIO) -> None:
    """Unpack a zip or tar into the new folder `target`, wholly or not at all.

    Only plain files and folders are made. Absolute names, `..`, links, devices, names that occur twice and contents
    that are larger than allowed or declared raise UserError naming the member, before anything is in place.
    """
    if target.exists():
        raise UserError(f"{target}: exists already; move it away before {archive.name} is unpacked there")
    try:
        with atomic_path(target) as folder:
            folder.mkdir()
            with _open(archive) as (members, read):
                for member in _checked(archive, members, max_total, max_ratio):
                    _write(archive, member, read, folder)
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, NotImplementedError) as error:
        raise UserError(f"{archive}: is a broken archive ({error}); remove it and fetch it again") from None
    except RuntimeError as error:  # zipfile's answer to an encrypted member
        raise UserError(f"{archive}: cannot be unpacked ({error})") from None
    except OSError as error:
        reason = error.strerror or str(error)
        raise UserError(f"{archive}: cannot be unpacked to {target.parent} ({reason}); check the disk") from None


@contextmanager
def _open(archive: Path) -> Iterator[tuple[list[_Member], Any]]:
    """Give an archive's plain files, and the function that opens one."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as file:
            yield [m for info in file.infolist() if (m := _zip_member(archive, info))], file.open
    elif tarfile.is_tarfile(archive):
        with tarfile.open(archive) as file_:
            yield [m for info in file_ if (m := _tar_member(archive, info))], file_.extractfile
    else:
        raise UserError(f"{archive}: is neither zip nor tar; remove it and fetch it again")


def _zip_member(archive: Path, info: zipfile.ZipInfo) -> _Member | None:
    mode = info.external_attr >> 16
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise UserError(f"{archive}: member {info.orig_filename!r} is a link or device; the archive is refused")
    # `filename` is cut at a null byte and has its separators changed: what is checked is the name as it was packed.
    _check_name(archive, info.orig_filename)
    return None if info.is_dir() else _Member(info.filename, info.file_size, info)


def _tar_member(archive: Path, info: tarfile.TarInfo) -> _Member | None:
    if not (info.isreg() or info.isdir()):
        raise UserError(f"{archive}: member {info.name!r} is a link or device; the archive is refused")
    _check_name(archive, info.name)
    return None if info.isdir() else _Member(info.name, info.size, info)


def _check_name(archive: Path, name: str) -> None:
    parts = PurePosixPath(name).parts
    if not parts or name.startswith("/") or ".." in parts or any(sign in name for sign in "\\:\0"):
        raise UserError(f"{archive}: member {name!r} would be written outside its folder; the archive is refused")


def _checked(archive: Path, members: list[_Member], max_total: int, max_ratio: float) -> list[_Member]:
    if len(members) > MAX_MEMBERS:
        raise UserError(f"{archive}: has {len(members)} members, at most {MAX_MEMBERS} are taken")
    total, seen = 0, set()
    allowed = min(max_total, max(_RATIO_FREE, max_ratio * archive.stat().st_size))
    for member in members:
        total += member.size
        if total > allowed:
            raise UserError(
                f"{archive}: member {member.name!r} is oversized: {total:,} bytes with those before it, "
                f"{int(allowed):,} are allowed; the archive is refused"
            )
        path = PurePosixPath(member.name)
        if path in seen:
            raise UserError(f"{archive}: member {member.name!r} occurs twice; the archive is refused")
        seen.add(path)
    return members


def _write(archive: Path, member: _Member, read: Any, folder: Path) -> None:
    path = folder / member.name
    path.parent.mkdir(parents=True, exist_ok=True)
    source: IO[bytes] = read(member.handle)
    left = member.size
    with source, open(path, "xb") as target:
        while chunk := source.read(CHUNK):
            left -= len(chunk)
            if left < 0:
                break
            target.write(chunk)
    if left != 0:
        remove(path)
        raise UserError(f"{archive}: member {member.name!r} is not of the size it tells; fetch the archive again")
