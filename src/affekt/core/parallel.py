"""Independent tasks over processes; results in the order of the tasks, the same for any number of workers."""

import multiprocessing
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from multiprocessing.connection import Connection, wait
from typing import TypeVar

from affekt.core.devices import limit_threads
from affekt.core.progress import Progress, quiet

T = TypeVar("T")
R = TypeVar("R")


def run_parallel(
    function: Callable[[T], R],
    tasks: Sequence[T],
    workers: int,
    what: str,
    progress: Progress = quiet,
) -> list[R]:
    """Call a module's function on each task, in processes of one thread each.

    The first error that happens, in whichever task, ends all: what runs beside it is killed, as the whole may be at any
    time. Processes are spawned: a fork of a process that has used OpenMP threads may hang.
    """
    if not tasks:
        return []
    spawn = multiprocessing.get_context("spawn")
    ended, end = spawn.Pipe(duplex=False)
    pool = ProcessPoolExecutor(min(workers, len(tasks)), spawn, initializer=set_up_worker, initargs=(ended,))
    try:
        futures: list[Future[R]] = [pool.submit(function, task) for task in tasks]
        for future in progress(as_completed(futures), what, len(futures)):
            future.result()
        return [future.result() for future in futures]
    except BaseException:
        end.close()  # which the workers see
        raise
    finally:
        pool.shutdown(cancel_futures=True)
        end.close()
        ended.close()


def set_up_worker(ended: Connection) -> None:
    """One thread, and no life after the stage: a worker whose parent is killed would wait for work forever."""
    limit_threads(1)
    parent = multiprocessing.parent_process()
    assert parent is not None, "runs in a worker"

    def follow() -> None:
        wait([parent.sentinel, ended])
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
