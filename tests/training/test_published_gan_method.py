"""The published recipe: its losses by hand, five steps of the discriminator, its falling rate, and equal bits."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from affekt.core.params import PublishedGanParams
from affekt.features.crops import Crops
from affekt.training.loop import LoopState, TrainResult, TrainSettings, train
from affekt.training.published_gan import (
    PublishedGanMethod,
    adversarial_loss,
    consistency_loss,
    least_squares,
    shift_in_time,
)

CPU = torch.device("cpu")
SEED = 3


def make_method(seed: int = SEED, steps: int = 4, lr: float = 0.001, clips: int = 5) -> PublishedGanMethod:
    """Clips of one window each: noise in the lower bands, silence above."""
    rng = np.random.default_rng(0)
    mel_NM = np.full((160 * clips, 80), -11.5, np.float32)
    mel_NM[:, :40] = rng.uniform(-3, 1, (160 * clips, 40))
    crops = Crops.of(mel_NM, 160 * np.arange(clips), np.full(clips, 160), CPU)
    params = PublishedGanParams(channels=4, steps=steps, batch=2, lr=lr, bf16=False)
    return PublishedGanMethod(params, crops, seed, CPU)


def run(method: PublishedGanMethod, work: Path) -> TrainResult:
    settings = TrainSettings(method.params.steps, SEED, checkpoint_every=3, log_every=1)
    work.mkdir(exist_ok=True)
    return train(method, settings, work, CPU, lambda scalars, step: None, lambda steps, *_, **__: iter(steps))


def test_losses_have_their_formulas() -> None:
    logit = math.log(3)  # of the probability 3 / 4
    real_B, fake_B = torch.tensor([logit, 0.0]), torch.tensor([-logit, -logit])
    assert float(least_squares(real_B, 1.0)) == pytest.approx((0.25**2 + 0.5**2) / 2)
    assert float(adversarial_loss(real_B, fake_B)) == pytest.approx((0.25**2 + 0.5**2) / 2 + 0.25**2)
    shifted_B = torch.tensor([logit + 2.0, -1.0])
    assert float(consistency_loss(real_B, shifted_B)) == pytest.approx(0.1 * 2 * (2.0 + 1.0) / 2)


def test_shifts_are_in_time_and_leave_nothing_behind() -> None:
    mel_BMF = torch.arange(1.0, 6.0).expand(3, 2, 5)
    expected = [[1, 2, 3, 4, 5], [0, 0, 1, 2, 3], [2, 3, 4, 5, 0]]
    shifted_BMF = shift_in_time(mel_BMF, torch.tensor([0, 2, -1]))
    assert shifted_BMF[:, 1].tolist() == expected
    assert torch.equal(shifted_BMF[:, 0], shifted_BMF[:, 1])


def test_a_batch_is_scaled_mels_and_the_same_shifted_by_up_to_a_tenth() -> None:
    method = make_method()
    shifts = set()
    for seed in range(40):
        batch = method.batch(0, torch.Generator().manual_seed(seed))
        for real_MF, shifted_MF in zip(batch["real"], batch["shifted"], strict=True):
            assert (float(real_MF.min()), float(real_MF.max())) == pytest.approx((0, 1))
            (shift,) = [s for s in range(-30, 31) if torch.equal(*overlap(real_MF[0], shifted_MF[0], s))]
            shifts.add(shift)
        assert batch["latent"].shape == (2, 512)
    assert len(shifts) > 20
    assert min(shifts) >= -16
    assert max(shifts) <= 16


def overlap(row_F: Tensor, shifted_F: Tensor, shift: int) -> tuple[Tensor, Tensor]:
    """The parts of a row and of the row shifted that hold the same frames, if it was shifted by so many."""
    if shift >= 0:
        return row_F[: 160 - shift], shifted_F[shift:]
    return row_F[-shift:], shifted_F[: 160 + shift]


def test_five_discriminator_steps_on_the_same_batch_and_noise_for_each_of_the_generator() -> None:
    method = make_method()
    state = LoopState(method, TrainSettings(steps=2, seed=SEED), CPU)
    updated: list[str] = []
    seen: list[Tensor] = []
    plain_update = state.update

    def update(name: str, loss: Tensor) -> None:
        updated.append(name)
        plain_update(name, loss)

    state.update = update  # type: ignore[method-assign]
    method.discriminator.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].detach().clone()))
    before = {key: value.clone() for key, value in method.generator.named_parameters()}
    batch = method.batch(0, torch.Generator().manual_seed(0))
    method.step(state, batch)
    assert updated == ["discriminator"] * 5 + ["generator"]
    assert len(seen) == 5 * 3 + 1
    for number in range(5):
        real, fake, shifted = seen[3 * number : 3 * number + 3]
        assert torch.equal(real, batch["real"])
        assert torch.equal(shifted, batch["shifted"])
        assert torch.equal(fake, seen[1])
    assert torch.equal(seen[-1], seen[1])
    assert any(not torch.equal(before[key], value) for key, value in method.generator.named_parameters())


def test_adam_is_the_published_one_and_its_rate_falls_each_epoch() -> None:
    method = make_method(clips=5)  # three batches of two
    state = LoopState(method, TrainSettings(steps=100, seed=SEED), CPU)
    rates = []
    for step in range(7):
        state.step = step
        rates.append(state.rate(state.specs["generator"]))
    assert rates == pytest.approx([0.001 * 0.99**epoch for epoch in (0, 0, 0, 1, 1, 1, 2)])
    method.step(state, method.batch(0, torch.Generator().manual_seed(0)))
    (group,) = state.optimisers["discriminator"].param_groups
    assert (group["betas"], group["weight_decay"]) == ((0.5, 0.999), 0)
    assert group["lr"] == pytest.approx(0.001 * 0.99**2)


def test_a_step_improves_both_networks_at_their_own_losses() -> None:
    method = make_method()
    state = LoopState(method, TrainSettings(steps=2, seed=SEED), CPU)
    batch = method.batch(0, torch.Generator().manual_seed(0))

    @torch.no_grad()
    def losses() -> tuple[float, float]:
        """Of the discriminator without consistency, and of the generator."""
        fake_BMF = method.generator(batch["latent"])
        real_B, fake_B = method.discriminator(batch["real"]), method.discriminator(fake_BMF)
        return float(adversarial_loss(real_B, fake_B)), float(least_squares(fake_B, 1.0))

    untrained, _ = losses()
    scalars = method.step(state, batch)
    assert set(scalars) == {"adv/discriminator", "adv/generator"}
    assert float(scalars["adv/discriminator"]) < untrained
    assert losses()[1] < float(scalars["adv/generator"])


def test_two_runs_and_a_resumed_one_are_equal_to_the_bit(tmp_path: Path) -> None:
    weights = []
    for name, seed in (("first", SEED), ("second", SEED), ("second", SEED + 1)):
        method = make_method(seed)  # the third goes on from the second's checkpoint after step 3
        run(method, tmp_path / name)
        weights.append(method.generator.state_dict() | method.discriminator.state_dict())
    for other in weights[1:]:
        assert all(torch.equal(weights[0][key], other[key]) for key in weights[0])
