"""The prototype's GAN at its published shapes: what our GAN is compared with.

Built from the facts told of it, for comparison: transposed convolutions with batch norm and leaky ReLU from a latent to
a mel in 0..1 (batch norm on the output too), and four strided convolutions with batch norm back to one score. With 64
channels they have the published 15,863,619 and 2,756,929 parameters.

Axes: B batch, L latent, C channels, M mel bands, F frames.
"""

from itertools import pairwise

from torch import Tensor, nn

LATENT = 512
GRID = (5, 10)  # bands x frames of the coarsest map
WIDTHS = (8, 4, 2, 1)  # of the maps from coarse to fine, in units of `channels`
SLOPE = 0.2
PUBLISHED_CHANNELS = 64


class PublishedGenerator(nn.Module):
    """Latents (B, L), standard normal, to mels (B, M, F) = (B, 80, 160) in 0..1, in float32.

    features/unit_range.py makes log mels of them.
    """

    def __init__(self, latent: int = LATENT, channels: int = PUBLISHED_CHANNELS):
        super().__init__()
        self.latent = latent
        widths = [width * channels for width in WIDTHS]
        layers: list[nn.Module] = [nn.ConvTranspose2d(latent, widths[0], GRID), *_finish(widths[0])]
        for coarse, fine in pairwise([*widths, 1]):
            layers += [nn.ConvTranspose2d(coarse, fine, 4, stride=2, padding=1), *_finish(fine)]
        self.body = nn.Sequential(*layers)

    def forward(self, latent_BL: Tensor) -> Tensor:
        return self.body(latent_BL[:, :, None, None])[:, 0].float().sigmoid()


class PublishedDiscriminator(nn.Module):
    """Mels (B, 80, 160) in 0..1 to scores (B,) before the sigmoid, the mean over places, in float32.

    In training its batch norms see the samples of a call together.
    """

    def __init__(self, channels: int = PUBLISHED_CHANNELS):
        super().__init__()
        widths = [width * channels for width in reversed(WIDTHS)]
        layers: list[nn.Module] = []
        for fine, coarse in pairwise([1, *widths]):
            layers += [nn.Conv2d(fine, coarse, 4, stride=2, padding=1), *_finish(coarse)]
        self.body = nn.Sequential(*layers, nn.Conv2d(widths[-1], 1, 1))

    def forward(self, mel_BMF: Tensor) -> Tensor:
        return self.body(mel_BMF[:, None]).float().mean((1, 2, 3))


def _finish(channels: int) -> list[nn.Module]:
    """What follows each convolution."""
    return [nn.BatchNorm2d(channels), nn.LeakyReLU(SLOPE)]
