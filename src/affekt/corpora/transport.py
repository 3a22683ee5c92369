"""How published files come here: an archive, single files by their names, or a tree; from the publisher or a mirror.

`AFFEKT_MIRROR=<folder or URL>` is asked for `<mirror>/<corpus>/`. It replaces the address; what of the files is
verified each corpus tells (of CREMA-D and TESS, which are published without checksums of their sounds, a mirror's names
and their number alone).
Files are copied, never linked: DVC write-protects what it puts into its cache, which through a link would reach the
mirror.
"""

import filecmp
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from affekt.core.errors import UserError
from affekt.core.files import list_files, read_json, remove
from affekt.corpora.archive import unpack
from affekt.corpora.download import NotThere, RemoteFile, download
from affekt.corpora.request import FetchRequest

_CONNECTIONS = 4  # at once, for single files


@dataclass(frozen=True)
class Place:
    """A folder or URL that holds a corpus's files under their published paths."""

    base: str
    kept: Path  # what comes from a URL stays here, and is not fetched again
    archive: str | None = None  # of which this is the unpacked folder: its files may be moved out

    @property
    def name(self) -> str:
        """What to call the place in a message."""
        return self.archive or self.base

    @property
    def is_url(self) -> bool:
        return self.base.startswith(("http://", "https://"))

    def get(self, path: str, size: int | None = None, sha256: str | None = None) -> Path:
        """Return a local file with the content of `path`; NotThere when the place has none."""
        if self.is_url:
            return download(RemoteFile(f"{self.base}/{path}", size, sha256=sha256), self.kept / path)
        if not (Path(self.base) / path).is_file():
            raise NotThere(f"{self.base}: lacks {path}; complete the mirror or unset AFFEKT_MIRROR")
        return Path(self.base) / path

    def find(self, path: str, suffixes: Sequence[str]) -> tuple[Path, str]:
        """Return the first file that the place has of a path under several suffixes, and its suffix."""
        for suffix in suffixes:
            try:
                return self.get(f"{path}{suffix}"), suffix
            except NotThere:
                continue
        raise UserError(f"{self.name}: lacks {path} ({' or '.join(suffixes)}); complete it, or check AFFEKT_MIRROR")

    def forget(self, source: Path) -> None:
        """Drop what came from a URL and turned out wrong, so that it is asked for again."""
        if self.is_url:
            source.unlink(missing_ok=True)


def published_archive(facts: Path) -> RemoteFile:
    """Read archive.json: the publisher's address, bytes (null where unknown) and md5."""
    value = read_json(facts / "archive.json")
    return RemoteFile(value["url"], value["bytes"], value["md5"])


def mirror_place(request: FetchRequest, name: str, kept: Path) -> Place | None:
    """Return the place of a corpus in the mirror; None without a mirror, UserError when its folder is not there."""
    if request.mirror is None:
        return None
    if request.mirror.startswith(("http://", "https://")):
        return Place(f"{request.mirror.rstrip('/')}/{name}", kept)
    from urllib.parse import unquote, urlsplit

    local = unquote(urlsplit(request.mirror).path) if request.mirror.startswith("file:") else request.mirror
    folder = Path(local).expanduser() / name
    if not folder.is_dir():
        raise UserError(f"{folder}: there is no such folder; AFFEKT_MIRROR must name the one that holds {name}/")
    return Place(str(folder), kept)


@contextmanager
def open_source(request: FetchRequest, name: str, published: RemoteFile) -> Iterator[tuple[Place, bool]]:
    """Give the place to take files from, and whether it is the unpacked archive (else a mirror of single files).

    What came over the network stays in `request.downloads`, by the archive's md5: it is fetched once.
    """
    archive_name = published.url.rsplit("/", 1)[-1]
    kept = request.downloads / (published.md5 or name)
    mirror = mirror_place(request, name, kept / "files")
    archive = RemoteFile(f"{mirror.base}/{archive_name}" if mirror else published.url, published.size, published.md5)
    target = (kept if mirror is None or mirror.is_url else request.work) / archive_name
    if not _bring_archive(archive, target, needed=mirror is None):
        assert mirror is not None
        yield mirror, False
        return
    unpacked = request.work / "unpacked"
    remove(unpacked)
    unpack(target, unpacked)
    yield Place(str(unpacked), kept, archive.url), True
    remove(unpacked)


def _bring_archive(archive: RemoteFile, target: Path, needed: bool) -> bool:
    """Download an archive; tell whether it is there, or raise NotThere when it must be."""
    try:
        with _byte_bar(target.name, archive.size) as report:
            download(archive, target, report=report)
    except NotThere:
        if needed:
            raise
        return False
    return True


def take_listed(
    request: FetchRequest,
    place: Place,
    paths: Iterable[str],
    suffixes: Sequence[str],
    check: Callable[[str, Path], None] = lambda path, file: None,
) -> None:
    """Bring files by their paths without suffix, some at a time; `check` raises UserError when one is wrong."""
    latest = suffixes[0]

    def bring(path: str) -> None:
        nonlocal latest  # the place will likely have this kind again
        first = latest
        source, suffix = place.find(path, sorted(suffixes, key=lambda other: other != first))
        latest = suffix
        target = _put(place, source, request.out / f"{path}{suffix}")
        try:
            check(path, target)
        except UserError:
            place.forget(source)
            raise

    for_all(request, list(paths), bring, "files verified")


def for_all(request: FetchRequest, items: Sequence[Any], do: Callable[[Any], None], what: str) -> None:
    """Do something with every item, some at a time (downloads, decoding and hashing release the lock)."""
    with ThreadPoolExecutor(_CONNECTIONS) as pool:
        try:
            for _ in request.progress(pool.map(do, items), what, len(items)):
                pass
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def take_tree(request: FetchRequest, place: Place, choose: Callable[[PurePosixPath], str | None]) -> None:
    """Bring every file of a folder for which `choose` tells a path to keep it under.

    Some redistributions hold a corpus twice, one tree in the other: a file with the same target and the same bytes
    is left out; with other bytes it is refused.
    """
    folder, came_from = Path(place.base), {}
    files = list_files(folder)
    for source in request.progress(files, "files brought", len(files)):
        relative = PurePosixPath(source.relative_to(folder).as_posix())
        path = choose(relative)
        if path is None:
            continue
        target = request.out / path
        if path not in came_from:
            came_from[path] = relative
            _put(place, source, target)
        elif not filecmp.cmp(source, target, shallow=False):
            raise UserError(f"{place.name}: {came_from[path]} and {relative} differ, both would be {path}; remove one")
    if not came_from:
        raise UserError(f"{place.name}: holds no file of this corpus; complete the mirror or unset AFFEKT_MIRROR")


def _put(place: Place, source: Path, target: Path) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    if place.archive:
        return source.rename(target)
    return Path(shutil.copyfile(source, target))


@contextmanager
def _byte_bar(what: str, size: int | None) -> Iterator[Callable[[int], Any]]:
    """A bar of bytes on a terminal; quiet in a pipe."""
    from tqdm import tqdm

    with tqdm(total=size, desc=what, unit="B", unit_scale=True, disable=None, leave=False) as bar:
        yield lambda done: bar.update(done - bar.n)
