"""What data/corpora/<name>/corpus.json tells of a corpus as a whole."""

from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from affekt.core.errors import UserError
from affekt.core.files import read_json


@dataclass(frozen=True)
class CorpusFacts:
    """Facts that hold for every file, and what a person wants to know before fetching."""

    content: str
    licence: str
    source: str
    language: str  # ISO 639-1
    clips: int | None  # as published; None where params.yaml decides how many are spoken
    known_duplicates: list[list[str]]  # groups of file stems that are published with the same audio, and kept
    known_unusable: list[str]  # file stems whose sound is broken or silent in the published copies: left out


_KINDS: dict[str, Any] = {"clips": int | None, "known_duplicates": list, "known_unusable": list}


def load_facts(folder: Path) -> CorpusFacts:
    """Read corpus.json of a folder of data/corpora."""
    path = folder / "corpus.json"
    value = read_json(path)
    names = [field.name for field in fields(CorpusFacts)]
    if not isinstance(value, dict) or set(value) != set(names):
        raise UserError(f"{path}: must hold just {', '.join(names)}; restore it from git")
    facts = CorpusFacts(**value)
    if wrong := [key for key, item in asdict(facts).items() if not isinstance(item, _KINDS.get(key, str))]:
        raise UserError(f"{path}: {wrong[0]} is of the wrong kind: {value[wrong[0]]!r}; restore it from git")
    return facts
