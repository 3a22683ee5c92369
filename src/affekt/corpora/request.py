"""What a corpus is given to fetch itself."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from affekt.core.params import DemoParams, ReadingParams


def quiet(items: Iterable[Any], what: str, total: int | None = None) -> Iterator[Any]:
    """Show no progress."""
    return iter(items)


@dataclass(frozen=True)
class FetchRequest:
    """Where facts lie, where files go, and what they come from."""

    facts: Path  # data/corpora/<name>
    out: Path  # the published files go here
    work: Path  # scratch; survives an interruption
    downloads: Path  # survives success too: what came over the network, by its checksum or its corpus
    mirror: str | None  # AFFEKT_MIRROR: a folder or URL in the publisher's place
    size: DemoParams | ReadingParams  # of a corpus that is spoken here; a published one comes whole
    seed: int
    progress: Callable[[Iterable[Any], str, int | None], Iterator[Any]] = quiet
