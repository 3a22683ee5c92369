"""A stage as a process, and what is tracked of it."""

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from toy_repo import SilentTracker, edit, make_data, make_first, make_second, tree

from affekt.core import files
from affekt.core import stage as stage_module
from affekt.core.errors import UserError
from affekt.core.params import read_yaml
from affekt.core.stage import Stage, run

SCRIPT = """
from affekt.core.stage import Stage, run
def main(stage: Stage) -> None:
    {body}
if __name__ == "__main__":
    run(main)
"""
NO_SERVER = {"MLFLOW_TRACKING_URI": "http://127.0.0.1:1"}


def test_the_run_says_what_was_read_and_written(root: Path) -> None:
    make_data(root)

    def main(stage: Stage) -> None:
        stage.log({"toy/loss": 2}, step=3)
        stage.metrics({"toy/ua": 0.5, "toy/name": "text"})
        make_second(stage)
        stage.artifact(stage.out("second"))

    stage = Stage(root, "second")
    stage.execute(main)
    tracker = SilentTracker.all[-1]
    assert tracker.logged == [({"toy/loss": 2.0}, 3), ({"toy/ua": 0.5}, 0)]
    declared = read_yaml(root / "params.yaml")["vocoding"]
    assert tracker.params == {f"vocoding.{key}": value for key, value in declared.items()}
    outs = [root / "reports" / "parts" / "second", root / "reports" / "metrics" / "second.json"]
    assert tracker.artifacts == outs  # in place before the run is called finished
    assert tracker.there == [True, True]
    assert tracker.tags["affekt.stage"] == "second"
    assert tracker.tags["affekt.key"] == stage.key
    assert tracker.tags["affekt.dep.data/made"] == files.sha256_tree(root / "data" / "made")
    assert tracker.tags["affekt.out.reports/parts/second"] == files.sha256_tree(root / "reports" / "parts" / "second")
    assert not any(key.startswith("affekt.dep.pipeline") for key in tracker.tags)
    assert tracker.tags["affekt.state"] == SilentTracker.all[0].tags["affekt.state"]  # one state, both stages


def test_other_processes_of_torchrun_neither_write_outs_nor_track(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")

    def main(stage: Stage) -> None:
        stage.log({"toy/loss": 1.0})
        make_first(stage)

    Stage(root, "first").execute(main)
    assert not (root / "data" / "made").exists()
    assert SilentTracker.all == []


def test_run_names_the_stage_in_one_line(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def main(stage: Stage) -> None:
        raise AssertionError("never reached")

    def refuse(error: BaseException) -> Callable[..., Any]:
        def execute(self: Stage, main: Callable[[Stage], None]) -> None:
            raise error

        return execute

    monkeypatch.setattr(stage_module.inspect, "getsourcefile", lambda _: str(root / "pipeline" / "first.py"))
    monkeypatch.setattr(sys, "argv", ["first.py"])
    monkeypatch.setattr(stage_module, "limit_threads", lambda threads: None)  # this process has other tests to run
    cases: list[tuple[OSError | UserError, str]] = [
        (UserError("a.wav: is empty; remove it"), "affekt: first: a.wav: is empty; remove it"),
        (
            OSError(errno.ENOSPC, "No space left", "data/x.npy"),
            "affekt: first: data/x.npy: the disk is full; free space",
        ),
        (OSError(errno.ENOSPC, "No space left"), "affekt: first: the work folder: the disk is full; free space"),
    ]
    for error, line in cases:
        monkeypatch.setattr(Stage, "execute", refuse(error))
        with pytest.raises(SystemExit) as caught:
            run(main)
        assert caught.value.code == 2
        shown = capsys.readouterr().err
        assert shown.startswith(line)
        assert len(shown.splitlines()) == 1
    monkeypatch.setattr(Stage, "execute", refuse(PermissionError(errno.EACCES, "no")))
    with pytest.raises(PermissionError):  # not the user's to mend by space: shown whole
        run(main)


def start(root: Path, body: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    (root / "pipeline" / "first.py").write_text(SCRIPT.format(body=body))
    environment = {key: value for key, value in os.environ.items() if key != "OMP_WAIT_POLICY"} | NO_SERVER | variables
    command = [sys.executable, "-m", "pipeline.first"]
    return subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False, timeout=60)


def test_a_process_without_its_tracking_server_succeeds_with_one_warning(root: Path) -> None:
    body = (
        "stage.log({'toy/loss': 1.0}); out = stage.out('made'); out.mkdir(); (out / 'text').write_text('by a process')"
    )
    result = start(root, body)
    assert result.returncode == 0, result.stderr
    assert (root / "data" / "made" / "text").read_text() == "by a process"
    lines = [line for line in result.stderr.splitlines() if line.strip()]
    assert len(lines) == 2, result.stderr
    assert lines[0].startswith("tracking stopped, the stage goes on: ")
    assert lines[0].endswith(f"({NO_SERVER['MLFLOW_TRACKING_URI']})")
    assert lines[-1].startswith("first: done in ")
    assert float(lines[-1].removeprefix("first: done in ").removesuffix(" s")) < 20
    assert tree(root, "work") <= {"first/.lock", ".tracking.lock"}


def test_a_broken_params_file_ends_a_process_with_one_line(root: Path) -> None:
    edit(root / "params.yaml", "segment_frames: 64", "segment_frames: many")
    result = start(root, "pass")
    assert result.returncode == 2
    assert result.stderr.startswith(f"affekt: first: {root}/params.yaml: vocoder.segment_frames: got 'many'; ")
    assert len(result.stderr.splitlines()) == 1


def test_a_process_has_one_thread_and_patient_ones_unless_told_otherwise(root: Path) -> None:
    body = (
        "import os, torch; out = stage.out('made'); out.mkdir(); "
        "(out / 'text').write_text(f\"{torch.get_num_threads()} {os.environ['OMP_WAIT_POLICY']}\")"
    )
    for variables, expected in (({}, "1 PASSIVE"), ({"OMP_WAIT_POLICY": "ACTIVE"}, "1 ACTIVE")):
        result = start(root, body, OMP_NUM_THREADS="2", **variables)
        assert result.returncode == 0, result.stderr
        assert (root / "data" / "made" / "text").read_text() == expected
