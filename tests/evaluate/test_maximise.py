"""The whole climb on toy networks: it succeeds, stays in the prior, and the judge never sees a gradient."""

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import chi
from torch import Tensor, nn

from affekt.core.errors import UserError
from affekt.evaluate.maximise import (
    Beliefs,
    Listened,
    check_emotions,
    listen,
    summarise,
    summarise_features,
)
from affekt.evaluate.proportions import mcnemar
from affekt.features.mel import log_mel, normalise
from affekt.optimise.engine import Settings
from affekt.optimise.maximise import Plan, Voice, believed_by_all, maximise, settings_for, start_latents
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

    def embed(self, mel_BMF: Tensor, frames_B: Tensor | None = None) -> Tensor:
        return mel_BMF.mean(dim=2)[:, :6]


def climb() -> tuple[Trajectory, Plan, Beliefs, Beliefs, Judge]:
    torch.manual_seed(0)
    generator, recogniser, judge = ToyGenerator(), ToyRecogniser(), Judge()
    judge.load_state_dict(recogniser.state_dict())
    plan = Plan.of(6, [0, 2, 3])
    voice = Voice(generator)
    trajectory = maximise(voice, [recogniser], plan, SETTINGS, 1.0, CPU)
    assert judge.calls == 0
    heard = listen(voice, [recogniser], judge, trajectory, plan, CPU)
    return trajectory, plan, heard.own, heard.judge, judge


def test_climb_succeeds_within_the_prior_and_the_judge_has_no_gradient() -> None:
    trajectory, plan, own, judged, judge = climb()
    assert judge.calls > 0
    rows = summarise(trajectory, plan, own, judged, EMOTIONS, "maximise/gan/mel_cnn", 1 / 4)
    assert rows["maximise/gan/mel_cnn/all/own_after"] >= 0.9
    assert rows["maximise/gan/mel_cnn/all/own_before"] < 0.7
    assert 1 < rows["maximise/gan/mel_cnn/all/prior_percentile"] < 99
    rates = ["own_before", "own_after", "judge_before", "judge_after"]
    assert set(rows) >= {
        f"maximise/gan/mel_cnn/{emotion}/{figure}"
        for emotion in ("neutral", "happy", "sad", "all")
        for figure in (*rates, "p_value", "prior_percentile")
    }
    assert {f"maximise/gan/mel_cnn/happy/{figure}" for figure in ("p_holm", "p_chance", "judge_elsewhere")} <= set(rows)
    assert "maximise/gan/mel_cnn/all/p_chance" not in rows  # its samples are not independent
    assert not any("calm" in key for key in rows)  # no latent was asked to be calm
    hits = judged.hits(plan.labels)
    happy = np.asarray(plan.labels) == 2
    assert rows["maximise/gan/mel_cnn/happy/p_value"] == mcnemar(hits[0, happy], hits[-1, happy])
    assert rows["maximise/gan/mel_cnn/happy/judge_after"] == hits[-1, happy].mean()


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
    rows = summarise(trajectory, plan, beliefs, beliefs, EMOTIONS, "m", 1 / 4)
    assert rows["m/all/p_value"] == pytest.approx(2 * 0.5**3)  # three seeds rose, none fell
    assert rows["m/all/judge_after"] == 0.75
    assert rows["m/neutral/p_value"] == pytest.approx(2 * 0.5**3)
    assert rows["m/neutral/judge_elsewhere"] == 0  # of the four that should be calm, none is named neutral
    assert rows["m/neutral/p_holm"] == pytest.approx(min(1, 2 * rows["m/neutral/p_value"]))
    assert rows["m/all/start_cosine"] == pytest.approx(1)
    assert rows["m/all/prior_percentile"] == rows["m/all/prior_percentile_before"]


