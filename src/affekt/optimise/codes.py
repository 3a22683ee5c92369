"""Adding emotion to a recording: its codes of melody and timing climb to what recognisers believe of the decoded mel.

Content and speaker stay as they are. Clips are optimised beside others of as many steps of codes, cut to these: what is
decoded has no padding, and a clip comes out as it would alone.

Axes: B clips, D numbers of a code, S steps of codes, M mel bands, F frames.
"""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from affekt.models.conversion import prosody_of, put_together, with_prosody
from affekt.models.speechsplit import STEP, Codes, SpeechSplit
from affekt.optimise.clip_views import View, random_clip_view
from affekt.optimise.engine import Problem, Settings, optimise
from affekt.optimise.layers import differentiable
from affekt.optimise.maximise import believed_by_all
from affekt.optimise.networks import prepare
from affekt.optimise.objectives import cross_entropy, target_probability
from affekt.optimise.trajectory import Trajectory

LEAST_DEVIATION = 0.1  # of a code over a clip, as a unit of its moves; codes lie in -1 .. 1

Progress = Callable[[Iterable[int]], Iterable[int]]


def optimise_codes(
    model: SpeechSplit,
    recognisers: Sequence[nn.Module],
    codes: Codes,
    frames_B: Tensor,
    label_B: Tensor,
    settings: Settings,
    prior_weight: float,
    work: Path | None = None,
    progress: Progress = iter,
    detail_BMF: Tensor | None = None,
) -> tuple[Codes, Trajectory]:
    """Move the melody and timing of clips until all recognisers name the wanted emotion, heard in random views.

    `codes` as models.conversion.take_apart gives them, with the frames (B,) of the clips; labels int64 (B,). What lies
    beyond a clip's last step stays. `detail_BMF` is what codes do not hold of the clips (models.conversion.detail_of):
    recognisers hear it. `prior_weight` is that of `move`, in nats. Where the settings say bfloat16 it is
    the recognisers' convolutions that take it. With a work folder, which is of these clips and networks alone, a killed
    run goes on to the same bits. Raises UserError on a gradient that is not finite.
    """
    assert settings.stop is None, "views know clips by their places in a chunk, which a clip that froze would leave"
    device = codes.pitch_BDS.device
    ready = prepare(model, device, bf16=False)
    assert isinstance(ready, SpeechSplit)
    climbed = [prepare(one, device, settings.bf16) for one in recognisers]
    start_BDS = prosody_of(codes).detach()
    parts, found = list(parts_of(frames_B, settings.chunk)), []
    for number, rows_B in enumerate(parts):
        part = cut_codes(codes, rows_B, -(-int(frames_B[rows_B[0]]) // STEP))
        detail = None if detail_BMF is None else detail_BMF[rows_B.to(device), :, : STEP * part.pitch_BDS.shape[2]]
        problem = codes_problem(ready, climbed, part, frames_B[rows_B].to(device), prior_weight, detail)
        folder = None if work is None else work / f"part{number}"
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
        alone = dataclasses.replace(settings, chunk=len(rows_B))
        found.append(optimise(problem, prosody_of(part), label_B[rows_B].to(device), alone, folder, progress))
    whole = join(start_BDS.cpu(), [rows_B.cpu() for rows_B in parts], found)
    return with_prosody(codes, whole.end.to(device)), whole


def parts_of(frames_B: Tensor, most: int) -> Iterator[Tensor]:
    """Yield the rows of clips with the same number of steps, `most` at a time."""
    steps_B = torch.div(frames_B + STEP - 1, STEP, rounding_mode="floor")
    for steps in steps_B.unique().tolist():
        yield from (steps_B == steps).nonzero().squeeze(1).split(most)


def cut_codes(codes: Codes, rows_B: Tensor, steps: int) -> Codes:
    """Return copies of the first steps of some clips' codes."""
    rows_B = rows_B.to(codes.pitch_BDS.device)
    content_BDS, pitch_BDS, rhythm_BDS = (
        x_BDS.detach()[rows_B, :, :steps].clone() for x_BDS in (codes.content_BDS, codes.pitch_BDS, codes.rhythm_BDS)
    )
    return Codes(content_BDS, pitch_BDS, rhythm_BDS, codes.speaker_BE.detach()[rows_B])


def codes_problem(
    model: SpeechSplit, recognisers: Sequence[nn.Module], codes: Codes, frames_B: Tensor, prior_weight: float,
    detail_BMF: Tensor | None = None,
) -> Problem:  # fmt: skip
    """Wanted: a melody and timing that every recogniser names as the target, near those of the clip.

    It holds the clips: all of them must go in one chunk, in their order.
    """
    together, everyone = believed_by_all(recognisers), nn.ModuleList(recognisers)

    def path(prosody_BDS: Tensor) -> Tensor:
        with differentiable(model, prosody_BDS), torch.autocast(prosody_BDS.device.type, enabled=False):
            return put_together(model, with_prosody(codes, prosody_BDS), detail_BMF)

    def score(seen: View) -> Tensor:
        with differentiable(everyone, seen.mel):
            return together(seen.mel, seen.frames)

    def view(mel_BMF: Tensor, rng: torch.Generator) -> View:
        return random_clip_view(mel_BMF, frames_B, rng)

    return Problem(
        path=path,
        score=score,
        objective=cross_entropy,
        measure=target_probability,
        regularisers={"prior": (prior_weight, move)},
        view=view,
        project=lambda prosody_BDS: prosody_BDS.clamp(-1, 1),  # where outputs of a GRU lie
    )


def move(prosody_BDS: Tensor, start_BDS: Tensor) -> Tensor:
    """Mean squared way from the start (B,), in units of each code's own deviation over its clip."""
    unit_BD1 = start_BDS.std(dim=2, correction=0, keepdim=True).clamp(min=LEAST_DEVIATION)
    return ((prosody_BDS - start_BDS) / unit_BD1).square().mean(dim=(1, 2))


def join(start_BDS: Tensor, parts: Sequence[Tensor], found: Sequence[Trajectory]) -> Trajectory:
    """Put the trajectories of parts, rows of the whole each, into one; beyond a clip's steps stays its start."""
    first = found[0]
    end_BDS = start_BDS.clone()
    snapshots = start_BDS.expand(len(first.snapshot_steps), -1, -1, -1).clone()
    history = {name: torch.zeros(len(rows), len(start_BDS)) for name, rows in first.history.items()}
    stopped_B = torch.zeros(len(start_BDS), dtype=torch.bool)
    for rows_B, part in zip(parts, found, strict=True):
        steps = part.end.shape[2]
        end_BDS[rows_B, :, :steps] = part.end
        snapshots[:, rows_B, :, :steps] = part.snapshots
        for name, values in part.history.items():
            history[name][:, rows_B] = values
        stopped_B[rows_B] = part.stopped
    return Trajectory(start_BDS, end_BDS, history, first.snapshot_steps, snapshots, stopped_B)
