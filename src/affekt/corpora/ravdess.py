"""RAVDESS (Livingstone & Russo 2018), 1440 acted clips of 24 speakers, from Zenodo or a mirror.

Every file is verified by the sha256 of its 16-bit samples, which is the same for the published WAV and for a
lossless FLAC of it, so a mirror may hold either.
"""

import csv
import hashlib
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from affekt.core.errors import UserError
from affekt.core.files import read_json, remove
from affekt.corpora.archive import unpack
from affekt.corpora.download import NotThere, RemoteFile, download
from affekt.corpora.request import FetchRequest

_FOLDER = "ravdess"  # of a mirror
_SUFFIXES = (".flac", ".wav")
_CONNECTIONS = 4  # at once, for single files


def fetch(request: FetchRequest) -> None:
    """Bring all clips of the manifest to `request.out`, each verified.

    What came over the network stays in `request.downloads`, by the published archive's md5: it is fetched once.
    """
    facts = read_json(request.facts / "archive.json")
    manifest = read_manifest(request.facts / "manifest.csv")
    published = RemoteFile(facts["url"], facts["bytes"], facts["md5"])
    archive_name = published.url.rsplit("/", 1)[-1]
    kept = request.downloads / facts["md5"]
    request.out.mkdir(parents=True, exist_ok=True)
    if request.mirror is None:
        _fetch_archive(request, published, kept / archive_name, manifest)
    elif request.mirror.startswith(("http://", "https://")):
        base = f"{request.mirror.rstrip('/')}/{_FOLDER}"
        try:
            mirrored = RemoteFile(f"{base}/{archive_name}", published.size, published.md5)
            _fetch_archive(request, mirrored, kept / archive_name, manifest)
        except NotThere:
            _fetch_single(request, base, kept / "files", manifest)
    else:
        folder = _local_folder(request.mirror) / _FOLDER
        if (folder / archive_name).is_file():
            local = RemoteFile(str(folder / archive_name), published.size, published.md5)
            _fetch_archive(request, local, request.work / archive_name, manifest)
        else:
            _copy_files(request, folder, manifest)


def read_manifest(path: Path) -> dict[str, str]:
    """Read path without extension -> sha256 of the interleaved little-endian 16-bit samples."""
    try:
        with open(path, newline="", encoding="utf-8") as file:
            return {row["path"]: row["pcm_s16le_sha256"] for row in csv.DictReader(file)}
    except (OSError, KeyError) as error:
        raise UserError(f"{path}: cannot be read as a manifest ({error}); restore it from git") from None


def pcm_sha256(path: Path) -> str:
    """Hash a file's interleaved samples as little-endian 16-bit integers; a WAV and its FLAC give the same."""
    import soundfile

    try:
        with soundfile.SoundFile(path) as file:
            if file.subtype != "PCM_16":
                return f"not of 16 bits but {file.subtype}"
            return hashlib.sha256(file.read(dtype="int16").astype("<i2").tobytes()).hexdigest()
    except soundfile.LibsndfileError as error:
        return f"unreadable: {error}"


def _local_folder(mirror: str) -> Path:
    from urllib.parse import unquote, urlsplit

    return Path(unquote(urlsplit(mirror).path)) if mirror.startswith("file:") else Path(mirror).expanduser()


def _fetch_archive(request: FetchRequest, file: RemoteFile, archive: Path, manifest: dict[str, str]) -> None:
    """Download (or copy) the archive unless it is there, unpack it and move its clips out."""
    with _byte_bar(archive.name, file.size) as report:
        download(file, archive, report=report)
    unpacked = request.work / "unpacked"
    remove(unpacked)
    unpack(archive, unpacked)

    def bring(path: str) -> Path:
        target = request.out / f"{path}.wav"
        target.parent.mkdir(exist_ok=True)
        try:
            return (unpacked / f"{path}.wav").rename(target)
        except FileNotFoundError:
            raise UserError(f"{file.url}: lacks {path}.wav; the archive is not RAVDESS's speech part") from None

    _bring_all(request, manifest, bring)
    remove(unpacked)


def _copy_files(request: FetchRequest, folder: Path, manifest: dict[str, str]) -> None:
    """Copy a mirror's files.

    Copies, not links: DVC write-protects what it puts into its cache, which through a link would reach the mirror.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: there is no such folder; AFFEKT_MIRROR must name the one that holds {_FOLDER}/")

    def bring(path: str) -> Path:
        source = next((s for suffix in _SUFFIXES if (s := folder / f"{path}{suffix}").is_file()), None)
        if source is None:
            raise UserError(f"{folder}: lacks {path} (.flac or .wav); complete the mirror or unset AFFEKT_MIRROR")
        target = request.out / f"{path}{source.suffix}"
        target.parent.mkdir(exist_ok=True)
        shutil.copyfile(source, target)
        return target

    _bring_all(request, manifest, bring)


def _fetch_single(request: FetchRequest, base: str, kept: Path, manifest: dict[str, str]) -> None:
    """Download file by file from a mirror that has no archive; what came before is kept."""
    suffixes = list(_SUFFIXES)

    def bring(path: str) -> Path:
        for suffix in tuple(suffixes):
            try:
                source = download(RemoteFile(f"{base}/{path}{suffix}"), kept / f"{path}{suffix}")
            except NotThere:
                continue
            if pcm_sha256(source) != manifest[path]:
                source.unlink()
                raise UserError(f"{base}/{path}{suffix}: does not hold the published samples; mend the mirror")
            suffixes.sort(key=lambda other: other != suffix)  # the mirror will likely have this kind again
            target = request.out / f"{path}{suffix}"
            target.parent.mkdir(exist_ok=True)
            shutil.copyfile(source, target)
            return target
        raise UserError(f"{base}: has neither the archive nor {path} (.flac or .wav); check AFFEKT_MIRROR")

    _bring_all(request, manifest, bring)


def _bring_all(request: FetchRequest, manifest: dict[str, str], bring: Callable[[str], Path]) -> None:
    """Bring and verify every file of the manifest, some at a time (decoding and hashing release the lock)."""

    def bring_verified(path: str) -> None:
        file = bring(path)
        found = pcm_sha256(file)
        if found != manifest[path]:
            raise UserError(
                f"{path}{file.suffix}: does not hold the published samples (sha256 {found[:40]}, "
                f"{manifest[path][:12]}… is expected); fetch it again or mend the mirror"
            )

    with ThreadPoolExecutor(_CONNECTIONS) as pool:
        try:
            jobs = pool.map(bring_verified, manifest)
            for _ in request.progress(jobs, "files verified", len(manifest)):
                pass
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise


@contextmanager
def _byte_bar(what: str, size: int | None) -> Iterator[Callable[[int], Any]]:
    """A bar of bytes on a terminal; quiet in a pipe."""
    from tqdm import tqdm

    with tqdm(total=size, desc=what, unit="B", unit_scale=True, disable=None, leave=False) as bar:
        yield lambda done: bar.update(done - bar.n)
