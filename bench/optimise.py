"""Optimisation throughput (sample-steps per second): ours batched, ours one at a time, and seed 0's recipe.

All in one process, so that whatever else the machine does meets all three alike. Throughput is per second of the wall;
`--out` also gets it per second of CPU time, which other processes disturb less. Ours batched runs every sample for
`--steps` steps, once: as many as the preset ravdess has, with networks of its sizes, in about four minutes on two
cores. The two that work one at a time run a few samples (`--one`, `--seed0-steps`), since their cost does not change
from sample to sample, in turns `--rounds` times before it and as often after it. Weights are random: they do not
change what a step costs.
"""

import argparse
import dataclasses
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch

from affekt.core.devices import hardware, set_up
from affekt.core.files import write_json
from affekt.models.gan import Generator
from affekt.models.mel_networks import MelCNN
from affekt.models.published_gan import LATENT
from affekt.optimise.maximise import Plan, Voice, maximise, settings_for
from bench import seed0

LABELS = (0, 2, 3, 4)  # neutral, happy, sad, angry: the four of seed 0


def measure(work: Callable[[], int], device: torch.device) -> dict[str, float]:
    """Sample-steps per second of wall and of CPU time."""
    wait(device)
    wall, cpu = time.perf_counter(), time.process_time()
    done = work()
    wait(device)
    return {"wall": done / (time.perf_counter() - wall), "cpu": done / (time.process_time() - cpu)}


def wait(device: torch.device) -> None:
    """A GPU is still busy with what it was given when the call returns."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def contestants(arguments: argparse.Namespace, device: torch.device) -> dict[str, Callable[[], int]]:
    """Each runs and returns its sample-steps."""
    torch.manual_seed(0)
    generator = Generator(arguments.latent, arguments.gan_channels)
    recogniser = MelCNN(arguments.recogniser_channels, layers=2, classes=8)
    settings = settings_for(device, arguments.steps, 0.05, arguments.views, seed=0)
    old_generator, old_classifier = (network.to(device) for network in seed0.build())

    def ours(plan: Plan, steps: int) -> int:
        maximise(Voice(generator), [recogniser], plan, dataclasses.replace(settings, steps=steps), 1.0, device)
        return len(plan.seeds) * steps

    def ours_one_by_one() -> int:
        return sum(ours(Plan.of(1, [label]), arguments.one_steps) for label in LABELS[: arguments.one])

    def prototype() -> int:
        z = torch.randn(1, LATENT, device=device)
        seed0.maximise_one(old_generator, old_classifier, z, 1, arguments.seed0_steps)
        return arguments.seed0_steps

    batch = Plan.of(arguments.seeds, LABELS)
    return {
        "ours_batched": lambda: ours(batch, arguments.steps),
        "ours_one_at_a_time": ours_one_by_one,
        "seed0": prototype,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=2, help="before, and as many after")
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--views", type=int, default=1)
    parser.add_argument("--one", type=int, default=2, help="samples that ours runs one at a time")
    parser.add_argument("--one-steps", type=int, default=30)
    parser.add_argument("--seed0-steps", type=int, default=30)
    parser.add_argument("--latent", type=int, default=512)
    parser.add_argument("--gan-channels", type=int, default=16)
    parser.add_argument("--recogniser-channels", type=int, default=32)
    arguments = parser.parse_args()
    device = set_up(arguments.device, arguments.threads)
    work = contestants(arguments, device)
    few = ["seed0", "ours_one_at_a_time"]
    for name in few:  # first calls build caches
        work[name]()
    rates: dict[str, list[dict[str, float]]] = {name: [] for name in work}
    for name in [*few * arguments.rounds, "ours_batched", *few * arguments.rounds]:
        rates[name].append(measure(work[name], device))
        print(f"{name}: {rates[name][-1]['wall']:.1f} sample-steps/s", flush=True)
    report: dict[str, object] = {"hardware": hardware(device), "settings": {**vars(arguments), "out": None}}
    for clock in ("wall", "cpu"):
        median = {name: statistics.median(rate[clock] for rate in runs) for name, runs in rates.items()}
        report[f"{clock}/sample_steps_per_s"] = median
        report[f"{clock}/times_seed0"] = median["ours_batched"] / median["seed0"]
        report[f"{clock}/times_one_at_a_time"] = median["ours_batched"] / median["ours_one_at_a_time"]
        print(f"{clock}: {report[f'{clock}/times_seed0']:.1f} x seed 0's throughput")
    report["rounds"] = rates
    if arguments.out:
        write_json(arguments.out, report)


if __name__ == "__main__":
    main()
