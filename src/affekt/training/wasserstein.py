"""The gradient penalty of Wasserstein GANs (Gulrajani et al. 2017, arXiv 1704.00028, section 4)."""

from collections.abc import Callable

import torch
from torch import Tensor


def penalty(critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, mix_B: Tensor) -> Tensor:
    """Mean squared distance from 1 of the norm of the critic's gradient, between each real thing and its fake.

    `critic` gives (B,) of things (B, ...); `mix_B` is in 0 .. 1, one for each pair.
    """
    mix = mix_B.view(-1, *[1] * (real.dim() - 1))
    between = (mix * real.detach() + (1 - mix) * fake.detach()).requires_grad_()
    (gradient,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    return (gradient.flatten(1).norm(dim=1) - 1).square().mean()
