"""The one training loop: a method gives batches and steps, the loop does the rest, and resumes to the bit.

Everything random in step k derives from (seed, k): torch's generators are reseeded at each step and the batch is drawn
from a generator of its own, so a checkpoint needs no generator state and a killed run continues with equal bits.
"""

import abc
import contextlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from affekt.core import seeds
from affekt.core.devices import fast_bf16
from affekt.core.errors import UserError
from affekt.core.progress import Progress
from affekt.training import distributed
from affekt.training.checkpoint import load_checkpoint, save_checkpoint
from affekt.training.schedules import Plateau, factor

Log = Callable[[dict[str, float], int], None]


@dataclass(frozen=True)
class OptimSpec:
    """How one optimiser trains its modules: AdamW with a schedule and gradient clipping."""

    modules: tuple[str, ...]
    lr: float
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = 0.0
    schedule: str = "constant"  # see training/schedules.py
    clip: float | None = None  # largest gradient norm
    decay: float = 1.0  # what the rate is multiplied by besides, every `decay_every` steps
    decay_every: int = 1


@dataclass(frozen=True)
class TrainSettings:
    """What the loop itself needs to know."""

    steps: int
    seed: int
    ema: dict[str, float] = field(default_factory=dict)  # module name -> decay
    bf16: bool = False  # where the device runs it faster than float32
    compile: bool = True  # on CUDA only
    checkpoint_every: int = 100  # steps
    log_every: int = 10  # steps
    validate_every: int = 0  # steps; only the schedule `plateau` validates
    lr_key: str = "lr"  # where params.yaml has the rate, to be named when a training diverges


