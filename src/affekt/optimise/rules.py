"""Step rules and schedules: how a gradient moves a variable, each sample on its own.

Axes: B batch (samples); what follows is the variable's own shape.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

Schedule = Callable[[int, int], float]  # (step, steps) -> factor on the learning rate


class StepRule(Protocol):
    """Moves a variable against its gradient; the state has the batch in front, so that samples can be picked."""

    def start(self, variable_B: Tensor) -> dict[str, Tensor]: ...

    def step(self, gradient_B: Tensor, state: dict[str, Tensor], lr: float, step: int) -> Tensor:
        """Return what to subtract from the variable and update the state in place; `step` counts from 0."""
        ...


@dataclass(frozen=True)
class Adam:
    """Adam (Kingma & Ba 2015, algorithm 1) with its bias correction; elementwise, hence per sample."""

    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8

    def start(self, variable_B: Tensor) -> dict[str, Tensor]:
        return {"first": torch.zeros_like(variable_B), "second": torch.zeros_like(variable_B)}

    def step(self, gradient_B: Tensor, state: dict[str, Tensor], lr: float, step: int) -> Tensor:
        state["first"].mul_(self.beta_1).add_(gradient_B, alpha=1 - self.beta_1)
        state["second"].mul_(self.beta_2).addcmul_(gradient_B, gradient_B, value=1 - self.beta_2)
        first = state["first"] / (1 - self.beta_1 ** (step + 1))
        second = state["second"] / (1 - self.beta_2 ** (step + 1))
        return lr * first / (second.sqrt() + self.epsilon)


@dataclass(frozen=True)
class NormalisedDescent:
    """Gradient divided by each sample's mean absolute gradient: a step of one size however flat the objective.

    With a limit no element moves by more than so many times the mean: a few steep places do not take it all.
    """

    epsilon: float = 1e-8
    limit: float | None = None

    def start(self, variable_B: Tensor) -> dict[str, Tensor]:
        return {}

    def step(self, gradient_B: Tensor, state: dict[str, Tensor], lr: float, step: int) -> Tensor:
        size_B = gradient_B.abs().flatten(1).mean(dim=1).view(-1, *[1] * (gradient_B.dim() - 1))
        if self.limit is not None:
            gradient_B = gradient_B.clamp(-self.limit * size_B, self.limit * size_B)
        return lr * gradient_B / (size_B + self.epsilon)


def constant(step: int, steps: int) -> float:
    return 1.0


def cosine(step: int, steps: int) -> float:
    """Half a cosine from 1 towards 0: large steps early, none that overshoot late."""
    return 0.5 * (1 + math.cos(math.pi * step / steps))
