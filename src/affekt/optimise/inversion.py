"""A recording in the prior: windows of its mel become latents of the mel GAN, which then climb with the content kept.

All windows of a recording are one sample: they are generated together and cross-faded into one mel, which is compared
and heard whole, so that windows agree where they overlap.

Axes: B recordings, W windows, L latent, M mel bands, F frames of a recording, P frames of a window, N candidates.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from affekt.core.seeds import generator as seeded
from affekt.features.crops import N_FRAMES, silence
from affekt.features.mel import normalise
from affekt.optimise.content import drift_beyond
from affekt.optimise.engine import Problem, Settings, optimise
from affekt.optimise.maximise import believed_by_all, generate_mel
from affekt.optimise.objectives import cross_entropy, target_probability
from affekt.optimise.regularisers import shell
from affekt.optimise.trajectory import Trajectory
from affekt.optimise.transforms import random_view
from affekt.optimise.windows import Windows

Progress = Callable[[Iterable[int]], Iterable[int]]
BATCH = 64  # latents generated at once


def windows_over(frames: int, overlap: int) -> Windows:
    """The windows of a recording that the prior can speak."""
    return Windows.over(frames, N_FRAMES, overlap)


def speak_latents(prior: nn.Module, latent_BWL: Tensor, windows: Windows) -> Tensor:
    """Raw log mels (B, M, F) of the latents of their windows."""
    mel_BWMP = generate_mel(prior, latent_BWL.flatten(0, 1)).unflatten(0, latent_BWL.shape[:2])
    return windows.join(mel_BWMP)


@torch.no_grad()
def nearest_latents(prior: nn.Module, mel_WMP: Tensor, candidates: int, seed: int) -> Tensor:
    """The latent (W, L), of so many random ones, whose mel is nearest to each normalised window."""
    best_W = torch.full((len(mel_WMP),), float("inf"), device=mel_WMP.device)
    latent = int(prior.latent)  # type: ignore[arg-type]
    best_WL = torch.zeros(len(mel_WMP), latent, device=mel_WMP.device)
    drawn_NL = torch.randn(candidates, latent, generator=seeded(seed, "candidates")).to(mel_WMP.device)
    for latent_NL in drawn_NL.split(BATCH):
        made_NMP = prior(latent_NL).float()
        distance_WN = torch.stack([(made_NMP - mel_MP).abs().mean(dim=(1, 2)) for mel_MP in mel_WMP])
        nearest_W, at_W = distance_WN.min(dim=1)
        better_W = nearest_W < best_W
        best_WL[better_W], best_W[better_W] = latent_NL[at_W[better_W]], nearest_W[better_W]
    return best_WL


def invert(
    prior: nn.Module,
    mel_MF: Tensor,
    windows: Windows,
    candidates: int,
    prior_weight: float,
    settings: Settings,
    progress: Progress = iter,
) -> Trajectory:
    """Latents (1, W, L) whose mel is near a recording's raw log mel; "score" is the mean distance in nats."""
    start_WL = nearest_latents(prior, windows.cut(normalise(mel_MF), silence()), candidates, settings.seed)

    def distance(made_BMF: Tensor, wanted_BMF: Tensor) -> Tensor:
        return (made_BMF - wanted_BMF).abs().mean(dim=(1, 2))

    problem = Problem(
        path=lambda latent_BWL: speak_latents(prior, latent_BWL, windows),
        score=lambda mel_BMF: mel_BMF,
        objective=distance,
        measure=distance,
        regularisers={"prior": (prior_weight, mean_shell)},
    )
    return optimise(problem, start_WL[None], mel_MF[None], settings, progress=progress)


def climb(
    prior: nn.Module,
    recognisers: Sequence[nn.Module],
    content: nn.Module,
    start_BWL: Tensor,
    label_B: Tensor,
    windows: Windows,
    keep: "Keep",
    prior_weight: float,
    settings: Settings,
    progress: Progress = iter,
) -> Trajectory:
    """Latents that every recogniser names as wanted, while the content network hears what it heard at the start."""

    def path(latent_BWL: Tensor) -> Tensor:
        return speak_latents(prior, latent_BWL, windows)

    problem = Problem(
        path=path,
        score=believed_by_all(recognisers),
        objective=cross_entropy,
        measure=target_probability,
        regularisers={
            "prior": (prior_weight, mean_shell),
            "content": (keep.weight, drift_beyond(content, path, keep.bound)),
        },
        view=random_view,
    )
    return optimise(problem, start_BWL, label_B, settings, progress=progress)


@dataclass(frozen=True)
class Keep:
    """How far content may drift, and what more of it costs."""

    bound: float  # nats
    weight: float


def mean_shell(latent_BWL: Tensor, start_BWL: Tensor) -> Tensor:
    """Mean over windows of the distance from the prior's shell (B,), each window's latent by itself."""
    return shell(latent_BWL.flatten(0, 1), start_BWL.flatten(0, 1)).unflatten(0, latent_BWL.shape[:2]).mean(dim=1)
