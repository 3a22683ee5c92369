"""The prototype's GAN has the published sizes, and what follows from its parts."""

import pytest
import torch
from torch import nn

from affekt.models.published_gan import PUBLISHED_CHANNELS, PublishedDiscriminator, PublishedGenerator


def parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_networks_have_the_published_numbers_of_parameters() -> None:
    assert PUBLISHED_CHANNELS == 64
    assert parameters(PublishedGenerator()) == 15_863_619
    assert parameters(PublishedDiscriminator()) == 2_756_929


@pytest.fixture(scope="module")
def generator() -> PublishedGenerator:
    torch.manual_seed(0)
    return PublishedGenerator(latent=6, channels=4)


def test_mels_lie_between_0_and_1(generator: PublishedGenerator) -> None:
    mel_BMF = generator(torch.randn(3, 6, generator=torch.Generator().manual_seed(0)))
    assert mel_BMF.shape == (3, 80, 160)
    assert mel_BMF.dtype == torch.float32
    assert 0 < mel_BMF.min() < mel_BMF.max() < 1
    assert generator.latent == 6


def test_the_output_has_batch_norm_and_a_leaky_slope(generator: PublishedGenerator) -> None:
    """Before the sigmoid, what is negative is a fifth of what the batch norm gives: mean 0 and deviation 1."""
    with torch.no_grad():
        leaky_BMF = torch.logit(generator(torch.randn(16, 6, generator=torch.Generator().manual_seed(1))).double())
    normed_BMF = torch.where(leaky_BMF < 0, leaky_BMF / 0.2, leaky_BMF)
    assert float(normed_BMF.mean()) == pytest.approx(0, abs=1e-3)
    assert float(normed_BMF.std()) == pytest.approx(1, abs=1e-2)


def test_the_discriminator_gives_the_mean_of_its_map() -> None:
    torch.manual_seed(0)
    discriminator = PublishedDiscriminator(channels=4).eval()
    mel_BMF = torch.rand(3, 80, 160)
    map_BCMF = discriminator.body(mel_BMF[:, None])
    assert map_BCMF.shape == (3, 1, 5, 10)
    torch.testing.assert_close(discriminator(mel_BMF), map_BCMF.mean((1, 2, 3)))
