"""The gradient penalty: its value where it is known, where between real and fake it looks, and that it trains."""

import pytest
import torch
from torch import Tensor

from affekt.training.wasserstein import penalty

SHAPE = (3, 4)


def pairs(batch: int = 5) -> tuple[Tensor, Tensor, Tensor]:
    """Real things, fakes, and places between them."""
    rng = torch.Generator().manual_seed(0)
    real, fake = torch.randn(2, batch, *SHAPE, generator=rng)
    return real, fake, torch.rand(batch, generator=rng)


@pytest.mark.parametrize("norm", [0.25, 1.0, 3.0])
def test_of_a_linear_critic_it_is_the_squared_distance_of_its_norm_from_1(norm: float) -> None:
    weight = torch.randn(SHAPE, generator=torch.Generator().manual_seed(1))
    weight = norm * weight / weight.norm()
    found = penalty(lambda x: (x * weight).sum((1, 2)) + 7, *pairs())
    assert float(found) == pytest.approx((norm - 1) ** 2, abs=1e-6)


def test_it_pulls_the_norm_of_a_linear_critic_to_1() -> None:
    for norm in (0.5, 2.0):
        weight = torch.full(SHAPE, norm / 12**0.5, requires_grad=True)
        (gradient,) = torch.autograd.grad(penalty(lambda x, w=weight: (x * w).sum((1, 2)), *pairs()), weight)
        torch.testing.assert_close(gradient, 2 * (norm - 1) * weight.detach() / norm)


def test_norms_are_of_each_thing_and_not_of_the_batch() -> None:
    """Slopes 0 and 2 are both wrong by 1, though right in the mean."""
    real, fake, mix_B = pairs(2)
    slope_B = torch.tensor([0.0, 2.0])
    found = penalty(lambda x: slope_B * x[:, 0, 0], real, fake, mix_B)
    assert float(found) == pytest.approx(1.0)


@pytest.mark.parametrize("mix", [0.0, 0.3, 1.0])
def test_it_looks_at_the_fake_where_mix_is_0_and_at_the_real_thing_where_it_is_1(mix: float) -> None:
    real, fake, _ = pairs()
    seen = []

    def critic(x: Tensor) -> Tensor:
        seen.append(x.detach())
        return x.sum((1, 2))

    penalty(critic, real, fake, torch.full((5,), mix))
    torch.testing.assert_close(seen[0], mix * real + (1 - mix) * fake)


def test_each_pair_has_its_own_place() -> None:
    real, fake = torch.ones(2, 3), torch.zeros(2, 3)
    mix_B = torch.tensor([0.25, 0.75])
    # The slope of half a square is the place itself: 3 ** 0.5 times the mix, as a norm.
    found = penalty(lambda x: x.square().sum(1) / 2, real, fake, mix_B)
    assert float(found.detach()) == pytest.approx(float((3**0.5 * mix_B - 1).square().mean()))


def test_it_trains_the_critic_and_not_the_fakes() -> None:
    real, fake, mix_B = pairs()
    weight, fake = torch.tensor(0.3, requires_grad=True), fake.requires_grad_()
    loss = penalty(lambda x: weight * x.square().sum((1, 2)), real, fake, mix_B)
    for_weight, for_fake = torch.autograd.grad(loss, [weight, fake], allow_unused=True)
    assert abs(float(for_weight)) > 1e-3
    assert for_fake is None
