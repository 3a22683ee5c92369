"""Manifests: which files a corpus has, and the hash of each one's samples."""

import csv
import hashlib
from collections.abc import Mapping
from pathlib import Path

from affekt.core.errors import UserError

HASH = "pcm_s16le_sha256"  # of the interleaved little-endian 16-bit samples: the same for a WAV and for a FLAC of it


def read_manifest(path: Path) -> dict[str, str]:
    """Read path without extension -> sha256 of the interleaved little-endian 16-bit samples."""
    try:
        with open(path, newline="", encoding="utf-8") as file:
            return {row["path"]: row[HASH] for row in csv.DictReader(file)}
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


def check_samples(manifest: Mapping[str, str], path: str, file: Path) -> None:
    """Raise UserError unless a file holds the samples that the manifest has under `path`."""
    found = pcm_sha256(file)
    if found != manifest[path]:
        raise UserError(
            f"{path}{file.suffix}: does not hold the published samples (sha256 {found[:40]}, "
            f"{manifest[path][:12]}… is expected); fetch it again or mend the mirror"
        )
