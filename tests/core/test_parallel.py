"""Tasks over processes: results in their order, errors at once, and no worker outlives its parent."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import parallel_tasks
import pytest
from parallel_tasks import die, facts, fail_at_two, fail_or_sleep, square

from affekt.core.parallel import run_parallel

PARENT = """
import sys
sys.path.insert(0, sys.argv[1])
from parallel_tasks import note_and_wait
from affekt.core.parallel import run_parallel
if __name__ == "__main__":
    run_parallel(note_and_wait, [sys.argv[2]] * 2, 2, "waiting")
"""
LIMIT_S = 60


def wait_until(happened: Any) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def is_alive(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"  # dead, and nobody has asked for its end


@pytest.mark.parametrize("workers", [1, 3, 20])
def test_results_come_in_the_order_of_the_tasks(workers: int) -> None:
    assert run_parallel(square, range(6), workers, "squares") == [0, 1, 4, 9, 16, 25]


def test_no_tasks_start_no_process() -> None:
    assert run_parallel(square, [], 2, "nothing") == []


def test_workers_are_other_processes_of_one_thread() -> None:
    found = run_parallel(facts, range(2), 2, "facts")
    assert all(process != os.getpid() for process, _, _ in found)
    assert {(threads, variable) for _, threads, variable in found} == {(1, "1")}


def test_progress_counts_the_tasks() -> None:
    seen: list[tuple[str, int | None, int]] = []

    def progress(items: Iterable[Any], what: str, total: int | None) -> Iterator[Any]:
        for number, item in enumerate(items):
            yield item
            seen.append((what, total, number))

    run_parallel(square, range(3), 2, "squares", progress)
    assert seen == [("squares", 3, number) for number in range(3)]


def test_the_first_error_ends_all_that_has_not_begun(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="task 2 is broken"):
        run_parallel(fail_at_two, [(number, str(tmp_path)) for number in range(40)], 1, "tasks")
    begun = {path.name for path in tmp_path.iterdir()}
    assert {"0", "1", "2"} <= begun
    assert len(begun) < 10


def test_the_error_that_happens_first_is_told_and_waits_for_no_earlier_task() -> None:
    started = time.monotonic()
    with pytest.raises(ValueError, match="the short task is broken"):
        run_parallel(fail_or_sleep, [200.0, 0.0, 200.0], 2, "tasks")
    assert time.monotonic() - started < 100
    children = [process for process in multiprocessing.active_children() if process.name.startswith("SpawnProcess")]
    assert not children


def test_a_worker_that_dies_is_an_error_and_no_wait() -> None:
    with pytest.raises(BrokenProcessPool):
        run_parallel(die, range(3), 2, "deaths")


def test_workers_die_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    notes = tmp_path / "notes"
    notes.mkdir()
    command = [sys.executable, str(script), str(Path(parallel_tasks.__file__).parent), str(notes)]
    parent = subprocess.Popen(command)
    try:
        wait_until(lambda: len(list(notes.iterdir())) == 2)
        workers = [int(path.name) for path in notes.iterdir()]
        assert all(is_alive(worker) for worker in workers)
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        wait_until(lambda: not any(is_alive(worker) for worker in workers))
    finally:
        parent.kill()
        for path in notes.iterdir():
            if is_alive(int(path.name)):
                os.kill(int(path.name), signal.SIGKILL)
