"""Puts this folder, where what several floors share lies, on the path; deals the tests to processes, if asked."""

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from xdist.scheduler import LoadScopeScheduling

PIPELINE = "tests/pipeline/"
FIRST = (PIPELINE, "tests/test_graph.py")  # take longest: were they last, one process would wait for another


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest."""
    items.sort(key=lambda item: [item.nodeid.startswith(start) for start in FIRST], reverse=True)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> "LoadScopeScheduling":
    """Give tests that share what is dear to make to one process: those of a file, and all that run the whole graph."""
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return PIPELINE if nodeid.startswith(PIPELINE) else nodeid.split("::", 1)[0]

    return ByFile(config, log)
