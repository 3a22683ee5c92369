"""The real graph, run from nothing at a tiny size: once by DVC, once by Snakemake."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))  # for small_copy

from small_copy import Process, copy_repository, copy_run

COMMANDS = {
    "first_run": ("dvc", "repro"),
    "snakemake_run": ("snakemake", "--cores", "2", "--quiet"),
}


@pytest.fixture(scope="session")
def runs(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, tuple[Path, Process]]]:
    """The runs from nothing that the chosen tests ask for, side by side: each is a minute of mostly one core."""
    wanted = {name for item in request.session.items for name in getattr(item, "fixturenames", ())}
    folders = {name: tmp_path_factory.mktemp(name) / "copy" for name in COMMANDS if name in wanted}
    copies = {name: copy_repository(folder) for name, folder in folders.items()}
    started = {name: (folder, Process(folder, *COMMANDS[name])) for name, folder in copies.items()}
    yield started
    for _, process in started.values():
        process.kill()


@pytest.fixture(scope="session")
def first_run(runs: dict[str, tuple[Path, Process]]) -> Path:
    """A copy that `dvc repro` ran from nothing; tests only read it."""
    return finished(runs, "first_run")


@pytest.fixture(scope="session")
def snakemake_run(runs: dict[str, tuple[Path, Process]]) -> Path:
    """A copy that `snakemake` ran from nothing."""
    return finished(runs, "snakemake_run")


def finished(runs: dict[str, tuple[Path, Process]], name: str) -> Path:
    folder, process = runs[name]
    process.finish()
    return folder


@pytest.fixture
def copy(first_run: Path, tmp_path: Path) -> Path:
    """A copy of the first run, to change."""
    return copy_run(first_run, tmp_path / "copy")


@pytest.fixture
def start() -> Iterator[Callable[..., Process]]:
    """Start a command in a copy; what still runs when the test ends is killed."""
    started: list[Process] = []

    def start(folder: Path, *command: str) -> Process:
        started.append(Process(folder, *command))
        return started[-1]

    yield start
    for process in started:
        process.kill()
