"""The whole graph from nothing: the same bits by DVC and, in another folder, by Snakemake; no trace of a machine."""

import contextlib
import json
import re
import socket
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from small_copy import ROOT, graph_of, read_lock, run

pytestmark = pytest.mark.slow


def outs(folder: Path) -> Iterator[Path]:
    """Yield every file that a stage wrote."""
    for spec in graph_of(folder).values():
        for out in spec.outs:
            path = folder / out
            yield from (file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]


def traces(folder: Path) -> Iterator[str]:
    """Yield what only this run or this machine could have put into an out."""
    yield from (str(folder), str(folder.resolve()), str(ROOT), str(Path.home()))
    hour = time.localtime(time.time() - 3600)  # the run may have begun before midnight
    for moment in (time.localtime(), time.gmtime(), hour):
        yield from (time.strftime("%Y-%m-%d", moment), time.strftime("%d.%m.%Y", moment))
    with contextlib.closing(sqlite3.connect(folder / "mlflow.db")) as store:
        found = [row[0] for row in store.execute("SELECT run_uuid FROM runs")]
    assert len(found) >= len(graph_of(folder))
    yield from found


def test_two_runs_from_nothing_give_the_same_lock(first_run: Path, snakemake_run: Path) -> None:
    assert set(read_lock(first_run)) == set(graph_of(first_run))
    assert read_lock(snakemake_run) == read_lock(first_run)


@pytest.mark.parametrize("name", ["first_run", "snakemake_run"])
def test_nothing_is_left_to_do(name: str, request: pytest.FixtureRequest) -> None:
    assert json.loads(run(request.getfixturevalue(name), "dvc", "status", "--json")) == {}


def test_no_out_holds_a_trace_of_the_machine_or_the_moment(first_run: Path) -> None:
    """The user's name is another one in test_isolation.py, where the outs are the same."""
    sought = [trace.encode() for trace in traces(first_run)]
    host = re.compile(rf"(?<!\w){re.escape(socket.gethostname())}(?!\w)".encode())
    files = list(outs(first_run))
    assert {file.suffix for file in files} >= {".npy", ".parquet", ".json", ".safetensors", ".wav", ".png", ".html"}
    for file in files:
        content = file.read_bytes()
        assert [trace for trace in sought if trace in content] == [], file
        # A host's name may be two letters, which any array of numbers holds somewhere.
        assert file.suffix not in (".json", ".html") or not host.search(content), file


def test_no_out_is_a_pickle_or_a_dated_picture(first_run: Path) -> None:
    for file in outs(first_run):
        content = file.read_bytes()
        assert not content.startswith((b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05", b"PK\x03\x04")), file
        assert file.suffix != ".png" or b"tIME" not in content, file
