"""Downloads that resume, and that are believed only after length and checksum are right."""

import errno
import hashlib
import re
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import unquote, urlsplit

from affekt.core.errors import UserError
from affekt.core.files import replace, sync

if TYPE_CHECKING:
    from requests import Response

CHUNK = 1 << 16  # bytes; what is at most lost when a connection breaks
TIMEOUT_S = (20, 60)  # to connect, between two packets
TRIES = 6  # without any progress; each new byte gives all of them back
_RETRIED = {408, 425, 429, 500, 502, 503, 504}
_GONE = {401, 403, 404, 410}


class NotThere(UserError):  # noqa: N818 (an answer, which a caller may take as "try the next address")
    """The server has no such file."""


class _Interrupted(Exception):  # noqa: N818
    """The transfer stopped early; what came is kept and continued."""


@dataclass(frozen=True)
class RemoteFile:
    """A published file and what a whole copy of it is; None where the publisher gives none."""

    url: str
    size: int | None = None  # bytes
    md5: str | None = None
    sha256: str | None = None


def download(
    file: RemoteFile,
    target: Path,
    tries: int = TRIES,
    pause_s: float = 1.0,
    report: Callable[[int], None] = lambda done: None,
) -> Path:
    """Bring a file from an http(s) or file URL, or a path, to `target`, which is whole and verified or absent.

    What came before an interruption (even kill -9) lies in `<target>.part` and is continued. `report` gets the bytes
    that are there. Raises NotThere on 404 and the like, UserError on all else that is not a whole file.
    """
    if target.is_file() and verify(file, target):
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    try:
        resumed = part.exists()
        _complete(file, part, tries, pause_s, report)
        if not verify(file, part) and resumed:
            # An old part of another version is not the publisher's fault: once more from the beginning.
            part.unlink()
            _complete(file, part, tries, pause_s, report)
        if not verify(file, part):
            part.unlink()
            raise UserError(f"{file.url}: has a wrong checksum; it was removed: try again, or use another mirror")
        sync(part)
        replace(part, target)
    except OSError as error:
        raise _disk_error(error, target) from None
    return target


def verify(file: RemoteFile, path: Path) -> bool:
    """Tell whether a file has the published length and checksums."""
    if file.size is not None and path.stat().st_size != file.size:
        return False
    algorithms: list[tuple[Literal["md5", "sha256"], str | None]] = [("md5", file.md5), ("sha256", file.sha256)]
    for algorithm, wanted in algorithms:
        if wanted is not None:
            with open(path, "rb") as handle:
                if hashlib.file_digest(handle, algorithm).hexdigest() != wanted.lower():
                    return False
    return True


def _disk_error(error: OSError, target: Path) -> UserError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return UserError(f"{target.parent}: the disk is full; free space and run again: what came is continued")
    return UserError(f"{target}: cannot be written ({error.strerror or error}); check the folder and run again")


def _complete(file: RemoteFile, part: Path, tries: int, pause_s: float, report: Callable[[int], None]) -> None:
    """Fill `part` up to the whole file, over as many connections as it takes."""
    _check_space(file, part)
    if urlsplit(file.url).scheme not in ("http", "https"):
        _copy_local(file, part)
        return
    best, failures = _size(part), 0
    while True:
        try:
            _transfer(file, part, report)
            return
        except _Interrupted as error:
            if _size(part) > best:
                best, failures = _size(part), 0
            failures += 1
            if failures >= tries:
                raise UserError(
                    f"{file.url}: the download stopped ({error}) at {_size(part)} of {file.size or 'unknown'} bytes, "
                    f"{tries} times; check the network and run again: it continues there"
                ) from None
            time.sleep(min(30.0, pause_s * 2 ** (failures - 1)))


def _check_space(file: RemoteFile, part: Path) -> None:
    needed = (file.size or 0) - _size(part)
    free = shutil.disk_usage(part.parent).free
    if needed > free:
        raise UserError(
            f"{part.parent}: the disk is full: {needed:,} bytes needed, {free:,} free; free space and run again"
        )


