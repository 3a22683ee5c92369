"""Which GAN trains best in equal processor time on the clips of a preset, and what a step of each costs.

    python -m bench.gan_choice --preset ravdess --prepared data/prepared --features data/features --judge models/judge

Each variant trains on half a in a process of one thread: a few steps tell what one costs, then it trains anew for as
many as the budget pays for, with the schedule of that many. Its samples are measured as the stage `generation` does, in
the judge's feature space, beside the floor of real clips. The variants are losses and penalties with the random views
before the discriminator and without them, and the prototype's recipe at narrower widths. The cost of a step is measured
again side by side, for `published_gan.steps` of the preset: as many as cost what `gan.steps` of our GAN cost.
"""

import argparse
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from affekt.core import seeds
from affekt.core.devices import set_up
from affekt.core.files import write_json
from affekt.core.parallel import run_parallel
from affekt.core.params import GanParams, PublishedGanParams
from affekt.evaluate.generation import Heard, Reference, frechet_distance, hear, neighbourhoods
from affekt.features.crops import Crops
from affekt.features.packed import Packed
from affekt.features.unit_range import from_unit
from affekt.models.io import load_model
from affekt.models.judge import RecurrentRecogniser
from affekt.training.gan import GanMethod, averaged_generator
from affekt.training.loop import LoopState, TrainSettings, run_step, train
from affekt.training.published_gan import PublishedGanMethod
from bench.clock import median, median_ratio, take_turns
from bench.networks import describe, load_preset
from pipeline.generation import sample

CPU = torch.device("cpu")
ENDLESS = 1_000_000
WARM_UP, TIMED = 2, 8  # steps; as many are timed as lie between penalties
PENALTIES: dict[str, dict[str, Any]] = {
    "relativistic_r1_r2": {"loss": "relativistic", "r1": 1.0, "r2": 1.0},
    "logistic_r1": {"loss": "logistic", "r1": 1.0, "r2": 0.0},
    "hinge": {"loss": "hinge", "r1": 0.0, "r2": 0.0},
}
EMA = 0.99  # of short trainings; the preset's average is of a longer one's last steps
PUBLISHED_CHANNELS = (32, 16)  # half and a quarter of the published widths


@dataclass(frozen=True)
class Task:
    """One variant, and what it is trained and measured with."""

    name: str
    params: GanParams | PublishedGanParams
    seconds: float
    seed: int
    folders: dict[str, Path]
    real: Heard

    def load(self) -> Crops:
        packed = Packed.load(self.folders["prepared"], self.folders["features"])
        return Crops.of_half(packed, "a", CPU)

    def method(self, crops: Crops) -> GanMethod | PublishedGanMethod:
        if isinstance(self.params, GanParams):
            return GanMethod(self.params, crops, self.seed, CPU)
        return PublishedGanMethod(self.params, crops, self.seed, CPU)


def variants(gan: GanParams, published: PublishedGanParams) -> dict[str, GanParams | PublishedGanParams]:
    """All that are compared, by name."""
    found: dict[str, GanParams | PublishedGanParams] = {
        f"{name}{'' if views else '_no_views'}": gan.model_copy(update={**changes, "views": views, "ema": EMA})
        for name, changes in PENALTIES.items()
        for views in (True, False)
    }
    return found | {f"published_{c}": published.model_copy(update={"channels": c}) for c in PUBLISHED_CHANNELS}


def endless(method: GanMethod | PublishedGanMethod) -> LoopState:
    """A loop whose schedule has not begun to fall."""
    return LoopState(method, TrainSettings(ENDLESS, seed=0, bf16=method.params.bf16), CPU)


def take_steps(method: GanMethod | PublishedGanMethod, state: LoopState, steps: int) -> None:
    for _ in range(steps):
        run_step(method, state)
        state.step += 1


def affordable_steps(task: Task, crops: Crops) -> int:
    """How many steps the budget pays for."""
    method = task.method(crops)
    state = endless(method)
    take_steps(method, state, WARM_UP)
    started = time.process_time()
    take_steps(method, state, TIMED)
    return max(1, round(task.seconds / (time.process_time() - started) * TIMED))


def train_variant(task: Task) -> dict[str, float]:
    """Train a variant for its budget and measure its samples."""
    crops = task.load()
    steps = affordable_steps(task, crops)
    method = task.method(crops)
    task_params = task.params.model_copy(update={"steps": steps})
    ema = {"generator": EMA} if isinstance(task_params, GanParams) else {}
    settings = TrainSettings(steps, task.seed, ema, bf16=task_params.bf16, checkpoint_every=ENDLESS)
    started = time.process_time()
    with tempfile.TemporaryDirectory() as work:
        result = train(method, settings, Path(work), CPU, lambda *_: None, lambda items, *_, **__: iter(items))
    spent = time.process_time() - started
    generator: nn.Module = method.generator
    if isinstance(method, GanMethod):
        generator = averaged_generator(method, result.ema["generator"], seeds.generator(task.seed, "statistics"))
    return {"steps": float(steps), "processor_seconds": spent, **measure(task, generator)}


