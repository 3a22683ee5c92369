"""The one optimiser: a variable climbs, through a differentiable path, to a score; all samples at once.

Activation maximisation, deep dream, inversion and masks differ only in the `Problem` they give. Samples never
mix: networks are in evaluation mode, step rules and regularisers work per sample, and views are drawn from
(seed, step, view). A sample's result is therefore the same whatever else is in the batch.

Axes: B batch (samples), T steps; what follows is the variable's own shape.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from affekt.core.errors import UserError
from affekt.core.seeds import generator
from affekt.optimise.rules import Adam, Schedule, StepRule, cosine
from affekt.optimise.trajectory import State, Trajectory, fingerprint, load_state, log_spaced, save_state

PerSample = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Problem:
    """What is optimised: the objective of (scores of the path of the variable, targets) is minimised."""

    path: Callable[..., Tensor]  # variable (and its condition, if there are any) -> what is scored; batch in front
    score: Callable[[Any], Tensor]  # of what is scored, or of its view -> scores, one row per sample
    objective: PerSample  # (scores, targets) -> loss (B,)
    measure: PerSample  # (scores, targets) -> what is recorded as "score" (B,)
    regularisers: Mapping[str, tuple[float, PerSample]] = field(default_factory=dict)  # name -> weight, of (x, start)
    view: Callable[[Tensor, torch.Generator], Any] | None = None  # random view of what is scored
    project: Callable[[Tensor], Tensor] | None = None  # variable -> the nearest valid one, after each step


@dataclass(frozen=True)
class StopRule:
    """A sample freezes once its objective has been at most `threshold` for `patience` steps in a row."""

    threshold: float
    patience: int


@dataclass(frozen=True)
class Settings:
    """How it is optimised."""

    steps: int
    lr: float
    seed: int
    views: int = 1  # random views a step averages over
    rule: StepRule = field(default_factory=Adam)
    schedule: Schedule = cosine
    snapshots: int = 13  # 0: none, where each costs too much memory
    stop: StopRule | None = None
    chunk: int = 16  # samples per forward pass; on a CPU small ones stay in its cache
    bf16: bool = False
    checkpoint_every: int = 50  # steps; only with a work folder

    def identity(self) -> str:
        """All that a result depends on, as text."""
        stop = None if self.stop is None else (self.stop.threshold, self.stop.patience)
        numbers = (self.steps, self.lr, self.seed, self.views, self.snapshots, stop, self.chunk, self.bf16)
        return f"{numbers} {self.rule!r} {self.schedule.__name__}"


@dataclass(frozen=True)
class Samples:
    """What stays of some samples while their variable moves."""

    start: Tensor  # (B, ...)
    targets: Tensor  # (B, ...)
    condition: Tensor | None  # (B, ...)

    def __getitem__(self, chosen: Tensor) -> "Samples":
        condition = None if self.condition is None else self.condition[chosen]
        return Samples(self.start[chosen], self.targets[chosen], condition)


def optimise(
    problem: Problem,
    start_B: Tensor,
    targets_B: Tensor,
    settings: Settings,
    work: Path | None = None,
    progress: Callable[[Iterable[int]], Iterable[int]] = iter,
    condition_B: Tensor | None = None,
) -> Trajectory:
    """Run all samples; with a work folder, go on from the last checkpoint there to the same bits.

    Shapes: start (B, ...), targets (B, ...), condition (B, ...): what the path of each sample takes beside the
    variable; on the device of the networks. Raises UserError on a gradient that is not finite.
    """
    checkpoint = None if work is None else work / "optimise.safetensors"
    weights = sorted((name, weight) for name, (weight, _) in problem.regularisers.items())
    given = [start_B, targets_B] + ([] if condition_B is None else [condition_B])
    identity = fingerprint(given, (settings.identity(), weights))
    state = None if checkpoint is None else load_state(checkpoint, identity, start_B.device)
    state = state or _begin(problem, start_B, settings)
    snapshot_steps = log_spaced(settings.steps, settings.snapshots)
    for step in progress(range(state.step, settings.steps + 1)):
        if step in snapshot_steps:
            state.snapshots[snapshot_steps.index(step)] = state.variable
        _advance(problem, Samples(start_B, targets_B, condition_B), settings, state, step)
        state.step = step + 1
        if checkpoint is not None and (state.step % settings.checkpoint_every == 0 or step == settings.steps):
            save_state(checkpoint, state, identity)
    return Trajectory(
        start=start_B.cpu(),
        end=state.variable.cpu(),
        history={name: rows.cpu() for name, rows in state.history.items()},
        snapshot_steps=snapshot_steps,
        snapshots=state.snapshots.cpu(),
        stopped=~state.active.cpu(),
    )


def _begin(problem: Problem, start_B: Tensor, settings: Settings) -> State:
    samples, device = len(start_B), start_B.device
    variable_B = start_B.detach().clone()
    names = ("objective", "score", *problem.regularisers)
    rows = len(log_spaced(settings.steps, settings.snapshots))
    return State(
        step=0,
        variable=variable_B,
        rule=settings.rule.start(variable_B),
        active=torch.ones(samples, dtype=torch.bool, device=device),
        calm=torch.zeros(samples, dtype=torch.int64, device=device),
        history={name: torch.zeros(settings.steps + 1, samples, device=device) for name in names},
        snapshots=variable_B.new_zeros(rows, *variable_B.shape),
    )


def _advance(problem: Problem, samples: Samples, settings: Settings, state: State, step: int) -> None:
    """Record step's values and, unless it is the last, move every active sample."""
    for rows in state.history.values():
        rows[step] = rows[max(step - 1, 0)]  # what a frozen sample keeps
    moving = step < settings.steps
    for chosen in state.active.nonzero().squeeze(1).split(settings.chunk):
        variable = state.variable[chosen]
        with torch.enable_grad() if moving else torch.no_grad():
            loss, terms = _evaluate(problem, variable.requires_grad_(moving), samples[chosen], settings, step)
        for name, values in terms.items():
            state.history[name][step, chosen] = values.detach().float()
        if settings.stop is not None:
            _stop(settings.stop, state, chosen, terms["objective"].detach())
        if moving:
            (gradient,) = torch.autograd.grad(loss.sum(), variable)
            _move(problem, gradient, settings, state, chosen, step)


