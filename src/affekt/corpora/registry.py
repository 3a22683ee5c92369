"""The corpora by name. A new one: a module with `fetch`, its facts in data/corpora/<name>, a line here."""

from collections.abc import Callable

from affekt.core.errors import UserError
from affekt.corpora.request import FetchRequest


def fetcher(name: str) -> Callable[[FetchRequest], None]:
    """Return the function that brings a corpus's published files to a folder."""
    # Plain import statements: a stage's code deps are derived from them.
    if name == "demo":
        from affekt.corpora.demo import fetch as fetch_demo

        return fetch_demo
    if name == "ravdess":
        from affekt.corpora.ravdess import fetch as fetch_ravdess

        return fetch_ravdess
    raise UserError(f"corpus.name: got {name!r}; known are demo, ravdess")
