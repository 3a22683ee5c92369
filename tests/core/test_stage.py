"""The stage runner: only what is declared is read, outs appear whole and at the end, and work survives a failure."""

import errno
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from toy_repo import edit, make_first, make_repo, make_second

from affekt.core import files
from affekt.core import stage as stage_module
from affekt.core.errors import StageError, UserError
from affekt.core.params import GanParams, GenerationParams
from affekt.core.seeds import derive
from affekt.core.stage import Stage, run

SCRIPT = """
from affekt.core.stage import Stage, run
def main(stage: Stage) -> None:
    {body}
if __name__ == "__main__":
    run(main)
"""
NO_SERVER = {"MLFLOW_TRACKING_URI": "http://127.0.0.1:1"}


class SilentTracker:
    """Keeps what it is given."""

    all: list["SilentTracker"] = []  # noqa: RUF012 (reset by the fixture)

    def __init__(self, root: Path, name: str, tags: Mapping[str, str], params: Mapping[str, Any]):
        self.tags, self.params = dict(tags), dict(params)
        self.started = False
        self.artifacts: list[Path] = []
        self.logged: list[tuple[dict[str, float], int]] = []
        self.status = ""
        self.there: list[bool] = []  # whether each artifact was there at the end
        SilentTracker.all.append(self)

    def log(self, metrics: Mapping[str, float], step: int = 0) -> None:
        self.logged.append((dict(metrics), step))

    def start(self) -> None:
        self.started = True

    def finish(self, status: str, tags: Mapping[str, str]) -> None:
        self.status = status
        self.there = [path.exists() for path in self.artifacts]
        self.tags |= tags


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(stage_module, "Tracker", SilentTracker)
    SilentTracker.all = []
    return make_repo(tmp_path / "repo")


def nothing(stage: Stage) -> None:
    pass


def tree(root: Path, *parts: str) -> set[str]:
    """List the files below a folder."""
    folder = root.joinpath(*parts)
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


# -- what is not declared


def test_undeclared_parameters_are_refused(root: Path) -> None:
    stage = Stage(root, "first")
    assert stage.params(GenerationParams).samples == 200
    with pytest.raises(StageError, match=r"stage first reads the parameters `gan`, which dvc\.yaml does not declare"):
        stage.params(GanParams)
    with pytest.raises(StageError, match="`compute`"):
        _ = stage.device


def test_undeclared_deps_and_outs_are_refused(root: Path) -> None:
    stage = Stage(root, "first")
    with pytest.raises(StageError, match=r"stage first: dvc\.yaml declares 0 deps named `other`"):
        stage.dep("other")
    with pytest.raises(StageError, match="declares 0 deps named `first`"):
        stage.dep("first")  # code is no data
    with pytest.raises(StageError, match=r"stage first: dvc\.yaml declares 0 outs named `second`"):
        stage.out("second")


def test_an_undeclared_seed_is_refused(root: Path) -> None:
    make_data(root)
    with pytest.raises(StageError, match=r"stage second draws random numbers, but dvc\.yaml does not declare `seed`"):
        Stage(root, "second").seed("init")


def test_an_unknown_stage_is_refused(root: Path) -> None:
    with pytest.raises(StageError, match=r"dvc\.yaml has no stage third"):
        Stage(root, "third")


def test_a_missing_dep_says_what_makes_it(root: Path) -> None:
    with pytest.raises(UserError, match=r"data/made: is missing; run `dvc repro`"):
        Stage(root, "second")


def test_a_declared_parameter_that_does_not_exist_is_named(root: Path) -> None:
    edit(root / "dvc.yaml", "params: [vocoding]", "params: [vocoding.clipz]")
    make_data(root)
    with pytest.raises(StageError, match=r"vocoding\.clipz, which params\.yaml does not have"):
        Stage(root, "second")


# -- seeds


def test_seeds_differ_by_label_stage_item_and_seed(root: Path) -> None:
    first = Stage(root, "first")
    seeds = {first.seed(), first.seed("init"), first.seed("init", 1), Stage(root, "first", "a").seed("init")}
    assert first.seed("init") == derive(0, "first", "", "init") == Stage(root, "first").seed("init")
    edit(root / "dvc.yaml", "params: [vocoding]", "params: [seed, vocoding]")
    make_data(root)
    seeds.add(Stage(root, "second").seed("init"))
    edit(root / "params.yaml", "\nseed: 0 ", "\nseed: 1 ")
    seeds.add(Stage(root, "first").seed("init"))
    assert len(seeds) == 6


# -- outs


def make_data(root: Path) -> None:
    Stage(root, "first").execute(make_first)


def test_outs_appear_only_at_the_end_and_work_goes(root: Path) -> None:
    seen: list[bool] = []

    def main(stage: Stage) -> None:
        make_first(stage)
        seen.append((root / "data" / "made").exists())
        assert SilentTracker.all[-1].started, "the run's duration is the stage's, not that of its last moment"

    stage = Stage(root, "first")
    stage.execute(main)
    assert seen == [False]
    assert (root / "data" / "made" / "text").read_text() == "source made"
    assert not stage.work.exists()
    assert SilentTracker.all[-1].status == "FINISHED"


