"""A smooth mask on a recording: its gains climb to a recogniser's belief in an emotion, within a bound of energy.

Axes: B clips, N knots along bands, H knots along time, M mel bands, F frames, E classes.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from affekt.features.mel import LOG_FLOOR
from affekt.optimise.clip_views import random_clip_view
from affekt.optimise.content import drift_beyond
from affekt.optimise.engine import PerSample, Problem, Settings, optimise
from affekt.optimise.gain_grid import GainGrid, mask_mel
from affekt.optimise.maximise import believed_by_all
from affekt.optimise.networks import prepare
from affekt.optimise.objectives import cross_entropy, target_probability
from affekt.optimise.windows import Windows

CHECKPOINT = 20  # steps
GROUP = 16  # clips in one batch at most, of similar lengths
WHOLE_FRAMES = 344  # 4 s: up to here a recording has one mask, as a corpus's clips have
CHUNK_FRAMES = 172  # 2 s, of longer ones
OVERLAP_FRAMES = 32

Progress = Callable[[Iterable[int]], Iterable[int]]


@dataclass(frozen=True)
class Wish:
    """How masks are sought."""

    grid: GainGrid
    steps: int
    lr: float  # dB a step at the start
    views: int  # random views a step averages over
    smoothness: float  # weight of the mean squared step between neighbouring knots, in nats per dB^2
    content_weight: float  # of what is above content_bound
    content_bound: float  # nats by which the content network's posteriors may move
    seed: int


@dataclass(frozen=True)
class Masks:
    """What was found for each clip."""

    gain: list[Tensor]  # (M, F) in dB, on the CPU
    rms_db: list[float]
    score: list[Tensor]  # (steps + 1,) belief in the wanted emotion over random views


def seek_masks(
    recognisers: Sequence[nn.Module],
    mels: Sequence[Tensor],
    labels: Sequence[int],
    wish: Wish,
    device: torch.device,
    content: nn.Module | None = None,
    progress: Progress = iter,
    work: Path | None = None,
) -> Masks:
    """Masks that bring raw log mels (M, F) of any lengths to the wanted classes; each comes out as it would alone.

    Several recognisers are climbed together, by the mean of their log-probabilities. `content` keeps what is said: its
    posteriors move by `content_bound` at most, or at a cost. With a work folder, which is of these clips and this wish
    alone, a killed search goes on to the same bits. Raises UserError on a gradient that is not finite.
    """
    networks = [prepare(network, device, bf16=False) for network in recognisers]
    keeper = None if content is None else prepare(content, device, bf16=False)
    order = sorted(range(len(mels)), key=lambda i: mels[i].shape[-1])
    found: dict[int, tuple[Tensor, float, Tensor]] = {}
    for first in range(0, len(order), GROUP):
        rows = order[first : first + GROUP]
        mel_BMF, frames_B = pad_mels([mels[i] for i in rows], device)
        targets_B = torch.tensor([labels[i] for i in rows], device=device)
        problem = mask_problem(networks, mel_BMF, frames_B, wish, keeper)
        start_BNH = torch.zeros(len(rows), *wish.grid.shape(mel_BMF.shape[-1]), device=device)
        settings = Settings(
            wish.steps, wish.lr, wish.seed, wish.views, snapshots=0, chunk=len(rows), checkpoint_every=CHECKPOINT
        )
        group = None if work is None else work / f"group{first // GROUP}"
        if group is not None:
            group.mkdir(parents=True, exist_ok=True)
        trajectory = optimise(problem, start_BNH, targets_B, settings, group, progress)
        gain_BMF = wish.grid.gain(trajectory.end, mel_BMF.shape[-1])
        rms_B = wish.grid.rms(trajectory.end, frames_B.cpu())
        for at, i in enumerate(rows):
            gain_MF = gain_BMF[at, :, : mels[i].shape[-1]].clone()
            found[i] = (gain_MF, float(rms_B[at]), trajectory.history["score"][:, at])
    in_order = [found[i] for i in range(len(mels))]
    return Masks([row[0] for row in in_order], [row[1] for row in in_order], [row[2] for row in in_order])


def seek_long_mask(
    recognisers: Sequence[nn.Module],
    mel_MF: Tensor,
    label: int,
    wish: Wish,
    device: torch.device,
    content: nn.Module | None = None,
    progress: Progress = iter,
) -> Tensor:
    """The mask (M, F) of one recording of any length; a long one gets a mask for each of its windows, cross-faded.

    Each window's mask holds the bounds, and so does the whole.
    """
    frames = mel_MF.shape[-1]
    windows = Windows.over(frames, frames if frames <= WHOLE_FRAMES else CHUNK_FRAMES, min(OVERLAP_FRAMES, frames - 1))
    mels = list(windows.cut(mel_MF, math.log(LOG_FLOOR)))
    masks = seek_masks(recognisers, mels, [label] * len(mels), wish, device, content, progress)
    joined_BMF = windows.join(torch.stack(masks.gain)[None])
    rms = float(joined_BMF.square().mean().sqrt())
    return joined_BMF[0] * min(1.0, wish.grid.rms_db / max(rms, wish.grid.rms_db))


def pad_mels(mels: Sequence[Tensor], device: torch.device) -> tuple[Tensor, Tensor]:
    """Raw log mels (M, F) side by side, followed by silence, (B, M, F); and their frames (B,)."""
    frames_B = torch.tensor([mel.shape[-1] for mel in mels], device=device)
    total, silence = int(frames_B.max()), math.log(LOG_FLOOR)
    padded = [nn.functional.pad(mel, (0, total - mel.shape[-1]), value=silence) for mel in mels]
    return torch.stack(padded).to(device), frames_B


def mask_problem(
    networks: Sequence[nn.Module], mel_BMF: Tensor, frames_B: Tensor, wish: Wish, content: nn.Module | None = None
) -> Problem:
    """Wanted: gains under which every network names the target, heard in random views.

    It holds the clips: all of them must go in one chunk, in their order.
    """

    def path(knots_BNH: Tensor) -> Tensor:
        return mask_mel(mel_BMF, wish.grid.gain(knots_BNH, mel_BMF.shape[-1]))

    together = believed_by_all(networks)
    regularisers: dict[str, tuple[float, PerSample]] = {"smoothness": (wish.smoothness, roughness)}
    if content is not None:
        regularisers["content"] = (wish.content_weight, drift_beyond(content, path, wish.content_bound, frames_B))
    return Problem(
        path=path,
        score=lambda seen: together(seen.mel, seen.frames),
        objective=cross_entropy,
        measure=target_probability,
        regularisers=regularisers,
        view=lambda mel_BMF, rng: random_clip_view(mel_BMF, frames_B, rng),
        project=lambda knots_BNH: wish.grid.project(knots_BNH, frames_B),
    )


def roughness(knots_BNH: Tensor, start_BNH: Tensor) -> Tensor:
    """Mean squared difference of neighbouring knots (B,), along bands and along time, in dB^2."""
    along_bands = knots_BNH.diff(dim=1).square().mean(dim=(1, 2))
    return along_bands + knots_BNH.diff(dim=2).square().mean(dim=(1, 2))
