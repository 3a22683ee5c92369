"""Random views keep the shape, carry gradients, hide what they say and depend on the generator alone."""

import pytest
import torch

from affekt.optimise.transforms import MAX_LEVEL_DB, NATS_PER_DB, mask, random_view, random_wave_view, shift_time


def rng(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_views_keep_shape_and_are_differentiable() -> None:
    mel = torch.randn(3, 80, 160, generator=rng(0)).requires_grad_(True)
    for seed in range(50):
        view = random_view(mel, rng(seed))
        assert view.shape == mel.shape
        (gradient,) = torch.autograd.grad(view.square().sum(), mel)
        assert gradient.isfinite().all()
        assert (gradient != 0).float().mean() > 0.6


def test_views_are_the_same_for_every_sample_and_seed() -> None:
    mel = torch.randn(3, 80, 160, generator=rng(0))
    together = random_view(mel, rng(7))
    assert torch.equal(together, random_view(mel, rng(7)))
    assert torch.equal(together[1:2], random_view(mel[1:2], rng(7)))
    assert not torch.equal(together, random_view(mel, rng(8)))


def test_shift_moves_frames_and_fills_with_the_edge() -> None:
    mel = torch.arange(6.0).expand(1, 2, 6)
    assert shift_time(mel, 2)[0, 0].tolist() == [0, 0, 0, 1, 2, 3]
    assert shift_time(mel, -2)[0, 0].tolist() == [2, 3, 4, 5, 5, 5]
    assert torch.equal(shift_time(mel, 0), mel)


@pytest.mark.parametrize(("dim", "axis"), [(1, (0, 2)), (2, (0, 1))])
def test_mask_hides_rows_with_the_mean(dim: int, axis: tuple[int, int]) -> None:
    mel = torch.randn(2, 8, 12, generator=rng(0))
    hidden = mask(mel, dim, 3, 0.999)
    changed = (hidden != mel).any(dim=axis[0]).any(dim=axis[1] - 1)
    size = mel.shape[dim]
    assert changed.nonzero().squeeze(1).tolist() == [size - 3, size - 2, size - 1]
    assert torch.allclose(hidden.narrow(dim, size - 3, 1)[1].flatten(), mel[1].mean())


def test_level_stays_in_its_bounds() -> None:
    constant = torch.full((1, 80, 160), -5.0)  # shifts and masks do not change it
    levels = torch.stack([random_view(constant, rng(seed)).mean() + 5 for seed in range(200)]) / NATS_PER_DB
    assert levels.abs().max() <= MAX_LEVEL_DB
    assert levels.std() == pytest.approx(2 * MAX_LEVEL_DB / 12**0.5, rel=0.15)  # of a uniform distribution


def test_views_of_waveforms_keep_the_shape_and_do_not_mix_samples() -> None:
    wave = torch.randn(3, 20000, generator=rng(0)).requires_grad_(True)
    for seed in range(20):
        view = random_wave_view(wave, rng(seed))
        assert view.shape == wave.shape
        assert torch.equal(view[1:2], random_wave_view(wave[1:2], rng(seed)))
        (gradient,) = torch.autograd.grad(view.square().sum(), wave)
        assert gradient.isfinite().all()
        assert (gradient != 0).float().mean() > 0.8  # what is shifted out has none
    assert not torch.equal(random_wave_view(wave, rng(1)), random_wave_view(wave, rng(2)))


def test_noise_of_a_waveforms_view_is_below_its_level() -> None:
    wave = torch.zeros(1, 22050)
    wave[0, 8000:12000] = 0.5
    for seed in range(20):
        view = random_wave_view(wave, rng(seed))
        quiet = view[0, :4000].square().mean().sqrt() / view.square().mean().sqrt()
        assert 10 ** (-51 / 20) < quiet < 10 ** (-24 / 20)