class Method(abc.ABC):
    """What a model adds to the loop: its networks, optimisers, batches and step."""

    modules: dict[str, nn.Module]

    @abc.abstractmethod
    def optimisers(self) -> dict[str, OptimSpec]:
        """Name the optimisers."""

    @abc.abstractmethod
    def batch(self, step: int, rng: torch.Generator) -> dict[str, Tensor]:
        """Draw the batch of a step, on the device; everything random comes from `rng`."""

    @abc.abstractmethod
    def step(self, state: "LoopState", batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Train on a batch; return scalars with slash names."""

    def validate(self) -> float:
        """Return a loss on data that is not trained on; the schedule `plateau` needs it."""
        raise NotImplementedError(f"{type(self).__name__} has no validation: its schedule cannot be `plateau`")


@dataclass
class TrainResult:
    """What training leaves: scalars over steps, and the averaged weights (the method's modules hold the last ones)."""

    history: dict[str, list[float]]
    ema: dict[str, dict[str, Tensor]]


class LoopState:
    """Optimisers, averages and the step number; what a method's `step` may use."""

    def __init__(self, method: Method, settings: TrainSettings, device: torch.device):
        self.method, self.settings, self.device = method, settings, device
        self.step = 0
        self.bf16 = settings.bf16 and fast_bf16(device)
        self.specs = method.optimisers()
        self.optimisers: dict[str, torch.optim.Optimizer] = {
            name: torch.optim.AdamW(self.parameters(name), lr=spec.lr, betas=spec.betas, weight_decay=spec.weight_decay)
            for name, spec in self.specs.items()
        }
        self.ema = {
            name: {key: value.detach().clone() for key, value in method.modules[name].state_dict().items()}
            for name in settings.ema
        }
        self.plateau = Plateau()
        self.history: dict[str, list[float]] = {"step": []}

    def validates(self) -> bool:
        """Whether an optimiser's schedule is the plateau."""
        return any(spec.schedule == "plateau" for spec in self.specs.values())

    def parameters(self, name: str) -> list[nn.Parameter]:
        """List the parameters that an optimiser trains."""
        modules = self.method.modules
        return [p for module in self.specs[name].modules for p in modules[module].parameters()]

    def autocast(self) -> contextlib.AbstractContextManager[Any]:
        """Run the forward pass in bfloat16 where the settings say so and the device is fast at it."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16)

    def update(self, name: str, loss: Tensor) -> None:
        """Take one step of an optimiser down a loss: backward, mean over processes, clip, schedule, step."""
        spec, optimiser, parameters = self.specs[name], self.optimisers[name], self.parameters(name)
        gradients = torch.autograd.grad(loss, parameters, allow_unused=True)
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = gradient
        distributed.average_gradients(parameters)
        if spec.clip is not None:
            nn.utils.clip_grad_norm_(parameters, spec.clip)
        for group in optimiser.param_groups:
            group["lr"] = self.rate(spec)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)

    def rate(self, spec: OptimSpec) -> float:
        """Return an optimiser's learning rate at this step."""
        decayed = spec.lr * spec.decay ** (self.step // spec.decay_every)
        return decayed * factor(spec.schedule, self.step, self.settings.steps) * self.plateau.factor

    @torch.no_grad()
    def average(self) -> None:
        """Move the averaged weights towards the present ones; buffers are copied."""
        for name, decay in self.settings.ema.items():
            parameters = {key for key, _ in self.method.modules[name].named_parameters()}
            for key, value in self.method.modules[name].state_dict().items():
                if key in parameters:
                    self.ema[name][key].lerp_(value, 1 - decay)
                else:
                    self.ema[name][key].copy_(value)


def train(
    method: Method,
    settings: TrainSettings,
    work: Path,
    device: torch.device,
    log: Log,
    progress: Progress,
) -> TrainResult:
    """Train a method to its last step, from the checkpoint in `work` if there is one.

    `log` takes scalars and a step; `progress` is tqdm-like: (iterable, what, total=, initial=) -> iterator.
    A loss that is not finite ends the training with a UserError that names it.
    """
    distributed.start(device)
    state = LoopState(method, settings, device)
    checkpoint = work / "checkpoint.safetensors"
    load_checkpoint(checkpoint, state)
    if settings.compile and device.type == "cuda":
        for module in method.modules.values():
            module.compile()
    for module in method.modules.values():
        module.train()
    first = state.step
    steps: Iterable[int] = range(first, settings.steps)
    for step in progress(steps, "training", total=settings.steps, initial=first):
        state.step = step
        scalars = run_step(method, state)
        last = step + 1 == settings.steps
        if state.validates() and (step + 1) % settings.validate_every == 0:
            # Batch norm's statistics differ between processes until the end: one of them decides for all.
            state.plateau.see(distributed.share_value(method.validate(), device))
        if last or (step + 1) % settings.log_every == 0:
            note(state, scalars, step, log)
        state.step = step + 1
        if distributed.is_first() and not last and (step + 1) % settings.checkpoint_every == 0:
            save_checkpoint(checkpoint, state)
    for module in method.modules.values():
        distributed.share_buffers(module)
        module.eval()
    return TrainResult(history=state.history, ema=state.ema)


def run_step(method: Method, state: LoopState) -> dict[str, Tensor]:
    """Reseed for this step and process, draw its batch and train on it."""
    seed = seeds.derive(state.settings.seed, "step", state.step, distributed.rank())
    torch.manual_seed(seed)
    batch = method.batch(state.step, seeds.generator(seed, "batch"))
    scalars = method.step(state, batch)
    state.average()
    return scalars


def note(state: LoopState, scalars: dict[str, Tensor], step: int, log: Log) -> None:
    """Keep and log a step's scalars; stop at one that is not finite."""
    values = {name: float(value.detach()) for name, value in scalars.items()}
    for name, value in values.items():
        if not torch.isfinite(torch.tensor(value)):
            raise UserError(
                f"step {step} of {state.settings.steps}: {name} is {value}: the training diverged; "
                f"lower `{state.settings.lr_key}` in params.yaml"
            )
    state.history["step"].append(float(step))
    for name, value in values.items():
        state.history.setdefault(name, []).append(value)
    log(values, step)