def _evaluate(
    problem: Problem, variable: Tensor, samples: Samples, settings: Settings, step: int
) -> tuple[Tensor, dict[str, Tensor]]:
    """Loss (B,) averaged over views with its regularisers, and every term before its weight."""
    objective = torch.zeros(len(variable), device=variable.device)
    measured = torch.zeros_like(objective)
    views = settings.views if problem.view else 1
    with torch.autocast(variable.device.type, torch.bfloat16, enabled=settings.bf16):
        given = () if samples.condition is None else (samples.condition,)
        scored = problem.path(variable, *given)
        for i in range(views):
            seen = problem.view(scored, generator(settings.seed, "view", step, i)) if problem.view else scored
            scores = problem.score(seen)
            objective = objective + problem.objective(scores, samples.targets)
            with torch.no_grad():
                measured = measured + problem.measure(scores, samples.targets)
    loss = objective / views
    terms: dict[str, Tensor] = {"objective": loss, "score": measured / views}
    for name, (weight, regulariser) in problem.regularisers.items():
        terms[name] = regulariser(variable, samples.start)
        loss = loss + weight * terms[name]
    return loss, terms


def _stop(stop: StopRule, state: State, chosen: Tensor, objective: Tensor) -> None:
    state.calm[chosen] = torch.where(objective <= stop.threshold, state.calm[chosen] + 1, 0)
    state.active[chosen] = state.calm[chosen] < stop.patience


def _move(problem: Problem, gradient: Tensor, settings: Settings, state: State, chosen: Tensor, step: int) -> None:
    """Step the chosen samples that are still active; the others stay to the bit."""
    kept = state.active[chosen]
    gradient, chosen = gradient[kept].detach(), chosen[kept]
    if not bool(gradient.isfinite().all()):
        raise UserError(f"step {step}: the gradient is not finite; lower the learning rate ({settings.lr:g})")
    picked: dict[str, Any] = {name: tensor[chosen] for name, tensor in state.rule.items()}
    lr = settings.lr * settings.schedule(step, settings.steps)
    moved = state.variable[chosen] - settings.rule.step(gradient, picked, lr, step)
    state.variable[chosen] = problem.project(moved) if problem.project else moved
    for name, tensor in picked.items():
        state.rule[name][chosen] = tensor
