"""Losses of a discriminator and of what it tells from real things, by name.

All take logits (B,) of real samples and of the fakes beside them and give a scalar; D minimises the first of a pair, G
the second.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

PairLoss = Callable[[Tensor, Tensor], Tensor]  # (real_B, fake_B) -> scalar


@dataclass(frozen=True)
class AdversarialLoss:
    """What the discriminator and the generator minimise."""

    discriminator: PairLoss
    generator: PairLoss


def relativistic_loss(wanted_B: Tensor, other_B: Tensor) -> Tensor:
    """Mean of log(1 + exp(other - wanted)): low when each wanted logit is above the other beside it."""
    return F.softplus(other_B - wanted_B).mean()


LOSSES = {
    # R3GAN (Huang et al. 2024, arXiv 2501.05441, section 2.1)
    "relativistic": AdversarialLoss(
        lambda real_B, fake_B: relativistic_loss(real_B, fake_B),
        lambda real_B, fake_B: relativistic_loss(fake_B, real_B),
    ),
    # Non-saturating cross-entropy (Goodfellow et al. 2014, arXiv 1406.2661, section 3), as DCGAN and seed 0 train
    "logistic": AdversarialLoss(
        lambda real_B, fake_B: F.softplus(-real_B).mean() + F.softplus(fake_B).mean(),
        lambda real_B, fake_B: F.softplus(-fake_B).mean(),
    ),
    # Lim and Ye 2017, arXiv 1705.02894, section 3
    "hinge": AdversarialLoss(
        lambda real_B, fake_B: (1 - real_B).relu().mean() + (1 + fake_B).relu().mean(),
        lambda real_B, fake_B: -fake_B.mean(),
    ),
}
