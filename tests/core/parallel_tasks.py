"""What workers do in the tests: they are spawned, so it has to be importable."""

import os
import time
from pathlib import Path


def square(number: int) -> int:
    """The later ones are done first."""
    time.sleep(0.05 / (1 + number))
    return number * number


def facts(number: int) -> tuple[int, int, str | None]:
    """This process, its threads and what its children would take."""
    import torch

    return os.getpid(), torch.get_num_threads(), os.environ.get("OMP_NUM_THREADS")


def fail_at_two(task: tuple[int, str]) -> int:
    """Leave a mark, and fail in task 2."""
    number, folder = task
    (Path(folder) / str(number)).touch()
    if number == 2:
        raise ValueError("task 2 is broken")
    time.sleep(0.2)
    return number


def fail_or_sleep(seconds: float) -> None:
    """Take long, or fail at once."""
    if seconds == 0:
        raise ValueError("the short task is broken")
    time.sleep(seconds)


def die(number: int) -> int:
    """End as a process that the system kills."""
    os._exit(9)


def note_and_wait(folder: str) -> None:
    """Say who works, then work for a long time."""
    (Path(folder) / str(os.getpid())).touch()
    time.sleep(300)
