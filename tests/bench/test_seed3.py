"""The rebuilt deep dream of seed 3 has the published recipe, and dreams."""

import numpy as np
import pytest
import torch

from affekt.features.mel import SAMPLE_RATE
from affekt.features.spectrogram import FAST
from affekt.models.spectrogram_net import SpectrogramResNet
from affekt.optimise.layers import Layer, activation
from bench import seed3


class Pixel(torch.nn.Module):
    """A layer whose activation grows with every pixel by as much as its weight says."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Conv2d(1, 1, 1, bias=False)

    def forward(self, image_BKF: torch.Tensor) -> torch.Tensor:
        return self.layer(image_BKF[:, None])


@pytest.mark.parametrize("size", [1, 64, 128, 191, 192, 257, 1025])
def test_tiles_cover_an_axis_once(size: int) -> None:
    covered = [i for span in seed3.spans(size) for i in range(size)[span]]
    assert covered == list(range(size))
    assert max(len(range(size)[span]) for span in seed3.spans(size)) < 1.5 * seed3.TILE


def test_every_pixel_has_its_tiles_gradient_after_the_roll_back() -> None:
    network, layer = Pixel(), Layer("layer", 1, 1)
    gradient_KF = seed3.tiled_gradient(network, layer, torch.rand(257, 300))
    spans = [
        len(range(257)[rows]) * len(range(300)[columns]) for rows in seed3.spans(257) for columns in seed3.spans(300)
    ]
    weight = network.layer.weight.item()
    expected = sorted(weight / pixels for pixels in spans for _ in range(pixels))
    np.testing.assert_allclose(np.sort(gradient_KF.numpy(), axis=None), expected, rtol=1e-5)


def test_octaves_alone_give_the_image_back() -> None:
    image_KF = torch.rand(257, 150)
    dreamed_KF = seed3.dream_image(Pixel(), Layer("layer", 1, 1), image_KF, octaves=4, iterations=0)
    torch.testing.assert_close(dreamed_KF, image_KF)


def test_a_step_has_the_published_size() -> None:
    torch.manual_seed(0)  # tiles are rolled at random
    image_KF = torch.rand(128, 128)
    moved_KF = seed3.dream_image(Pixel(), Layer("layer", 1, 1), image_KF, octaves=1, iterations=1) - image_KF
    assert float(moved_KF.abs().mean()) == pytest.approx(0.6 / 255, rel=1e-3)


def test_a_dream_raises_the_activation_and_keeps_the_length() -> None:
    torch.manual_seed(0)
    network = SpectrogramResNet(512, 128, channels=4).eval().requires_grad_(False)
    layer = Layer("block3", 16, 1)
    image_KF = torch.rand(257, 140)
    dreamed_KF = seed3.dream_image(network, layer, image_KF, octaves=2, iterations=5)
    before, after = (float(activation(network, layer, seed3.CHANNEL, x[None])) for x in (image_KF, dreamed_KF))
    assert after > before
    wave_T = 0.1 * np.random.default_rng(0).standard_normal(SAMPLE_RATE).astype(np.float32)
    sound_T = seed3.dream_sound(network, layer, wave_T, FAST, octaves=1, iterations=1)
    assert len(sound_T) == len(wave_T)
    assert float(np.abs(sound_T).max()) == pytest.approx(1, abs=1e-6)
