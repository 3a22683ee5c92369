"""Activation maximisation: latents of the mel GAN climb to the recogniser's belief in an emotion.

Axes: B samples (every seed of every emotion), L latent, M mel bands, F frames.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from affekt.core.devices import fast_bf16
from affekt.core.seeds import generator as seeded
from affekt.features.mel import denormalise
from affekt.optimise.engine import Problem, Settings, optimise
from affekt.optimise.networks import prepare
from affekt.optimise.objectives import cross_entropy, target_probability
from affekt.optimise.regularisers import shell
from affekt.optimise.trajectory import Trajectory
from affekt.optimise.transforms import random_view

CHUNK = {"cpu": 16, "cuda": 512}  # samples per forward pass: what fits a CPU's cache, what fills a GPU


@dataclass(frozen=True)
class Plan:
    """Which sample is which: all seeds of the first emotion, then of the next."""

    seeds: tuple[int, ...]  # (B,)
    labels: tuple[int, ...]  # (B,) wanted class

    @classmethod
    def of(cls, seeds: int, labels: Sequence[int]) -> "Plan":
        return cls(tuple(range(seeds)) * len(labels), tuple(label for label in labels for _ in range(seeds)))


def start_latents(plan: Plan, latent: int, seed: int) -> Tensor:
    """Standard normal (B, L): equal for equal seeds, whatever the emotion and however many seeds there are."""
    drawn = {i: torch.randn(latent, generator=seeded(seed, "latent", i)) for i in set(plan.seeds)}
    return torch.stack([drawn[i] for i in plan.seeds])


def generate_mel(generator: nn.Module, latent_BL: Tensor) -> Tensor:
    """Raw log mel (B, M, F) in float32 of latents."""
    return denormalise(generator(latent_BL).float())


def latent_problem(generator: nn.Module, recogniser: nn.Module, prior_weight: float) -> Problem:
    """Wanted: a latent of the prior whose mel the recogniser names as the target, seen from random views."""
    return Problem(
        path=lambda latent_BL: generate_mel(generator, latent_BL),
        score=recogniser,
        objective=cross_entropy,
        measure=target_probability,
        regularisers={"prior": (prior_weight, shell)},
        view=random_view,
    )


def maximise(
    generator: nn.Module,
    recogniser: nn.Module,
    plan: Plan,
    settings: Settings,
    prior_weight: float,
    device: torch.device,
    work: Path | None = None,
    progress: Callable[[Iterable[int]], Iterable[int]] = iter,
) -> Trajectory:
    """Optimise every sample of the plan at once; `settings_for` gives settings that suit the device."""
    problem = latent_problem(
        prepare(generator, device, settings.bf16), prepare(recogniser, device, settings.bf16), prior_weight
    )
    latent = int(generator.latent)  # type: ignore[arg-type]
    start_BL = start_latents(plan, latent, settings.seed).to(device)
    targets_B = torch.tensor(plan.labels, device=device)
    return optimise(problem, start_BL, targets_B, settings, work, progress)


def settings_for(device: torch.device, steps: int, lr: float, views: int, seed: int) -> Settings:
    """Settings with the chunk and precision that are fast on this device."""
    return Settings(steps=steps, lr=lr, seed=seed, views=views, chunk=CHUNK[device.type], bf16=fast_bf16(device))
