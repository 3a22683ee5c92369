"""What data/corpora/<name>/corpus.json tells of a corpus as a whole."""

from dataclasses import dataclass
from pathlib import Path

from affekt.core.errors import UserError
from affekt.core.files import read_json


@dataclass(frozen=True)
class CorpusFacts:
    """Facts that hold for every file."""

    language: str  # ISO 639-1
    known_duplicates: list[list[str]]  # groups of file stems that are published with the same audio, and kept


def load_facts(folder: Path) -> CorpusFacts:
    """Read corpus.json of a folder of data/corpora."""
    path = folder / "corpus.json"
    value = read_json(path)
    if not isinstance(value, dict) or set(value) != {"language", "known_duplicates"}:
        raise UserError(f'{path}: must be {{"language": …, "known_duplicates": [[stems], …]}}; restore it from git')
    return CorpusFacts(**value)
