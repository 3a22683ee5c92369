"""How work tells how far it is: a function that passes items through, as tqdm does."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

Progress = Callable[..., Iterator[Any]]  # (items, what, total, initial=0), as Stage.progress


def quiet(items: Iterable[Any], what: str, total: int | None = None, initial: int = 0) -> Iterator[Any]:
    """Show no progress."""
    return iter(items)
