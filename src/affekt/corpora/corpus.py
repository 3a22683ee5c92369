"""What a corpus is: one module that tells how its files are fetched and what their paths mean."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from affekt.corpora.request import FetchRequest


@dataclass(frozen=True)
class ClipFacts:
    """What a published file's place and name say of its clip; the columns of the clip table."""

    clip_id: str
    speaker: str
    gender: str
    emotion: str
    intensity: str
    statement: str
    repetition: int


ReadPath = Callable[[PurePosixPath], ClipFacts]  # a file's path below data/raw; ValueError when it is wrongly named


@dataclass(frozen=True)
class Corpus:
    """A corpus by its two functions; its facts and splits lie in data/corpora/<name>."""

    name: str
    fetch: Callable[[FetchRequest], None]  # brings the published files to request.out
    reader: Callable[[Path, Path], ReadPath]  # (data/corpora/<name>, folder of the fetched files) -> what a path means
    beside: frozenset[str] = frozenset()  # fetched files that are no clips: tables that the reader needs
