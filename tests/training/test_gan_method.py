"""Training the GAN: the penalty and losses have formulas, windows are the clips', training learns and repeats."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from affekt.core.errors import UserError
from affekt.core.params import GanParams
from affekt.features.crops import Crops, silence
from affekt.features.mel import normalise
from affekt.models.gan import Generator
from affekt.training.adversarial import LOSSES, relativistic_loss
from affekt.training.gan import SHIFT, GanMethod, Views, averaged_generator, gradient_penalty
from affekt.training.loop import TrainResult, TrainSettings, train

CPU = torch.device("cpu")
SEED = 3


def params(steps: int = 4, lr: float = 0.002, ema: float = 0.5) -> GanParams:
    return GanParams(
        latent=8, channels=4, steps=steps, batch=8, lr=lr, loss="relativistic", r1=1.0, r2=1.0, r1_every=2, ema=ema,
        views=True, bf16=False,
    )  # fmt: skip


def toy_crops(lengths: tuple[int, ...] = (120, 160, 200)) -> Crops:
    """Clips whose frame f of clip c holds c + f / 1000 in all bands, after a clip that is left out."""
    frames = np.array(lengths)
    offsets = 7 + np.cumsum(frames) - frames
    rows = [np.full(7, 99.0), *(c + np.arange(n) / 1000 for c, n in enumerate(lengths))]
    mel_NM = np.repeat(np.concatenate(rows)[:, None], 80, axis=1).astype(np.float32)
    return Crops.of(mel_NM, offsets, frames, CPU)


def run(method: GanMethod, work: Path) -> TrainResult:
    ema = {"generator": method.params.ema}
    settings = TrainSettings(method.params.steps, SEED, ema, checkpoint_every=3, log_every=1)
    work.mkdir(exist_ok=True)
    return train(method, settings, work, CPU, lambda scalars, step: None, lambda steps, *_, **__: iter(steps))


def test_penalty_of_a_linear_discriminator_is_the_squared_norm_of_its_weights() -> None:
    rng = torch.Generator().manual_seed(0)
    weight_MF = torch.randn(80, 160, generator=rng).requires_grad_()
    mel_BMF = torch.randn(5, 80, 160, generator=rng).requires_grad_()
    penalty = gradient_penalty((mel_BMF * weight_MF).sum((1, 2)), mel_BMF)
    torch.testing.assert_close(penalty, weight_MF.square().sum())
    (gradient,) = torch.autograd.grad(penalty, weight_MF)
    torch.testing.assert_close(gradient, 2 * weight_MF.detach())  # so it trains the discriminator


def test_relativistic_loss_compares_pairs() -> None:
    wanted, other = torch.tensor([2.0, 0.0]), torch.tensor([1.0, 3.0])
    expected = (math.log1p(math.exp(-1.0)) + math.log1p(math.exp(3.0))) / 2
    assert float(relativistic_loss(wanted, other)) == pytest.approx(expected)
    torch.testing.assert_close(relativistic_loss(wanted + 5, other + 5), relativistic_loss(wanted, other))


def test_windows_of_long_clips_are_consecutive_frames_of_that_clip() -> None:
    crops = toy_crops()
    clip_B = torch.full((64,), 2)
    window_BF = crops.draw(clip_B, torch.Generator().manual_seed(0))[:, 40]
    first_B = window_BF[:, 0]
    expected = first_B[:, None] + torch.arange(160) / 1000 / 3.25
    torch.testing.assert_close(window_BF, expected, atol=1e-5, rtol=0)
    low, high = (float(normalise(torch.tensor(2 + f / 1000))) for f in (0, 40))
    assert float(first_B.min()) == pytest.approx(low, abs=1e-3)
    assert float(first_B.max()) == pytest.approx(high, abs=1e-3)


def test_short_clips_lie_whole_and_at_any_place_in_silence() -> None:
    crops = toy_crops()
    window_BMF = crops.draw(torch.zeros(64, dtype=torch.long), torch.Generator().manual_seed(0))
    speech_BF = window_BMF[:, 0] != silence()
    assert torch.equal(speech_BF.sum(1), torch.full((64,), 120))
    start_B = speech_BF.int().argmax(1)
    assert start_B.min() <= 2
    assert start_B.max() >= 38
    for row, start in zip(window_BMF[:, 0], start_B, strict=True):
        torch.testing.assert_close(row[start : start + 120], normalise(torch.arange(120) / 1000))
    assert silence() == pytest.approx((math.log(1e-5) + 5.0) / 3.25)


def test_no_clip_is_one_clear_error() -> None:
    with pytest.raises(UserError, match="no clip"):
        Crops.of(np.zeros((3, 80), np.float32), np.array([], np.int64), np.array([], np.int64), CPU)


def test_a_view_shifts_levels_and_hides_without_changing_anything_else() -> None:
    views = Views.draw(200, torch.Generator().manual_seed(0), CPU)
    mel_BMF = torch.randn(200, 80, 160, generator=torch.Generator().manual_seed(1))
    seen_BMF = views(mel_BMF)
    hidden_B = (~views.keep).flatten(1).any(1)
    assert 0.3 < float(hidden_B.double().mean()) < 0.7
    assert float(seen_BMF[~views.keep].abs().max()) == 0
    for mel_MF, seen_MF, level, first in zip(
        mel_BMF[~hidden_B], seen_BMF[~hidden_B], views.level[~hidden_B], views.frame[~hidden_B, 0], strict=True
    ):
        shift = (int(first) + SHIFT) % 160 - SHIFT
        assert abs(shift) <= SHIFT
        torch.testing.assert_close(seen_MF, mel_MF.roll(-shift, 1) + level)


def test_gradients_pass_through_a_view() -> None:
    views = Views.draw(4, torch.Generator().manual_seed(0), CPU)
    mel_BMF = torch.zeros(4, 80, 160, requires_grad=True)
    (gradient,) = torch.autograd.grad(views(mel_BMF).sum(), mel_BMF)
    assert float(gradient.sum()) == float(views.keep.sum())


def test_training_gives_finite_losses_and_averages_of_weights(tmp_path: Path) -> None:
    method = GanMethod(params(steps=3, ema=0.9), toy_crops(), SEED, CPU)
    start = {k: v.clone() for k, v in method.generator.state_dict().items()}
    seen: list[dict[str, Tensor]] = []
    settings = TrainSettings(steps=3, seed=SEED, ema={"generator": 0.9}, log_every=1)

    def log(scalars: dict[str, float], step: int) -> None:
        seen.append({k: v.clone() for k, v in method.generator.state_dict().items()})

    result = train(method, settings, tmp_path, CPU, log, lambda steps, *_, **__: iter(steps))
    assert set(result.history) == {"step", "adv/discriminator", "adv/generator", "adv/margin"}
    assert np.isfinite([v for values in result.history.values() for v in values]).all()
    key = "linear.weight"
    expected = 0.9**3 * start[key] + 0.1 * (0.81 * seen[0][key] + 0.9 * seen[1][key] + seen[2][key])
    torch.testing.assert_close(result.ema["generator"][key], expected)


def test_the_generator_moves_to_the_data(tmp_path: Path) -> None:
    """All real mels are loud below and silent above; the generator starts at nothing like it."""
    mel_NM = np.full((400, 80), -11.5, np.float32)
    mel_NM[:, :40] = -1.0
    crops = Crops.of(mel_NM, np.array([0, 200]), np.array([200, 200]), CPU)
    method = GanMethod(params(steps=60, lr=0.005, ema=0.8), crops, SEED, CPU)
    target_MF = crops.draw(torch.tensor([0]), torch.Generator().manual_seed(0))[0]

    def distance(weights: dict[str, Tensor]) -> float:
        copy = Generator(8, 4)
        copy.load_state_dict(weights)
        with torch.no_grad():
            mels = copy(torch.randn(16, 8, generator=torch.Generator().manual_seed(0)))
        return float((mels - target_MF).square().mean())

    before = distance(method.generator.state_dict())
    result = run(method, tmp_path)
    assert distance(result.ema["generator"]) < 0.25 * before


def test_two_runs_and_a_resumed_one_are_equal_to_the_bit(tmp_path: Path) -> None:
    weights = []
    for name in ("first", "second"):
        method = GanMethod(params(), toy_crops(), SEED, CPU)
        run(method, tmp_path / name)
        weights.append(method.generator.state_dict() | method.discriminator.state_dict())
    resumed = GanMethod(params(), toy_crops(), SEED + 1, CPU)
    run(resumed, tmp_path / "second")  # goes on from the checkpoint after step 3
    weights.append(resumed.generator.state_dict() | resumed.discriminator.state_dict())
    for other in weights[1:]:
        assert all(torch.equal(weights[0][key], other[key]) for key in weights[0])


def test_the_averaged_generator_has_the_averaged_weights_and_statistics_of_its_own(tmp_path: Path) -> None:
    method = GanMethod(params(), toy_crops(), SEED, CPU)
    result = run(method, tmp_path)
    last = method.generator.state_dict()["body.0.running_mean"].clone()
    kept = averaged_generator(method, result.ema["generator"], torch.Generator().manual_seed(0), samples=128)
    assert torch.equal(kept.linear.weight, result.ema["generator"]["linear.weight"])
    assert not torch.equal(kept.state_dict()["body.0.running_mean"], last)
    assert not kept.training


def test_a_conditional_gan_learns_which_class_looks_how(tmp_path: Path) -> None:
    lengths = (160, 160)
    mel_NM = np.repeat(np.repeat(np.array([-9.0, -1.0]), 160)[:, None], 80, axis=1).astype(np.float32)
    crops = Crops.of(mel_NM, np.array([0, 160]), np.array(lengths), CPU)
    method = GanMethod(params(steps=80, lr=0.005, ema=0.8), crops, SEED, CPU, np.array([0, 1]), classes=2)
    result = run(method, tmp_path)
    kept = averaged_generator(method, result.ema["generator"], torch.Generator().manual_seed(0), samples=64)
    latent_BL = torch.randn(16, 8, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        dark, bright = (float(kept(latent_BL, torch.full((16,), label)).mean()) for label in (0, 1))
    assert bright > dark + 0.5


def test_a_fake_is_of_the_class_of_the_real_mel_beside_it() -> None:
    crops = toy_crops((160, 160, 160))
    method = GanMethod(params(), crops, SEED, CPU, np.array([2, 0, 1]), classes=3)
    batch = method.batch(0, torch.Generator().manual_seed(0))
    clip_B = torch.randint(3, (8,), generator=torch.Generator().manual_seed(0))
    assert torch.equal(batch["label"], torch.tensor([2, 0, 1])[clip_B])
    assert "label" not in GanMethod(params(), crops, SEED, CPU).batch(0, torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", LOSSES)
def test_each_loss_pulls_real_and_fake_apart_and_the_fake_up(name: str) -> None:
    real_B, fake_B = torch.tensor([0.2, -0.3], requires_grad=True), torch.tensor([0.1, 0.4], requires_grad=True)
    up, down = torch.autograd.grad(LOSSES[name].discriminator(real_B, fake_B), [real_B, fake_B])
    assert (up < 0).all()
    assert (down > 0).all()
    (gradient,) = torch.autograd.grad(LOSSES[name].generator(real_B, fake_B), [fake_B])
    assert (gradient < 0).all()


def test_losses_have_their_formulas() -> None:
    real_B, fake_B = torch.tensor([2.0]), torch.tensor([0.5])
    assert float(LOSSES["logistic"].discriminator(real_B, fake_B)) == pytest.approx(
        math.log1p(math.exp(-2.0)) + math.log1p(math.exp(0.5))
    )
    assert float(LOSSES["hinge"].discriminator(real_B, fake_B)) == 1.5  # the real one is beyond its margin
    assert float(LOSSES["hinge"].generator(real_B, fake_B)) == -0.5


def test_without_views_mels_are_seen_as_they_are(tmp_path: Path) -> None:
    plain = params().model_copy(update={"views": False, "r2": 0.0, "loss": "hinge"})
    method = GanMethod(plain, toy_crops((160, 160)), SEED, CPU)
    batch = method.batch(0, torch.Generator().manual_seed(0))
    clip_B = torch.randint(2, (8,), generator=torch.Generator().manual_seed(0))
    assert torch.equal(batch["real"], method.crops.cut(clip_B, torch.zeros(8, dtype=torch.long)))
    mel_BMF = torch.randn(8, 80, 160)
    assert torch.equal(Views.plain(8, torch.Generator(), CPU)(mel_BMF), mel_BMF)
    assert np.isfinite(run(method, tmp_path).history["adv/generator"]).all()