def _copy_local(file: RemoteFile, part: Path) -> None:
    source = Path(unquote(urlsplit(file.url).path)) if file.url.startswith("file:") else Path(file.url)
    if not source.is_file():
        raise NotThere(f"{source}: there is no such file; check AFFEKT_MIRROR")
    size = source.stat().st_size
    if file.size is not None and size != file.size:
        raise UserError(f"{source}: is {size} bytes, the published file {file.size}; copy it again whole")
    shutil.copyfile(source, part)


def _transfer(file: RemoteFile, part: Path, report: Callable[[int], None]) -> None:
    """One connection: append what is missing; raises _Interrupted when it ends early."""
    import requests

    have = _size(part)
    if have and have == file.size:
        return
    headers = {"Accept-Encoding": "identity"}  # a compressed transfer could not be continued
    if have:
        headers["Range"] = f"bytes={have}-"
    try:
        with requests.get(file.url, headers=headers, stream=True, timeout=TIMEOUT_S) as response:
            start, total = _check_response(file, response, have, part)
            _append(file, response, part, start, total, report)
    except requests.exceptions.InvalidURL:
        raise UserError(f"{file.url}: is no address that can be asked; check AFFEKT_MIRROR") from None
    except requests.RequestException as error:
        raise _Interrupted(_brief(error)) from None


def _check_response(file: RemoteFile, response: "Response", have: int, part: Path) -> tuple[int, int | None]:
    """Return where the answer's bytes begin and how long the whole file is, as the server says."""
    status = response.status_code
    if status in _RETRIED:
        raise _Interrupted(f"the server answers {status}")
    if status == 416:  # the part is longer than the file: it is of another one
        part.unlink(missing_ok=True)
        raise _Interrupted("the server refuses the range")
    if status in _GONE:
        raise NotThere(f"{file.url}: the server answers {status}; check the address, or set AFFEKT_MIRROR")
    if status not in (200, 206):
        raise UserError(f"{file.url}: the server answers {status}; try later, or set AFFEKT_MIRROR")
    if response.headers.get("Content-Type", "").startswith("text/html"):
        raise UserError(f"{file.url}: the server sent a web page, not the file; try later, or set AFFEKT_MIRROR")
    length = response.headers.get("Content-Length", "")
    start, total = 0, int(length) if length.isdigit() else None
    if status == 206:
        match = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
        if match is None or int(match[1]) != have:
            part.unlink(missing_ok=True)
            raise _Interrupted("the server answers with another range than asked")
        start, total = have, int(match[2]) if match[2].isdigit() else None
    if file.size is not None and total is not None and total != file.size:
        raise UserError(
            f"{file.url}: the server offers {total} bytes, the published file has {file.size}; "
            "try later, or use another mirror"
        )
    return start, total


def _append(
    file: RemoteFile, response: "Response", part: Path, start: int, total: int | None, report: Callable[[int], None]
) -> None:
    wanted = file.size if file.size is not None else total
    with open(part, "r+b" if start else "wb") as handle:
        handle.seek(start)
        done = start
        for chunk in response.iter_content(CHUNK):
            done += len(chunk)
            if wanted is not None and done > wanted:
                raise UserError(f"{file.url}: the server sends more than the {wanted} bytes of the published file")
            handle.write(chunk)
            report(done)
        handle.truncate(done)
    if wanted is not None and done < wanted:
        raise _Interrupted("the connection closed early")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _brief(error: Exception) -> str:
    """The innermost reason of a requests error, in one line."""
    text = str(error)
    known = {"NameResolution": "the server's name is not known", "refused": "the connection was refused"}
    known |= {"timed out": "the server does not answer", "IncompleteRead": "the connection closed early"}
    return next((says for sign, says in known.items() if sign in text), " ".join(text.split())[:120])
