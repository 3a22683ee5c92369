"""The mel GAN's two networks: a generator of 80 x 160 mels and the discriminator that trains it; both may know a class.

Axes: B batch, L latent, E classes, C channels, M mel bands, F frames. Mels are in normalised units (features/mel.py):
silence is -2, the loudest band of real speech about 2.1.

The shapes are DCGAN's (Radford, Metz and Chintala 2016, arXiv 1511.06434, section 3) with two changes that a CPU
repays: both networks touch full resolution only by pixel (un)shuffle, in one 3 x 3 convolution at 40 x 80, and all
maps are channels-last. Position matters in a mel, low bands being unlike high ones: the linear layers at the coarsest
scale know where they are.
"""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from affekt.features.crops import N_FRAMES
from affekt.features.mel import N_MELS

GRID = (5, 10)  # bands x frames of the coarsest map
WIDTHS = (8, 4, 2, 1)  # of the maps from coarse to fine, in units of `channels`; the finest is 40 x 80
FOLD = 2  # from the finest map to the mel, by pixel shuffle
SLOPE = 0.2  # of leaky ReLUs, as in DCGAN
LOUDEST = 2.25  # the generator's range is -LOUDEST to LOUDEST, a little more than that of real mels
FEATURES = 64  # of the discriminator's last hidden layer
CONDITION = 64  # numbers that a class becomes beside the latent
GROUP = 4  # samples whose spread the discriminator sees at once (Karras et al. 2018, arXiv 1710.10196, section 3)


class Generator(nn.Module):
    """Latents (B, L), standard normal, to normalised mels (B, M, F) = (B, 80, 160) in float32.

    Batch norm inside (not on the output) is what makes a few hundred steps enough; in eval mode it is an affine map.
    With classes, each sample's label (B,) is an embedding beside its latent.
    """

    def __init__(self, latent: int = 512, channels: int = 32, classes: int = 0):
        super().__init__()
        self.latent, self.classes = latent, classes
        widths = [width * channels for width in WIDTHS]
        inputs = latent + (CONDITION if classes else 0)
        self.linear = nn.Linear(inputs, widths[0] * GRID[0] * GRID[1], bias=False)
        layers: list[nn.Module] = [nn.BatchNorm2d(widths[0]), nn.LeakyReLU(SLOPE)]
        for coarse, fine in pairwise(widths):
            up = nn.ConvTranspose2d(coarse, fine, 4, stride=2, padding=1, bias=False)
            layers += [up, nn.BatchNorm2d(fine), nn.LeakyReLU(SLOPE)]
        layers.append(nn.Conv2d(widths[-1], FOLD**2, 3, padding=1))
        self.body = nn.Sequential(*layers)  # one sequence, so that batch norms can be folded for inference
        if classes:
            self.condition = nn.Embedding(classes, CONDITION)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, latent_BL: Tensor, label_B: Tensor | None = None) -> Tensor:
        check_labels(self.classes, label_B)
        if label_B is not None:
            latent_BL = torch.cat([latent_BL, self.condition(label_B)], dim=1)
        # The last axis of the linear layer's output is channels, so that the map is channels-last without a copy.
        map_BCMF = self.linear(latent_BL).unflatten(1, (*GRID, -1)).permute(0, 3, 1, 2)
        mel_BMF = F.pixel_shuffle(self.body(map_BCMF), FOLD)[:, 0]
        return LOUDEST * torch.tanh(mel_BMF.float() / LOUDEST)


class Discriminator(nn.Module):
    """Normalised mels (B, 80, 160) to logits (B,) that they are real, in float32; without batch norm.

    Batch norm would mix samples, and the gradient penalties are of single samples. The one thing it sees of the other
    samples is their spread, against collapse. With classes it says how real a mel is as one of its class: the features'
    product with the class's embedding is added (projection, Miyato and Koyama 2018, arXiv 1802.05637).
    """

    def __init__(self, channels: int = 32, classes: int = 0):
        super().__init__()
        self.classes = classes
        widths = [width * channels for width in reversed(WIDTHS)]
        self.stem = nn.Conv2d(FOLD**2, widths[0], 3, padding=1)
        self.downs = nn.ModuleList(nn.Conv2d(fine, coarse, 4, stride=2, padding=1) for fine, coarse in pairwise(widths))
        self.hidden = nn.Linear(widths[-1] * GRID[0] * GRID[1] + 1, FEATURES)
        self.logit = nn.Linear(FEATURES, 1)
        if classes:
            self.project = nn.Embedding(classes, FEATURES)
            nn.init.normal_(self.project.weight, std=FEATURES**-0.5)  # about as large as the logit's own weights
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, mel_BMF: Tensor, label_B: Tensor | None = None) -> Tensor:
        check_labels(self.classes, label_B)
        if mel_BMF.shape[1:] != (N_MELS, N_FRAMES):
            raise ValueError(f"mels are (B, {N_MELS}, {N_FRAMES}), got {tuple(mel_BMF.shape)}")
        map_BCMF = F.pixel_unshuffle(mel_BMF[:, None], FOLD).contiguous(memory_format=torch.channels_last)
        map_BCMF = F.leaky_relu(self.stem(map_BCMF), SLOPE)
        for down in self.downs:
            map_BCMF = F.leaky_relu(down(map_BCMF), SLOPE)
        flat_BC = map_BCMF.permute(0, 2, 3, 1).flatten(1)
        features_BC = torch.cat([flat_BC, spread_within_groups(flat_BC)[:, None]], dim=1)
        hidden_BC = F.leaky_relu(self.hidden(features_BC), SLOPE)
        logit_B = self.logit(hidden_BC)[:, 0]
        if label_B is not None:
            logit_B = logit_B + (hidden_BC * self.project(label_B)).sum(1)
        return logit_B.float()


def check_labels(classes: int, label_B: Tensor | None) -> None:
    """Raise ValueError where a network with classes gets no labels, or one without them some."""
    if (classes > 0) != (label_B is not None):
        raise ValueError(f"a GAN of {classes} classes was called {'without' if classes else 'with'} labels")


def spread_within_groups(features_BC: Tensor) -> Tensor:
    """Mean standard deviation of features over each sample's group, (B,), of the features' type.

    A group is GROUP samples at equal distances in the batch; the whole batch where GROUP does not divide it.
    """
    batch = len(features_BC)
    group = GROUP if batch % GROUP == 0 else batch
    grouped = features_BC.float().view(group, batch // group, -1)
    variance = (grouped - grouped.mean(0)).square().mean(0)
    spread = (variance + 1e-6).sqrt().mean(1)  # the epsilon keeps the gradient at no spread finite
    return spread.repeat(group).to(features_BC.dtype)


@torch.no_grad()
def set_batch_statistics(
    generator: nn.Module, latent_NL: Tensor, label_N: Tensor | None = None, batch: int = 64
) -> None:
    """Replace the batch norms' running averages by the statistics of these latents, for the weights as they are.

    Averaged weights (EMA) have no statistics of their own: those of the last weights do not fit them. Source: Wu and
    Johnson, Rethinking "Batch" in BatchNorm (2021, arXiv 2105.07576), section 3.
    """
    training = generator.training
    for norm in generator.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.reset_running_stats()
            norm.momentum = None  # a plain mean over the batches
    generator.train()
    labels = [None] * len(latent_NL) if label_N is None else label_N.split(batch)
    for latent_BL, label_B in zip(latent_NL.split(batch), labels, strict=False):
        generator(latent_BL, label_B)
    generator.train(training)
