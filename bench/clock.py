"""Contenders that take turns, and what each turn cost by the wall clock and by the processor.

Whatever else the machine does then meets all alike. Ratios are of neighbours in time, round by round; the median
counts. Processor time is that of all threads of this process; other processes disturb it less than the wall clock.
"""

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import torch

Clock = Literal["wall", "processor"]
CLOCKS: tuple[Clock, ...] = ("wall", "processor")


@dataclass(frozen=True)
class Cost:
    """Seconds."""

    wall: float
    processor: float

    def by(self, clock: Clock) -> float:
        return self.wall if clock == "wall" else self.processor


Costs = dict[str, list[Cost]]


def take_turns(contenders: Mapping[str, Callable[[], object]], rounds: int, device: torch.device) -> Costs:
    """Run each once to warm up, then all in each round, another one first each time."""
    names = list(contenders)
    costs: Costs = {name: [] for name in names}
    for turn in range(-1, rounds):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            cost = measure(contenders[name], device)
            if turn >= 0:
                costs[name].append(cost)
    return costs


def measure(work: Callable[[], object], device: torch.device) -> Cost:
    """What one call costs; a GPU is waited for."""
    wait(device)
    wall, processor = time.perf_counter(), time.process_time()
    work()
    wait(device)
    return Cost(time.perf_counter() - wall, time.process_time() - processor)


def wait(device: torch.device) -> None:
    """A GPU is still busy with what it was given when the call returns."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def median(costs: list[Cost], clock: Clock) -> float:
    """The median seconds of a turn."""
    return statistics.median(cost.by(clock) for cost in costs)


def median_ratio(slow: list[Cost], fast: list[Cost], clock: Clock) -> float:
    """How many times as much the first costs as the second: the median over rounds."""
    return statistics.median(a.by(clock) / b.by(clock) for a, b in zip(slow, fast, strict=True))


def print_row(
    head: str, found: dict[str, float], prefix: str, contenders: tuple[str, ...], figure: str, ratio: str, digits: str
) -> None:
    """One line of a table: each contender's figure by the wall clock (processor), and the ratio of the two."""
    cells = [head]
    for contender in contenders:
        wall, processor = (found[f"{prefix}/{contender}/{clock}_{figure}"] for clock in CLOCKS)
        cells.append(f"{contender} {wall:{digits}} ({processor:{digits}})")
    wall, processor = (found[f"{prefix}/{clock}_{ratio}"] for clock in CLOCKS)
    print("  ".join([*cells, f"x{wall:.1f} (x{processor:.1f})"]), flush=True)
