"""Stages that are killed, started twice or given a broken params.yaml lose nothing and leave nothing half-done."""

import contextlib
import shutil
import signal
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from small_copy import Process, change_params, hash_outs, run

from affekt.core.files import load_tensors

pytestmark = pytest.mark.slow

Start = Callable[..., Process]
TRAININGS = ("recogniser@mel_cnn", "judge", "gan", "vocoder", "waveglow")
CHECKPOINTS = dict.fromkeys(TRAININGS, "checkpoint") | {"maximise@mel_cnn": "gan/optimise"}


def remove_outs(folder: Path, stage: str) -> None:
    for out in hash_outs(folder, stage):
        path = folder / out
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def checkpoints(folder: Path, stage: str) -> list[Path]:
    """List the checkpoints of a stage that did not end."""
    return list((folder / "work" / stage).glob(f"*/{CHECKPOINTS[stage]}.safetensors"))


def first_logged_step(folder: Path, stage: str) -> int:
    """Return the first step that the last run of a stage logged."""
    query = (
        "SELECT min(step) FROM metrics WHERE run_uuid ="
        " (SELECT run_uuid FROM runs WHERE name = ? AND status = 'FINISHED' ORDER BY start_time DESC LIMIT 1)"
    )
    with contextlib.closing(sqlite3.connect(folder / "mlflow.db")) as store:
        return int(store.execute(query, (stage,)).fetchone()[0])


@pytest.mark.parametrize("stage", CHECKPOINTS)
def test_a_killed_stage_resumes_to_the_same_bits(stage: str, copy: Path, first_run: Path, start: Start) -> None:
    remove_outs(copy, stage)
    name, *item = stage.split("@")
    killed = start(copy, "python", "-m", f"pipeline.{name}", *item)
    killed.wait_until(lambda: bool(checkpoints(copy, stage)))
    killed.kill()
    killed.finish(code=-signal.SIGKILL)
    assert not [out for out in hash_outs(first_run, stage) if (copy / out).exists()]
    (checkpoint,) = checkpoints(copy, stage)
    done = int(load_tensors(checkpoint)[1]["step"])
    assert done > 0
    # What a kill in the middle of a checkpoint's writing would leave as well.
    (checkpoint.parent / f".{checkpoint.name}.0123abcd.tmp").write_bytes(checkpoint.read_bytes()[:1000])

    run(copy, "dvc", "repro", stage)

    assert hash_outs(copy, stage) == hash_outs(first_run, stage)
    assert (copy / "dvc.lock").read_text() == (first_run / "dvc.lock").read_text()
    assert not checkpoint.parent.exists(), "the work folder of what was killed was not used"
    if stage in TRAININGS:  # an optimisation logs its steps when all are done
        assert first_logged_step(copy, name) >= done


def folds_done(folder: Path) -> dict[Path, tuple[int, bytes]]:
    """The files that say that a fold of the benchmark is done, with their time and content."""
    paths = (folder / "work" / "kept" / "benchmark").glob("*/tested.safetensors")
    return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in paths}


def test_a_killed_cross_validation_keeps_its_folds_and_goes_on_in_the_next(
    copy: Path, first_run: Path, start: Start
) -> None:
    stage = "benchmark@mel_cnn"
    remove_outs(copy, stage)
    killed = start(copy, "python", "-m", "pipeline.benchmark", "mel_cnn")
    kept = copy / "work" / "kept" / "benchmark"

    def is_within_the_second_fold() -> bool:
        return len(folds_done(copy)) == 1 and len(list(kept.glob("*/checkpoint.safetensors"))) == 1

    killed.wait_until(is_within_the_second_fold)
    killed.kill()
    killed.finish(code=-signal.SIGKILL)
    done = folds_done(copy)
    assert len(done) == 1
    (checkpoint,) = kept.glob("*/checkpoint.safetensors")
    assert int(load_tensors(checkpoint)[1]["step"]) > 0
    (checkpoint.parent / f".{checkpoint.name}.0123abcd.tmp").write_bytes(checkpoint.read_bytes()[:1000])

    run(copy, "dvc", "repro", stage)

    assert hash_outs(copy, stage) == hash_outs(first_run, stage)
    assert (copy / "dvc.lock").read_text() == (first_run / "dvc.lock").read_text()
    again = folds_done(copy)
    assert len(again) == 2
    assert done.items() <= again.items(), "a finished fold was done again"


def test_one_more_seed_finds_the_folds_that_are_done(copy: Path) -> None:
    """Also a stage that ended keeps its folds: what is added is all that is trained."""
    remove_outs(copy, "benchmark@mel_lstm")
    run(copy, "python", "-m", "pipeline.benchmark", "mel_lstm")
    before = folds_done(copy)
    change_params(copy, "benchmark", seeds=2)
    run(copy, "python", "-m", "pipeline.benchmark", "mel_lstm")
    after = folds_done(copy)
    assert len(after) == 2 * len(before) == 4
    assert before.items() <= after.items()


def test_a_killed_repro_goes_on_where_it_was(copy: Path, first_run: Path, start: Start) -> None:
    """DVC itself is killed too: its locks are stale, which must not stop the next one."""
    remove_outs(copy, "gan")
    killed = start(copy, "dvc", "repro", "gan")
    killed.wait_until(lambda: bool(checkpoints(copy, "gan")))
    killed.kill()
    (checkpoint,) = checkpoints(copy, "gan")
    done = int(load_tensors(checkpoint)[1]["step"])
    run(copy, "dvc", "repro", "gan")
    assert hash_outs(copy, "gan") == hash_outs(first_run, "gan")
    assert first_logged_step(copy, "gan") >= done


@pytest.mark.parametrize("command", [("python", "-m", "pipeline.gan"), ("dvc", "repro", "gan")], ids=["python", "dvc"])
def test_a_second_run_at_once_is_refused(command: tuple[str, ...], copy: Path, first_run: Path, start: Start) -> None:
    remove_outs(copy, "gan")
    first = start(copy, *command)
    first.wait_until(lambda: bool(checkpoints(copy, "gan")))
    first.signal(signal.SIGSTOP)  # so that it cannot be done before the second one looks
    said = run(copy, *command, code=None)
    first.signal(signal.SIGCONT)
    first.finish()
    assert hash_outs(copy, "gan") == hash_outs(first_run, "gan")
    assert "Traceback" not in said
    if command[0] == "python":
        assert said == f"affekt: gan: stage gan is already running in {copy}; wait for it, or stop that process\n"
    else:
        errors = [line for line in said.splitlines() if line.startswith("ERROR")]
        assert len(errors) == 1, said


def test_a_typo_in_params_is_one_line_and_changes_nothing(copy: Path) -> None:
    before = hash_outs(copy, "gan")
    params = copy / "params.yaml"
    params.write_text(params.read_text().replace("  r1_every:", "  r1_evry:"))
    said = run(copy, "python", "-m", "pipeline.gan", code=2)
    assert said.startswith("affekt: gan: ")
    assert said.count("\n") == 1
    assert "gan.r1_evry: unknown key; did you mean `r1_every`?" in said
    params.write_text(params.read_text().replace("  r1_evry:", "  r1_every:"))
    assert hash_outs(copy, "gan") == before
