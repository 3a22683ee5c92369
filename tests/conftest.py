"""Puts this folder, where what several floors share lies, on the path; deals the tests to processes, if asked."""

import pytest

FIRST = ("pipeline", "test_graph")  # take longest: were they last, one process would wait for another


@pytest.hookimpl(tryfirst=True)  # xdist reads the groups in the same hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give tests that share what is dear to make to one process: those of a file, and all runs of the whole graph."""
    for item in items:
        within = item.path.relative_to(__file__.rpartition("/")[0])
        group = "pipeline" if within.parts[0] == "pipeline" else within.stem
        item.add_marker(pytest.mark.xdist_group(group))
    order = {name: place for place, name in enumerate(FIRST)}
    items.sort(key=lambda item: order.get(next(item.iter_markers("xdist_group")).args[0], len(FIRST)))