def test_files_and_folders_are_published_over_old_ones(root: Path) -> None:
    make_data(root)
    (root / "reports" / "parts" / "second").mkdir(parents=True)
    (root / "reports" / "parts" / "second" / "stale").touch()
    for _ in range(2):
        Stage(root, "second").execute(make_second)
        assert tree(root, "reports") == {"metrics/second.json", "parts/second/part"}


def test_a_missing_out_is_named_and_nothing_is_published(root: Path) -> None:
    make_data(root)

    def forgetful(stage: Stage) -> None:
        stage.out("second.json").write_text("{}")

    with pytest.raises(StageError, match=r"stage second did not make reports/parts/second, which dvc\.yaml declares"):
        Stage(root, "second").execute(forgetful)
    assert not (root / "reports").exists()
    assert SilentTracker.all[-1].status == "FAILED"


def test_a_run_whose_outs_could_not_be_put_in_place_is_not_finished(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(source: Path, target: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left")

    monkeypatch.setattr(files, "replace", refuse)
    with pytest.raises(OSError, match="No space left"):
        make_data(root)
    assert SilentTracker.all[-1].status == "FAILED"


def test_downloads_outlive_success_and_other_inputs(root: Path) -> None:
    def main(stage: Stage) -> None:
        stage.downloads.mkdir(parents=True)
        (stage.downloads / "archive").touch()
        make_first(stage)

    Stage(root, "first").execute(main)
    edit(root / "params.yaml", "\nseed: 0 ", "\nseed: 1 ")
    again = Stage(root, "first")
    assert (again.downloads / "archive").exists()
    assert root / "work" in again.downloads.parents


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_failure_leaves_old_outs_and_the_work(error: type[BaseException], root: Path) -> None:
    make_data(root)
    Stage(root, "second").execute(make_second)

    def failing(stage: Stage) -> None:
        make_second(stage)
        (stage.work / "checkpoint").write_text("kept")
        (stage.out("second") / "half").touch()
        raise error

    stage = Stage(root, "second")
    with pytest.raises(error):
        stage.execute(failing)
    assert tree(root, "reports") == {"metrics/second.json", "parts/second/part"}
    assert (stage.work / "checkpoint").read_text() == "kept"
    assert SilentTracker.all[-1].status == "FAILED"

    def again(stage: Stage) -> None:
        assert (stage.work / "checkpoint").read_text() == "kept"
        assert not stage.out("second").exists()  # no half-made outs of the last time
        make_second(stage)

    Stage(root, "second").execute(again)
    assert tree(root, "reports") == {"metrics/second.json", "parts/second/part"}
    assert not stage.work.exists()


# -- the work folder's key


@pytest.mark.parametrize(
    ("change", "moves"),
    [
        (("params.yaml", "\nseed: 0 ", "\nseed: 1 "), True),
        (("params.yaml", "samples: 200", "samples: 201"), True),
        (("params.yaml", "latent: 512", "latent: 256"), False),
        (("params.yaml", "# auto | cpu | cuda", "# a comment"), False),
        (("data/demo.txt", "source", "sources"), True),
        (("data/other.txt", "not", "never"), False),
        (("dvc.yaml", "cmd: python -m pipeline.first", "cmd: python -m pipeline.first x"), True),
        (("dvc.yaml", "desc: Measure the data", "desc: Measure"), False),
    ],
)
def test_the_work_folder_follows_the_declared_inputs(change: tuple[str, str, str], moves: bool, root: Path) -> None:
    before = Stage(root, "first").work
    edit(root / change[0], *change[1:])
    after = Stage(root, "first").work
    assert (after != before) == moves
    assert before.parent == after.parent == root / "work" / "first"


def test_the_work_folder_follows_code_and_item(root: Path) -> None:
    before = Stage(root, "first").work
    assert Stage(root, "first", "item").work != before
    (root / "pipeline" / "first.py").write_text("# changed")
    assert Stage(root, "first").work != before


def test_another_corpus_is_another_dep(root: Path) -> None:
    edit(root / "params.yaml", "  name: demo ", "  name: ravdess ")
    (root / "data" / "ravdess.txt").write_text("source")
    stage = Stage(root, "first")
    assert stage.dep("ravdess") == root / "data" / "ravdess.txt"


# -- two at once


def test_two_runs_at_once_are_refused_by_name(root: Path) -> None:
    inside, go_on = threading.Event(), threading.Event()

    def slow(stage: Stage) -> None:
        inside.set()
        assert go_on.wait(20)
        make_first(stage)

    running = threading.Thread(target=Stage(root, "first").execute, args=(slow,))
    running.start()
    assert inside.wait(20)
    try:
        with pytest.raises(UserError, match=r"stage first is already running in .*; wait for it, or stop that process"):
            Stage(root, "first").execute(make_first)
    finally:
        go_on.set()
        running.join()
    assert (root / "data" / "made" / "text").read_text() == "source made"
    make_data(root)  # and the lock is free again


# -- what is tracked


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
    assert tracker.params == {"vocoding.clips": 12, "vocoding.griffin_lim_iterations": 60}
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


# -- as a process


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
    edit(root / "params.yaml", "latent: 512", "latent: many")
    result = start(root, "pass")
    assert result.returncode == 2
    assert result.stderr.startswith(f"affekt: first: {root}/params.yaml: gan.latent: got 'many'; ")
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
