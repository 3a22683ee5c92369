"""The GAN's networks: shapes, range, and the parts that have a formula."""

import pytest
import torch

from affekt.models.gan import LOUDEST, Discriminator, Generator, set_batch_statistics, spread_within_groups


@pytest.fixture(scope="module")
def generator() -> Generator:
    torch.manual_seed(0)
    return Generator(latent=12, channels=4).eval()


def test_generator_gives_normalised_mels_of_the_projects_size(generator: Generator) -> None:
    mel_BMF = generator(torch.randn(3, 12, generator=torch.Generator().manual_seed(0)))
    assert mel_BMF.shape == (3, 80, 160)
    assert mel_BMF.dtype == torch.float32
    assert mel_BMF.abs().max() <= LOUDEST
    assert generator.latent == 12


def test_generator_in_eval_mode_treats_samples_alone(generator: Generator) -> None:
    latent_BL = torch.randn(4, 12, generator=torch.Generator().manual_seed(1))
    alone = torch.cat([generator(latent_BL[i : i + 1]) for i in range(4)])
    torch.testing.assert_close(generator(latent_BL), alone)


def test_a_latents_gradient_reaches_it(generator: Generator) -> None:
    latent_BL = torch.randn(2, 12, generator=torch.Generator().manual_seed(2)).requires_grad_()
    (gradient,) = torch.autograd.grad(generator(latent_BL)[0].sum(), latent_BL)
    assert gradient[0].abs().min() > 0
    assert torch.equal(gradient[1], torch.zeros(12))


def test_discriminator_gives_one_logit_a_mel() -> None:
    assert Discriminator(channels=4)(torch.zeros(3, 80, 160)).shape == (3,)


def test_discriminator_refuses_other_sizes() -> None:
    with pytest.raises(ValueError, match=r"\(B, 80, 160\), got \(3, 80, 128\)"):
        Discriminator(channels=4)(torch.zeros(3, 80, 128))


def test_spread_is_the_mean_deviation_within_groups_of_four() -> None:
    x_BC = torch.randn(8, 5, generator=torch.Generator().manual_seed(3))
    spread = spread_within_groups(x_BC)
    for first in (0, 1):
        expected = x_BC[first::2].std(0, correction=0).mean()
        torch.testing.assert_close(spread[first::2], expected.expand(4), atol=1e-5, rtol=0)


def test_spread_of_equal_samples_is_nothing_and_has_a_finite_gradient() -> None:
    x_BC = torch.ones(4, 5, requires_grad=True)
    spread = spread_within_groups(x_BC)
    torch.testing.assert_close(spread, torch.full((4,), 1e-3))
    (gradient,) = torch.autograd.grad(spread.sum(), x_BC)
    assert gradient.isfinite().all()


def test_batch_statistics_are_those_of_the_latents() -> None:
    torch.manual_seed(0)
    network = Generator(latent=12, channels=4).eval()
    latent_NL = 3 * torch.randn(64, 12)
    set_batch_statistics(network, latent_NL, batch=32)
    first = network.body[0]
    hidden_BCMF = network.linear(latent_NL).unflatten(1, (5, 10, 32)).permute(0, 3, 1, 2)
    torch.testing.assert_close(first.running_mean, hidden_BCMF.mean((0, 2, 3)), atol=1e-5, rtol=1e-4)
    pieces = [half.var((0, 2, 3)) for half in hidden_BCMF.split(32)]
    torch.testing.assert_close(first.running_var, torch.stack(pieces).mean(0), atol=1e-5, rtol=1e-4)
    assert not network.training


def test_a_class_changes_what_is_made_and_how_real_it_is() -> None:
    torch.manual_seed(0)
    generator, discriminator = Generator(12, 4, classes=3).eval(), Discriminator(4, classes=3)
    latent_BL = torch.randn(2, 12)
    one, other = (generator(latent_BL, torch.full((2,), label)) for label in (0, 2))
    assert one.shape == (2, 80, 160)
    assert not torch.allclose(one, other)
    first, second = (discriminator(one, torch.full((2,), label)) for label in (0, 2))
    hidden = discriminator.project.weight
    assert hidden.shape[0] == 3
    assert not torch.allclose(first, second)
    with torch.no_grad():
        hidden.zero_()
    torch.testing.assert_close(discriminator(one, torch.tensor([0, 1])), discriminator(one, torch.tensor([2, 2])))


@pytest.mark.parametrize("classes", [0, 3])
def test_labels_have_to_be_there_just_when_there_are_classes(classes: int) -> None:
    label_B = None if classes else torch.zeros(2, dtype=torch.long)
    how = "without" if classes else "with"
    with pytest.raises(ValueError, match=f"{classes} classes was called {how} labels"):
        Generator(12, 4, classes)(torch.randn(2, 12), label_B)
    with pytest.raises(ValueError, match=f"{classes} classes was called {how} labels"):
        Discriminator(4, classes)(torch.zeros(2, 80, 160), label_B)


def test_statistics_are_of_the_classes_that_are_given() -> None:
    torch.manual_seed(1)
    generator = Generator(12, 4, classes=2)
    latent_NL = torch.randn(128, 12)
    means = []
    for label in (0, 1):
        set_batch_statistics(generator, latent_NL, torch.full((128,), label))
        norm = generator.body[0]
        assert isinstance(norm, torch.nn.BatchNorm2d)
        means.append(norm.running_mean.clone())  # type: ignore[union-attr]
    assert not torch.allclose(*means)
