"""A page rendered once from synthetic inputs, for all tests of the report."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for synthetic_inputs, which tests/pipeline uses too

from synthetic_inputs import PARAMETERS, write_inputs

from affekt.report.assets import Sources
from affekt.report.page import render_page


@pytest.fixture(scope="session")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Sources:
    return write_inputs(tmp_path_factory.mktemp("inputs"))


@pytest.fixture(scope="session")
def page(sources: Sources, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page's path; tests that change it copy its folder first."""
    folder = tmp_path_factory.mktemp("page")
    render_page(sources, PARAMETERS, 2, folder / "index.html", folder / "assets")
    return folder / "index.html"
