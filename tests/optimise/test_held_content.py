"""A bound on content costs nothing at the start, holds what is said, and leaves the voice free; figures agree."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from affekt.evaluate.content_fixed import content_kept, less_drift, summarise_content
from affekt.features.mel import normalise
from affekt.models.content import ContentNetwork
from affekt.optimise.engine import Settings
from affekt.optimise.held_content import content_beyond
from affekt.optimise.maximise import Plan, Voice, maximise, start_latents
from affekt.optimise.trajectory import Trajectory

CPU = torch.device("cpu")
SETTINGS = Settings(steps=40, lr=0.1, seed=3, views=0)
EMOTIONS = ("neutral", "calm", "happy")


class Bands(nn.Module):
    """A generator whose every latent number lifts ten bands."""

    latent = 8

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(1.0))

    def forward(self, z_BL: Tensor) -> Tensor:
        return self.gain * z_BL.repeat_interleave(10, dim=1)[:, :, None].expand(-1, -1, 160)


class LowBands(nn.Module):
    """A recogniser that hears the lower half of the bands."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.linear = nn.Linear(40, len(EMOTIONS))

    def forward(self, mel_BMF: Tensor, frames_B: Tensor | None = None) -> Tensor:
        return 5 * self.linear(normalise(mel_BMF)[:, :40].mean(2))


class Said(ContentNetwork):
    """What is said lies in the second number of the latent, bands 10 to 20: one of two statements of two parts."""

    def __init__(self) -> None:
        super().__init__(statements=2, segments=2, channels=4)

    def forward(self, mel_BMF: Tensor, frames_B: Tensor | None = None) -> Tensor:
        level_B1F = normalise(mel_BMF)[:, 10:20].mean(1, keepdim=True)[..., ::4]
        return level_B1F * torch.tensor([3.0, 1.0, -1.0, -3.0])[None, :, None]


def test_nothing_is_beyond_the_bound_at_the_start_and_more_the_farther_it_goes() -> None:
    beyond = content_beyond(Voice(Bands()), Said(), bound=0.1, device=CPU)
    start = torch.zeros(3, 8)
    moved = start.clone()
    moved[1, 1], moved[2, 1] = 0.5, 1.5
    cost = beyond(moved, start)
    assert cost[0] == 0
    assert 0 < cost[1] < cost[2]
    other = start.clone()
    other[:, 4] = 2.0  # a number that says nothing
    assert (beyond(other, start) == 0).all()


def test_the_held_climb_keeps_what_is_said_and_still_convinces() -> None:
    voice, recogniser, said = Voice(Bands()), LowBands(), Said()
    plan = Plan.of(8, [0, 1, 2])
    beyond = content_beyond(voice, said, bound=0.05, device=CPU)
    free = maximise(voice, [recogniser], plan, SETTINGS, 0.0, CPU)
    held = maximise(voice, [recogniser], plan, SETTINGS, 0.0, CPU, kept={"content": (50.0, beyond)})
    assert held.history["content"].shape == (SETTINGS.steps + 1, 24)
    kept = {name: content_kept(voice, said, ended, plan, CPU) for name, ended in
            (("free", free), ("held", held))}  # fmt: skip
    rows = {name: summarise_content(figures, plan, EMOTIONS) for name, figures in kept.items()}
    assert less_drift(kept["free"]["drift"], kept["held"]["drift"], plan) < 0.05
    assert rows["held"]["all/drift"] < 0.12 < rows["free"]["all/drift"]
    assert rows["held"]["all/drift_most"] < rows["free"]["all/drift_most"]
    assert rows["held"]["all/statement_kept"] >= rows["free"]["all/statement_kept"]
    assert held.history["score"][-1].mean() > held.history["score"][0].mean() + 0.2


def test_figures_of_content_are_of_the_ends_by_emotion() -> None:
    voice, said = Voice(Bands()), Said()
    plan = Plan.of(2, [0, 2])
    start = start_latents(plan, 8, seed=0)
    end = start.clone()
    end[2:, 1] = -10 * torch.sign(start[2:, 1])  # of the second emotion the statement is turned round
    ended = Trajectory(start, end, {}, (0, 1), torch.stack([start, end]), torch.zeros(4, dtype=torch.bool))
    kept = content_kept(voice, said, ended, plan, CPU)
    rows = summarise_content(kept, plan, EMOTIONS)
    assert rows["all/scrambled_drift"] > 0, "starts of different seeds say different things"
    np.testing.assert_allclose(
        kept["scrambled_drift"][:2], kept["scrambled_drift"][2:]
    )  # each emotion has the same seeds
    assert rows["neutral/drift"] == pytest.approx(0, abs=1e-6)
    assert (rows["neutral/agreement"], rows["neutral/statement_kept"]) == (1, 1)
    assert (rows["happy/agreement"], rows["happy/statement_kept"]) == (0, 0)
    assert rows["all/statement_kept"] == 0.5
    assert rows["all/drift_most"] > rows["all/drift"] > 0
    assert np.isfinite(list(rows.values())).all()
