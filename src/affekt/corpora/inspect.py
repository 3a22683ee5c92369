"""Inspection: every file of a fetched corpus is decoded once, and is either a clip or in quarantine with a reason."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from affekt.core.errors import UserError
from affekt.core.files import list_files
from affekt.corpora.audio import BadAudio, decode, resample, to_int16, to_mono, trim
from affekt.corpora.naming import ClipName, parse_name
from affekt.corpora.request import quiet

SUFFIXES = (".wav", ".flac")
_NAMED = 3  # files that a refusal names


@dataclass(frozen=True)
class Clip:
    """A usable file: its name's facts and its samples as they will be stored."""

    name: ClipName
    samples: np.ndarray  # int16 mono at 22,050 Hz, trimmed


@dataclass
class Inspection:
    """What the files of a corpus turned out to be."""

    clips: list[Clip] = field(default_factory=list)
    quarantine: list[dict[str, str]] = field(default_factory=list)  # {"path", "reason"}
    notes: list[dict[str, str]] = field(default_factory=list)  # {"path", "note"}: kept, but worth knowing


def inspect_folder(
    raw: Path,
    trim_db: float,
    trim_margin_s: float,
    known_duplicates: Iterable[Iterable[str]] = (),
    progress: Callable[[Iterable[Any], str, int | None], Iterator[Any]] = quiet,
) -> Inspection:
    """Decode every file below `raw` in the order of their paths.

    Args:
        known_duplicates: groups of file stems that the publisher delivers with the same audio; kept and noted.
    """
    groups = [frozenset(group) for group in known_duplicates]
    result, of_audio, of_name = Inspection(), {}, {}  # type: ignore[var-annotated]
    files = list_files(raw)
    for path in progress(files, "files inspected", len(files)):
        relative = path.relative_to(raw).as_posix()
        try:
            name, samples, digest = _read(path)
            if name in of_name:
                raise ValueError(f"duplicate: has the name of {of_name[name]}")
            if digest in of_audio:
                first = of_audio[digest]
                if not any({path.stem, Path(first).stem} <= group for group in groups):
                    raise ValueError(f"duplicate: holds the same audio as {first}")
                result.notes.append(
                    {"path": relative, "note": f"same audio as {first}, known of the publisher's files"}
                )
        except ValueError as error:  # BadAudio is one
            reason = error.reason if isinstance(error, BadAudio) else str(error)
            result.quarantine.append({"path": relative, "reason": reason})
            continue
        of_audio.setdefault(digest, relative)
        of_name[name] = relative
        result.clips.append(Clip(name, to_int16(trim(samples, trim_db, trim_margin_s))))
    return result


def _read(path: Path) -> tuple[ClipName, np.ndarray, str]:
    """Return the name's facts, the samples at 22,050 Hz and the digest of the samples as published."""
    if path.suffix.lower() not in SUFFIXES:
        raise ValueError(f"wrongly named: is not one of {', '.join(SUFFIXES)}")
    name = parse_name(path.stem)
    samples, rate = decode(path)
    digest = hashlib.sha256(samples.tobytes()).hexdigest()
    return name, resample(to_mono(samples), rate), digest


def check_quarantine(inspection: Inspection, raw: Path, max_quarantined: int) -> None:
    """Raise UserError when more files are unusable than allowed, naming the first few."""
    found = inspection.quarantine
    if not found and not inspection.clips:
        raise UserError(f"{raw}: holds no file; rerun `fetch`")
    if len(found) > max_quarantined:
        named = "; ".join(f"{entry['path']}: {entry['reason']}" for entry in found[:_NAMED])
        more = f"; and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
        raise UserError(
            f"{raw}: {len(found)} of {len(found) + len(inspection.clips)} files cannot be used, "
            f"prepare.max_quarantined allows {max_quarantined}: {named}{more}; mend them or raise it"
        )
