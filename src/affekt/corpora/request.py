"""What a corpus is given to fetch itself."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from affekt.core.params import DemoParams


def quiet(items: Iterable[Any], what: str, total: int | None = None) -> Iterator[Any]:
    """Show no progress."""
    return iter(items)


@dataclass(frozen=True)
class FetchRequest:
    """Where facts lie, where files go, and what they come from."""

    facts: Path  # data/corpora/<name>
    out: Path  # the published files go here
    work: Path  # scratch; survives an interruption
    downloads: Path  # survives success too: <md5>/ of a published archive holds it, or the part that came
    mirror: str | None  # AFFEKT_MIRROR: a folder or URL in the publisher's place
    demo: DemoParams
    seed: int
    progress: Callable[[Iterable[Any], str, int | None], Iterator[Any]] = quiet
