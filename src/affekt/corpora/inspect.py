"""Inspection: every file of a fetched corpus is decoded once, and is either a clip or in quarantine with a reason."""

import hashlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import numpy as np

from affekt.core.errors import UserError
from affekt.core.files import list_files
from affekt.core.progress import Progress, quiet
from affekt.corpora.audio import BadAudio, decode, resample, to_int16, to_mono, trim
from affekt.corpora.corpus import ClipFacts, ReadPath

SUFFIXES = (".wav", ".flac")
_NAMED = 3  # files that a refusal names


@dataclass(frozen=True)
class Clip:
    """A usable file: the facts that its path tells and its samples as they will be stored."""

    facts: ClipFacts
    samples: np.ndarray  # int16 mono at 22,050 Hz, trimmed


@dataclass
class Inspection:
    """What the files of a corpus turned out to be."""

    clips: list[Clip] = field(default_factory=list)
    quarantine: list[dict[str, str]] = field(default_factory=list)  # {"path", "reason"}
    notes: list[dict[str, str]] = field(default_factory=list)  # {"path", "note"}: kept, but worth knowing


def inspect_folder(
    raw: Path,
    read: ReadPath,
    trim_db: float,
    trim_margin_s: float,
    known_duplicates: Iterable[Iterable[str]] = (),
    beside: Collection[str] = (),
    progress: Progress = quiet,
) -> Inspection:
    """Decode every file below `raw` in the order of their paths.

    Args:
        read: what a file's path below `raw` tells; its ValueError puts the file into quarantine, its UserError (a
            fault of the corpus's own tables) ends the run.
        known_duplicates: groups of file stems that the publisher delivers with the same audio; kept and noted.
        beside: paths below `raw` of files that are no clips, such as a table of the speakers.
    """
    groups = [frozenset(group) for group in known_duplicates]
    result, of_audio, of_name = Inspection(), {}, {}  # type: ignore[var-annotated]
    files = [path for path in list_files(raw) if path.relative_to(raw).as_posix() not in beside]
    for path in progress(files, "files inspected", len(files)):
        relative = path.relative_to(raw).as_posix()
        try:
            facts, samples, digest = _read(path, PurePosixPath(relative), read)
            if facts.clip_id in of_name:
                raise ValueError(f"duplicate: has the name of {of_name[facts.clip_id]}")
            if first := of_audio.get(digest):
                result.notes.append(_note_duplicate(relative, first, groups))
        except ValueError as error:  # BadAudio is one
            if isinstance(error, UserError) and not isinstance(error, BadAudio):
                raise
            reason = error.reason if isinstance(error, BadAudio) else str(error)
            result.quarantine.append({"path": relative, "reason": reason})
            continue
        of_audio.setdefault(digest, relative)
        of_name[facts.clip_id] = relative
        result.clips.append(Clip(facts, to_int16(trim(samples, trim_db, trim_margin_s))))
    return result


def _note_duplicate(path: str, first: str, groups: list[frozenset[str]]) -> dict[str, str]:
    """Return the note on a file with the audio of an earlier one; ValueError when the publisher is not known for it."""
    if not any({Path(path).stem, Path(first).stem} <= group for group in groups):
        raise ValueError(f"duplicate: holds the same audio as {first}")
    return {"path": path, "note": f"same audio as {first}, known of the publisher's files"}


def _read(path: Path, relative: PurePosixPath, read: ReadPath) -> tuple[ClipFacts, np.ndarray, str]:
    """Return the path's facts, the samples at 22,050 Hz and the digest of the samples as published."""
    if path.suffix.lower() not in SUFFIXES:
        raise ValueError(f"wrongly named: is not one of {', '.join(SUFFIXES)}")
    facts = read(relative)
    samples, rate = decode(path)
    digest = hashlib.sha256(samples.tobytes()).hexdigest()
    return facts, resample(to_mono(samples), rate), digest


def check_quarantine(
    inspection: Inspection, raw: Path, max_quarantined: int, known_unusable: Collection[str] = ()
) -> None:
    """Raise UserError when more files are unusable than allowed, naming the first few.

    Args:
        known_unusable: file stems that are broken as published; they are no surprise and do not count.
    """
    if not inspection.quarantine and not inspection.clips:
        raise UserError(f"{raw}: holds no file; rerun `fetch`")
    found = [entry for entry in inspection.quarantine if Path(entry["path"]).stem not in known_unusable]
    if len(found) > max_quarantined:
        named = "; ".join(f"{entry['path']}: {entry['reason']}" for entry in found[:_NAMED])
        more = f"; and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
        raise UserError(
            f"{raw}: {len(found)} of {len(inspection.quarantine) + len(inspection.clips)} files cannot be used, "
            f"prepare.max_quarantined allows {max_quarantined}: {named}{more}; mend them or raise it"
        )