def test_every_seed_starts_as_exactly_one_of_all_emotions() -> None:
    torch.manual_seed(0)
    generator, recogniser, judge = ToyGenerator(), ToyRecogniser(), Judge()
    plan = Plan.of(5, range(4))
    z = start_latents(plan, 12, seed=0)
    still = Trajectory(z, z, {}, (0,), z[None], torch.zeros(len(z), dtype=torch.bool))
    heard = listen(Voice(generator), [recogniser], judge, replace_snapshots(still), plan, CPU)
    assert heard.own.hits(plan.labels).mean() == 1 / 4
    assert np.allclose(heard.own.probability.sum(axis=2), 1)


def replace_snapshots(still: Trajectory) -> Trajectory:
    """The same with two snapshots, before and after no step at all."""
    return dataclasses.replace(still, snapshot_steps=(0, 0), snapshots=still.snapshots.repeat(2, 1, 1))


class ToyVocoder(nn.Module):
    """A sinusoid for each of the lowest bands, as loud as the band: 40 frames."""

    def forward(self, mel_BMF: Tensor) -> Tensor:
        time_T = torch.arange(39 * 256) / 22050
        tones_MT = torch.stack([torch.sin(2 * torch.pi * 200 * (i + 1) * time_T) for i in range(8)])
        return 0.05 * mel_BMF[:, :8].mean(2).exp() @ tones_MT


