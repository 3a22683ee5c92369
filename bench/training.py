"""What a training step of each recogniser costs: this project's way beside a plain DataLoader loop, in one run.

    python -m bench.training --out bench/results/training.json

Three loops take turns, with the same network, batch, length of views and optimiser on the same clips:
- `affekt`: all clips on the device, changed views of a whole batch drawn at once, bfloat16 where the hardware has it;
- `plain`: a Dataset that decodes one WAV per item, makes the same kinds of changes, and computes its features; float32;
- `bare`: the features lie in one file per clip, and nothing is changed: the least that a loop over files can do.
`draw` is what they spend before the network. What affekt computes once for all epochs, the mels, stands beside in ms
per clip. Weights are random: they do not change what a step costs.
"""

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from affekt.core import seeds
from affekt.core.devices import fast_bf16, set_up
from affekt.core.files import write_json
from affekt.features.labels import labels_of
from affekt.training.fit import hear
from affekt.training.loop import LoopState, TrainSettings, run_step
from affekt.training.recogniser import RecogniserMethod, RecogniserSettings
from bench.clock import CLOCKS, Costs, median, median_ratio, take_turns
from bench.networks import Sized, add_arguments, describe, load_preset, parameters, size
from bench.plain import Bare, ClipFiles, PlainLoop, store
from bench.speech import Speech, speak

ENDLESS = 1_000_000  # steps of the schedule: more than any bench takes
PLAIN = ("plain", "bare")


class OwnLoop:
    """The project's method in its loop, step by step."""

    def __init__(self, sized: Sized, speech: Speech, device: torch.device):
        network = sized.build().to(device).train()
        clips = hear(speech.packed, np.arange(len(speech.packed)), sized.spec, device)
        self.method = RecogniserMethod(network, clips, RecogniserSettings.of(sized.training, seed=0), sized.classes)
        settings = TrainSettings(steps=ENDLESS, seed=0, bf16=sized.training.bf16)
        self.state = LoopState(self.method, settings, device)

    def draw(self) -> dict[str, torch.Tensor]:
        """Draw a batch of views."""
        return self.method.batch(self.state.step, seeds.generator(0, "batch", self.state.step))

    def step(self) -> float:
        """Draw a batch and train on it; returns the loss."""
        loss = run_step(self.method, self.state)["recognise/loss"].item()
        self.state.step += 1
        return loss


def contenders(
    sized: Sized, speech: Speech, folder: Path, steps: int, device: torch.device
) -> dict[str, Callable[[], None]]:
    """Each runs so many steps; those called draw only take so many batches."""
    labels = labels_of(speech.packed.clips, sized.spec.labels).tolist()
    stored = store(speech.files, sized.spec, folder / sized.name)
    clips = {
        "plain": ClipFiles(speech.files, labels, sized.spec, sized.training),
        "bare": Bare(stored, labels, sized.spec, sized.training),
    }
    loops: dict[str, OwnLoop | PlainLoop] = {"affekt": OwnLoop(sized, speech, device)}
    loops |= {name: PlainLoop(sized.build(), clips[name], device) for name in PLAIN}
    work: dict[str, Callable[[], None]] = {}
    for name, loop in loops.items():
        work[name], work[f"{name}/draw"] = repeat(loop.step, steps), repeat(loop.draw, steps)
    return work


def repeat(work: Callable[[], object], times: int) -> Callable[[], None]:
    """A function that works so many times."""

    def all_of_it() -> None:
        for _ in range(times):
            work()

    return all_of_it


def figures(name: str, costs: Costs, steps: int) -> dict[str, float]:
    """Milliseconds per step and how many times as much the other loops cost."""
    results = {}
    for clock in CLOCKS:
        for contender, turns in costs.items():
            results[f"training/{name}/{contender}/{clock}_ms"] = 1000 * median(turns, clock) / steps
        for contender in PLAIN:
            ratio = median_ratio(costs[contender], costs["affekt"], clock)
            results[f"training/{name}/{contender}/{clock}_over_affekt"] = ratio
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser)
    parser.add_argument("--statements", type=int, default=2, help="of the demo corpus: 120 clips each")
    parser.add_argument("--steps", type=int, default=4, help="of a turn")
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    device, params = set_up(arguments.device, arguments.threads), load_preset(arguments.preset)
    results = describe(arguments, device)
    results |= {"training/batch": params.training.batch, "training/bf16": params.training.bf16 and fast_bf16(device)}
    with tempfile.TemporaryDirectory() as temporary:
        speech = speak(Path(temporary), arguments.statements)
        results |= speech.facts()
        results["training/mels_once/processor_ms_per_clip"] = 1000 * speech.mel_seconds / len(speech.packed)
        print(f"{len(speech.packed)} clips, {speech.seconds:.0f} s; ms per step by the wall clock (processor)")
        for name in arguments.networks:
            sized = size(name, params)
            work = contenders(sized, speech, Path(temporary), arguments.steps, device)
            found = figures(name, take_turns(work, arguments.rounds, device), arguments.steps)
            results |= found | {f"training/{name}/parameters": parameters(sized.build())}
            print_row(name, found)
    if arguments.out:
        write_json(arguments.out, results)


def print_row(name: str, found: dict[str, float]) -> None:
    """One network's line."""
    cells = [f"{name:14}"]
    for contender in ("affekt", *PLAIN):
        wall, processor, drawn = (
            found[f"training/{name}/{contender}/{key}"] for key in ("wall_ms", "processor_ms", "draw/wall_ms")
        )
        cells.append(f"{contender} {wall:7.1f} ({processor:7.1f}), draw {drawn:6.1f}")
        if contender in PLAIN:
            ratios = [found[f"training/{name}/{contender}/{clock}_over_affekt"] for clock in CLOCKS]
            cells.append(f"x{ratios[0]:.1f} (x{ratios[1]:.1f})")
    print("  ".join(cells), flush=True)


if __name__ == "__main__":
    main()
