"""Tracking: batches arrive whole, states join the runs they are made from, and a failure is one warning."""

import json
import logging
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from toy_repo import edit, make_first, make_repo, make_second

from affekt.core.stage import Stage
from affekt.core.tracking import BATCH, EXPERIMENT, Tracker, open_client

OPEN = """
import sys, time
from pathlib import Path
from affekt.core.tracking import Tracker
import mlflow.tracking
while time.time() < float(sys.argv[2]):
    time.sleep(0.001)
tracker = Tracker(Path(sys.argv[1]), "two", {"affekt.kind": "state", "affekt.state": "s"}, {})
tracker.log({"a": 1.0})
tracker.finish("FINISHED", {})
sys.exit(tracker.failed)
"""


@pytest.fixture(autouse=True)
def own_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("RANK", raising=False)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root whose store two processes made at the same moment."""
    root = tmp_path_factory.mktemp("store")
    begin = str(time.time() + 4)
    command = [sys.executable, "-c", OPEN, str(root), begin]
    both = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    assert [(process.communicate()[1], process.returncode) for process in both] == [("", 0)] * 2
    return root


@pytest.fixture
def root(store: Path, tmp_path: Path) -> Path:
    """A synthetic repository with an existing store, which takes seconds to make."""
    root = make_repo(tmp_path / "repo")
    (root / "mlflow.db").write_bytes((store / "mlflow.db").read_bytes())
    return root


def runs(root: Path, what: str = "") -> list[Any]:
    client = open_client(root)
    experiment = client.get_experiment_by_name(EXPERIMENT)
    return client.search_runs([experiment.experiment_id], filter_string=what)


def test_one_store_made_by_two_processes_at_once_has_both_runs(store: Path) -> None:
    assert [run.data.metrics for run in runs(store)] == [{"a": 1.0}, {"a": 1.0}]
    assert {run.info.status for run in runs(store)} == {"FINISHED"}


def test_every_metric_of_1200_steps_arrives(root: Path) -> None:
    tracker = Tracker(root, "many", {"affekt.kind": "stage", "affekt.state": "s"}, {"lr": 0.1, "long": "x" * 600})
    steps = 1200
    for step in range(steps):
        tracker.log({"toy/loss": 1 / (step + 1), "toy/other": step}, step)
    sent = tracker._buffer  # what is on its way is less than a batch
    assert len(sent) < BATCH
    tracker.finish("FINISHED", {"affekt.extra": "1"})
    (run,) = runs(root, "attributes.run_name = 'many'")
    for name, value in (("toy/loss", lambda step: 1 / (step + 1)), ("toy/other", float)):
        history = open_client(root).get_metric_history(run.info.run_id, name)
        assert {metric.step: metric.value for metric in history} == {step: value(step) for step in range(steps)}
    assert run.data.params == {"lr": "0.1", "long": "x" * 500}
    assert run.data.tags["affekt.extra"] == "1"


def test_a_state_has_the_runs_it_was_made_from(root: Path) -> None:
    """State two changes a parameter of the last stage only; the first stage's run belongs to both states."""
    Stage(root, "first").execute(make_first)
    Stage(root, "second").execute(make_second)
    one = stage_runs(root)["second"][0].data.tags["affekt.state"]
    edit(root / "params.yaml", "griffin_lim_iterations: 60", "griffin_lim_iterations: 61")
    Stage(root, "second").execute(make_second)
    found = stage_runs(root)
    assert len(found["first"]) == 1
    assert len(found["second"]) == 2
    (two,) = {run.data.tags["affekt.state"] for run in found["second"]} - {one}
    for state, iterations in ((one, "60"), (two, "61")):
        of_state = runs(root, f"tags.`affekt.state.{state}` = 'true'")
        assert sorted(run.data.tags["affekt.stage"] for run in of_state) == ["first", "second"]
        (second,) = [run for run in of_state if run.data.tags["affekt.stage"] == "second"]
        assert second.data.params["vocoding.griffin_lim_iterations"] == iterations
    tags = found["second"][0].data.tags
    assert tags["affekt.kind"] == "stage"
    assert tags["affekt.dep.data/made"] == found["first"][0].data.tags["affekt.out.data/made"]
    assert tags["affekt.commit"]
    assert_no_ids(root, [run.info.run_id for group in found.values() for run in group])


def stage_runs(root: Path) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for run in runs(root, "tags.`affekt.kind` = 'stage'"):
        found.setdefault(run.data.tags["affekt.stage"], []).append(run)
    return found


def assert_no_ids(root: Path, ids: list[str]) -> None:
    """No out holds an id of a run, in its name or its content."""
    outs = [path for folder in ("data", "reports") for path in (root / folder).rglob("*") if path.is_file()]
    assert outs
    for path in outs:
        assert not any(i in str(path) or i.encode() in path.read_bytes() for i in ids)


def test_a_failed_stage_is_a_failed_run_with_its_metrics(root: Path) -> None:
    def failing(stage: Stage) -> None:
        stage.log({"toy/loss": 3.0}, 1)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        Stage(root, "first").execute(failing)
    (run,) = stage_runs(root)["first"]
    assert run.info.status == "FAILED"
    assert run.data.metrics == {"toy/loss": 3.0}


def test_metrics_out_is_an_artifact_and_a_state_has_a_run_of_its_own(root: Path) -> None:
    def main(stage: Stage) -> None:
        make_second(stage)
        stage.out("second.json").write_text(json.dumps({"toy/ua": 0.5}))
        stage.log_state({"toy/ua": 0.5, "provenance/hardware": "text"})

    Stage(root, "first").execute(make_first)
    Stage(root, "second").execute(main)
    (run,) = stage_runs(root)["second"]
    assert [file.path for file in open_client(root).list_artifacts(run.info.run_id)] == ["second.json"]
    (state,) = runs(root, "tags.`affekt.kind` = 'state' and tags.`affekt.commit` != ''")
    assert state.data.metrics == {"toy/ua": 0.5}
    assert state.data.params["gan.latent"] == "512"
    assert state.data.tags["affekt.state"] == run.data.tags["affekt.state"]


def test_an_unreachable_server_is_one_warning_within_seconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    root = make_repo(tmp_path / "repo")

    def main(stage: Stage) -> None:
        for step in range(3 * BATCH):
            stage.log({"toy/loss": 1.0}, step)
        make_first(stage)

    started = time.monotonic()
    with caplog.at_level(logging.WARNING):
        Stage(root, "first").execute(main)
    assert time.monotonic() - started < 20
    warnings = [record.getMessage() for record in caplog.records if record.name.startswith("affekt")]
    assert len(warnings) == 1
    assert warnings[0].startswith("tracking stopped, the stage goes on: ")
    assert "http://127.0.0.1:1" in warnings[0]
    assert (root / "data" / "made" / "text").exists()


def test_a_store_that_breaks_midway_is_one_warning(
    root: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def main(stage: Stage) -> None:
        stage.log({"toy/loss": 1.0})
        stage.tracker.flush()
        monkeypatch.setattr(stage.tracker._client, "log_batch", broken)
        monkeypatch.setattr(stage.tracker._client, "set_tag", broken)
        make_first(stage)

    def broken(*_: Any, **__: Any) -> None:
        raise ConnectionError("gone\nwith details")

    with caplog.at_level(logging.WARNING, "affekt.tracking"):
        Stage(root, "first").execute(main)
    assert [r.getMessage().split(" (")[0] for r in caplog.records] == ["tracking stopped, the stage goes on: gone"]
    assert (root / "data" / "made" / "text").exists()