class ToyListener(nn.Module):
    """A recogniser of waveforms: the level of eight sinusoids."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(80, len(EMOTIONS))

    def forward(self, wave_BT: Tensor, samples_B: Tensor | None = None) -> Tensor:
        return 10 * self.linear(normalise(log_mel(wave_BT)).mean(2))


def test_in_the_waveform_domain_the_judge_hears_the_waveform() -> None:
    torch.manual_seed(0)
    voice = Voice(ToyGenerator(), ToyVocoder())
    listener, judge = ToyListener(), Judge()
    plan = Plan.of(3, [0, 2])
    trajectory = maximise(voice, [listener], plan, SETTINGS, 1.0, CPU)
    heard = listen(voice, [listener], judge, trajectory, plan, CPU)
    assert heard.own.wanted(plan.labels)[-1].mean() > heard.own.wanted(plan.labels)[0].mean() + 0.2
    with torch.no_grad():
        judged = judge(log_mel(voice.speak(voice.mel(trajectory.end)))).softmax(1).numpy()
        of_mel = judge(voice.mel(trajectory.end)).softmax(1).numpy()
    np.testing.assert_allclose(heard.judge.probability[-1], judged, atol=1e-5)
    assert np.abs(heard.judge.probability[-1] - of_mel).max() > 0.01


def test_a_condition_is_what_is_wanted_or_never_it() -> None:
    plan = Plan.of(4, [0, 2, 3])
    assert plan.given(range(8)).condition == plan.labels
    other = plan.given(range(8), mismatched=True).condition
    assert other is not None
    assert all(given != wanted for given, wanted in zip(other, plan.labels, strict=True))
    assert set(other) == {0, 2, 3}
    both = plan.given(range(16), kinds=2).condition
    assert both == tuple(2 * label + seed % 2 for label, seed in zip(plan.labels, plan.seeds, strict=True))
    women = plan.given(range(0, 16, 2), kinds=2).condition  # the prior has heard no man
    assert women == tuple(2 * label for label in plan.labels)
    crossed = plan.given(range(16), mismatched=True, kinds=2).condition
    assert crossed is not None
    of_neutral = {(c // 2, c % 2) for c, label in zip(crossed, plan.labels, strict=True) if label == 0}
    assert of_neutral == {(2, 0), (2, 1), (3, 0), (3, 1)}, "gender and emotion are not tied"
    with pytest.raises(ValueError, match="two emotions"):
        Plan.of(4, [1]).given(range(8), mismatched=True)


def test_an_emotion_of_few_clips_is_refused_before_the_climb() -> None:
    clips = pd.DataFrame({"half": ["a"] * 9 + ["b"] * 9, "emotion": ["happy"] * 6 + ["sad"] * 3 + ["sad"] * 9})
    check_emotions(["happy"], clips)
    with pytest.raises(UserError, match=r"maximise\.emotions: 3 clips .* are sad, fewer than 4; choose of happy in"):
        check_emotions(["happy", "sad"], clips)
    with pytest.raises(UserError, match=r"0 clips .* are calm"):
        check_emotions(["calm"], clips)


def test_a_finished_climb_is_not_climbed_again(tmp_path: Path) -> None:
    voice, recogniser = Voice(ToyGenerator()), ToyRecogniser()
    plan = Plan.of(2, [0, 2])
    first = maximise(voice, [recogniser], plan, SETTINGS, 1.0, CPU, tmp_path)
    steps: list[int] = []
    again = maximise(voice, [recogniser], plan, SETTINGS, 1.0, CPU, tmp_path, lambda left: steps.extend(left) or steps)
    assert steps == []
    assert torch.equal(first.end, again.end)
    assert torch.equal(first.history["score"], again.history["score"])


def test_waveforms_are_climbed_in_smaller_chunks_and_saved_more_often() -> None:
    mel, wave = (settings_for(CPU, 30, 0.1, 1, 0, in_waveform) for in_waveform in (False, True))
    assert wave.checkpoint_every < 10 < mel.checkpoint_every
    assert wave.snapshots < mel.snapshots


class Conditional(ToyGenerator):
    """A generator whose class moves its mel."""

    def forward(self, z_BL: Tensor, label_B: Tensor | None = None) -> Tensor:
        assert label_B is not None
        return super().forward(z_BL) + 0.1 * label_B[:, None, None]


def test_a_sample_keeps_its_condition_whatever_chunk_it_is_in() -> None:
    torch.manual_seed(0)
    voice, recogniser = Voice(Conditional()), ToyRecogniser()
    plan = Plan.of(3, [0, 2]).given(range(8), mismatched=True)
    whole = maximise(voice, [recogniser], plan, SETTINGS, 1.0, CPU)
    single = maximise(voice, [recogniser], plan, dataclasses.replace(SETTINGS, chunk=1), 1.0, CPU)
    torch.testing.assert_close(whole.end, single.end, rtol=1e-3, atol=1e-4)
    matched = maximise(voice, [recogniser], Plan.of(3, [0, 2]).given(range(8)), SETTINGS, 1.0, CPU)
    assert not torch.allclose(whole.end, matched.end, atol=1e-2)


def test_several_recognisers_are_believed_on_average() -> None:
    torch.manual_seed(0)
    first, second, mel = ToyRecogniser(), ToyRecogniser(), torch.randn(3, 80, 160)
    assert believed_by_all([first]) is first
    together = believed_by_all([first, second])(mel)
    torch.testing.assert_close(together, (first(mel).log_softmax(1) + second(mel).log_softmax(1)) / 2)


def test_frechet_distance_falls_where_samples_come_nearer_to_real_ones() -> None:
    plan = Plan.of(60, [0, 1])
    rng = torch.Generator().manual_seed(0)
    real = {label: torch.randn(80, 4, generator=rng).double() + 4 * label for label in (0, 1)}
    far, near = torch.randn(120, 4, generator=rng).double() + 9, torch.randn(120, 4, generator=rng).double()
    near[60:] += 4
    beliefs = Beliefs(np.full((2, 120, 2), 0.5))
    rows = summarise_features(Listened(beliefs, beliefs, far, near), plan, real, ("neutral", "calm"), "m")
    for name in ("neutral", "calm", "all"):
        assert rows[f"m/{name}/frechet_after"] < 1 < rows[f"m/{name}/frechet_before"]
        assert 0 < rows[f"m/{name}/frechet_floor"] < rows[f"m/{name}/frechet_before"] / 4
        assert rows[f"m/{name}/diversity_after"] == pytest.approx(rows[f"m/{name}/diversity_real"], rel=0.25)