def measure(task: Task, generator: nn.Module) -> dict[str, float]:
    """The figures of a generator's samples."""
    judge = load_model(task.folders["judge"], RecurrentRecogniser, CPU)
    fake_NMF = sample(generator, len(task.real.classes), seeds.generator(task.seed, "latent"), CPU)
    if isinstance(task.params, PublishedGanParams):
        fake_NMF = from_unit(fake_NMF)
    return compare_with(task.real, hear(judge, fake_NMF))


def compare_with(real: Heard, other: Heard) -> dict[str, float]:
    """Distances of two sets in the judge's feature space."""
    distance = frechet_distance(real.features, other.features)
    return {"frechet": distance, **neighbourhoods(real.features, other.features)}


def hear_reals(folders: dict[str, Path], seed: int) -> tuple[Heard, dict[str, float]]:
    """Real windows as the judge hears them, and what other real ones score beside them, as they are and rescaled."""
    packed = Packed.load(folders["prepared"], folders["features"])
    judge = load_model(folders["judge"], RecurrentRecogniser, CPU)
    train, unseen = (Crops.of_half(packed, half, CPU) for half in "ab")
    drawn = Reference.draw(judge, train, unseen, len(train.frames), seeds.generator(seed, "real"))
    rescaled = hear(judge, from_unit(drawn.other_NMF))
    figures = {f"real/{key}": value for key, value in compare_with(drawn.real, drawn.other).items()}
    return drawn.real, figures | {
        f"real_rescaled/{key}": value for key, value in compare_with(drawn.real, rescaled).items()
    }


def compare_costs(tasks: dict[str, Task], gan: GanParams, rounds: int) -> dict[str, float]:
    """What a step of the published recipe costs beside one of ours, in turns in one process; and steps for steps."""
    crops = tasks["relativistic_r1_r2"].load()
    work = {}
    for name, turn in (("relativistic_r1_r2", gan.r1_every), *((f"published_{c}", 1) for c in PUBLISHED_CHANNELS)):
        method = tasks[name].method(crops)
        state = endless(method)
        work[name] = lambda method=method, state=state, turn=turn: take_steps(method, state, turn)
    costs = take_turns(work, rounds, CPU)
    ours = median(costs["relativistic_r1_r2"], "processor") / gan.r1_every
    figures = {"cost/relativistic_r1_r2/processor_ms": 1000 * ours}
    for channels in PUBLISHED_CHANNELS:
        name = f"published_{channels}"
        times = gan.r1_every * median_ratio(costs[name], costs["relativistic_r1_r2"], "processor")
        figures[f"cost/{name}/processor_ms"] = 1000 * median(costs[name], "processor")
        figures[f"cost/{name}/times_ours"] = times
        figures[f"cost/{name}/steps_for_gan_steps"] = gan.steps / times
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", help="of presets/, for the sizes (default: params.yaml as it is)")
    for name in ("prepared", "features", "judge"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=90.0, help="of one thread, for each variant")
    parser.add_argument("--rounds", type=int, default=5, help="in which costs are compared")
    parser.add_argument("--workers", type=int, default=2, help="processes of one thread")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="write the figures to this JSON file")
    arguments = parser.parse_args()
    params = load_preset(arguments.preset)
    folders = {name: getattr(arguments, name) for name in ("prepared", "features", "judge")}
    device = set_up("cpu", 1)
    real, figures = hear_reals(folders, arguments.seed)
    tasks = {
        name: Task(name, changed, arguments.seconds, arguments.seed, folders, real)
        for name, changed in variants(params.gan, params.published_gan).items()
    }
    shown = argparse.Namespace(**{key: value for key, value in vars(arguments).items() if key not in folders})
    results = {**describe(shown, device), "weights": "trained", **figures}
    results |= compare_costs(tasks, params.gan, arguments.rounds)
    print("\n".join(f"{key} {value:.3f}" for key, value in results.items() if "/" in key and isinstance(value, float)))
    rows = run_parallel(train_variant, list(tasks.values()), arguments.workers, "variants")
    for name, row in zip(tasks, rows, strict=True):
        results |= {f"train/{name}/{key}": value for key, value in row.items()}
        print(name.ljust(28), "  ".join(f"{key} {value:.3f}" for key, value in row.items()), flush=True)
    if arguments.out:
        write_json(arguments.out, results)


if __name__ == "__main__":
    main()
