"""The whole climb on toy networks: it succeeds, stays in the prior, and the judge never sees a gradient."""

import numpy as np
import pytest
import torch
from scipy.stats import chi
from torch import Tensor, nn

from affekt.evaluate.maximise import Beliefs, believe, confusion, summarise
from affekt.evaluate.proportions import mcnemar
from affekt.features.mel import normalise
from affekt.optimise.engine import Settings
from affekt.optimise.maximise import Plan, maximise, start_latents
from affekt.optimise.trajectory import Trajectory

EMOTIONS = ("neutral", "calm", "happy", "sad")
CPU = torch.device("cpu")
SETTINGS = Settings(steps=40, lr=0.1, seed=11, views=1)


class ToyGenerator(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.latent = 12
        self.linear = nn.Linear(12, 80)

    def forward(self, z_BL: Tensor) -> Tensor:
        return torch.tanh(self.linear(z_BL))[:, :, None].expand(-1, -1, 160)


class ToyRecogniser(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(80, len(EMOTIONS))

    def forward(self, mel_BMF: Tensor, frames_B: Tensor | None = None) -> Tensor:
        return 10 * self.linear(normalise(mel_BMF).mean(dim=2))


class Judge(ToyRecogniser):
    """Raises when asked in a mode that could give it a gradient."""

    calls = 0

    def forward(self, mel_BMF: Tensor, frames_B: Tensor | None = None) -> Tensor:
        assert not torch.is_grad_enabled(), "the judge was asked with gradients on"
        assert not mel_BMF.requires_grad
        self.calls += 1
        return super().forward(mel_BMF, frames_B)


def climb() -> tuple[Trajectory, Plan, Beliefs, Beliefs, Judge]:
    torch.manual_seed(0)
    generator, recogniser, judge = ToyGenerator(), ToyRecogniser(), Judge()
    judge.load_state_dict(recogniser.state_dict())
    plan = Plan.of(6, [0, 2, 3])
    trajectory = maximise(generator, recogniser, plan, SETTINGS, 1.0, CPU)
    assert judge.calls == 0
    own, judged = believe(generator, [recogniser, judge], trajectory.snapshots, CPU)
    return trajectory, plan, own, judged, judge


def test_climb_succeeds_within_the_prior_and_the_judge_has_no_gradient() -> None:
    trajectory, plan, own, judged, judge = climb()
    assert judge.calls > 0
    rows = summarise(trajectory, plan, own, judged, EMOTIONS, "maximise/gan/recogniser")
    assert rows["maximise/gan/recogniser/all/own_after"] >= 0.9
    assert rows["maximise/gan/recogniser/all/own_before"] < 0.7
    assert 1 < rows["maximise/gan/recogniser/all/prior_percentile"] < 99
    rates = ["own_before", "own_after", "judge_before", "judge_after"]
    assert set(rows) >= {
        f"maximise/gan/recogniser/{emotion}/{figure}"
        for emotion in ("neutral", "happy", "sad", "all")
        for figure in (*rates, "p_value", "prior_percentile")
    }
    assert {f"maximise/gan/recogniser/happy/{figure}" for figure in ("p_holm", "p_chance", "judge_elsewhere")} <= set(
        rows
    )
    assert "maximise/gan/recogniser/all/p_chance" not in rows  # its samples are not independent
    assert not any("calm" in key for key in rows)  # no latent was asked to be calm
    hits = judged.hits(plan.labels)
    happy = np.asarray(plan.labels) == 2
    assert rows["maximise/gan/recogniser/happy/p_value"] == mcnemar(hits[0, happy], hits[-1, happy])
    assert rows["maximise/gan/recogniser/happy/judge_after"] == hits[-1, happy].mean()


def test_seeds_are_the_same_for_every_emotion_and_number() -> None:
    plan = Plan.of(3, [1, 3])
    assert plan.seeds == (0, 1, 2, 0, 1, 2)
    assert plan.labels == (1, 1, 1, 3, 3, 3)
    z = start_latents(plan, 512, seed=4)
    assert torch.equal(z[:3], z[3:])
    assert torch.equal(z[:3], start_latents(Plan.of(50, [0]), 512, seed=4)[:3])
    norms = start_latents(Plan.of(200, [0]), 512, seed=4).norm(dim=1).numpy()
    assert norms.mean() == pytest.approx(chi.mean(512), abs=0.2)


def test_all_counts_a_seed_once() -> None:
    plan = Plan.of(4, [0, 1])
    before = np.eye(4)[[2, 2, 2, 2, 2, 2, 2, 2]]  # nothing wanted is named
    after = np.eye(4)[[0, 0, 0, 2, 1, 1, 1, 2]]  # seeds 0 to 2 succeed in both emotions, seed 3 in none
    beliefs = Beliefs(np.stack([before, after]))
    z = start_latents(plan, 8, seed=0)
    trajectory = Trajectory(z, z, {}, (0, 1), torch.stack([z, z]), torch.zeros(8, dtype=torch.bool))
    rows = summarise(trajectory, plan, beliefs, beliefs, EMOTIONS, "m")
    assert rows["m/all/p_value"] == pytest.approx(2 * 0.5**3)  # three seeds rose, none fell
    assert rows["m/all/judge_after"] == 0.75
    assert rows["m/neutral/p_value"] == pytest.approx(2 * 0.5**3)
    assert rows["m/neutral/judge_elsewhere"] == 0  # of the four that should be calm, none is named neutral
    assert rows["m/neutral/p_holm"] == pytest.approx(min(1, 2 * rows["m/neutral/p_value"]))
    wanted_by_named = np.zeros((len(EMOTIONS), len(EMOTIONS)), dtype=int)
    wanted_by_named[0, [0, 2]] = wanted_by_named[1, [1, 2]] = 3, 1
    assert (confusion(beliefs, plan, EMOTIONS) == wanted_by_named).all()
    assert rows["m/all/start_cosine"] == pytest.approx(1)
    assert rows["m/all/prior_percentile"] == rows["m/all/prior_percentile_before"]


def test_every_seed_starts_as_exactly_one_of_all_emotions() -> None:
    torch.manual_seed(0)
    generator, recogniser = ToyGenerator(), ToyRecogniser()
    plan = Plan.of(5, range(4))
    z = start_latents(plan, 12, seed=0)
    (own,) = believe(generator, [recogniser], z[None], CPU)
    assert own.hits(plan.labels).mean() == 1 / 4
    assert np.allclose(own.probability.sum(axis=2), 1)
