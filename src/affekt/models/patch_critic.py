"""A critic of patches: how real each patch of a mel is as the translation of another one to an emotion.

PatchGAN (Isola et al. 2017, arXiv 1611.07004, section 3.2.2), with the class by projection (Miyato and Koyama 2018,
arXiv 1802.05637). Axes: B batch, M mel bands, F frames.
"""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from affekt.features.mel import normalise

SLOPE = 0.2


class PatchCritic(nn.Module):
    """Raw log mels of a source and of a candidate (B, M, F), F a multiple of 8, to logits (B, patches), float32."""

    def __init__(self, classes: int, channels: int = 16):
        super().__init__()
        widths = [2, channels, 2 * channels, 4 * channels]
        self.downs = nn.ModuleList(nn.Conv2d(fine, coarse, 4, stride=2, padding=1) for fine, coarse in pairwise(widths))
        self.last = nn.Conv2d(widths[-1], widths[-1], 3, padding=1)
        self.logit = nn.Conv2d(widths[-1], 1, 1)
        self.project = nn.Embedding(classes, widths[-1])
        nn.init.normal_(self.project.weight, std=widths[-1] ** -0.5)

    def forward(self, source_BMF: Tensor, mel_BMF: Tensor, class_B: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Also return the features of each layer, to be matched."""
        x = torch.stack([normalise(source_BMF), normalise(mel_BMF)], 1)
        features = []
        for layer in (*self.downs, self.last):
            x = F.leaky_relu(layer(x), SLOPE)
            features.append(x)
        logit = self.logit(x)[:, 0] + (x * self.project(class_B)[..., None, None]).sum(1)
        return logit.float().flatten(1), features
