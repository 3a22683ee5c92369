"""How far what is said has moved, by the posteriors of a content network.

Axes: B voices, C classes (statement * segments + part), F outputs of the network. `mask_BF` is 1 at outputs that count,
None where all do.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

NEAR = 1  # parts: an alignment's borders are no sharper


def drift(log_posterior_start_BCF: Tensor, log_posterior_now_BCF: Tensor, mask_BF: Tensor | None = None) -> Tensor:
    """Mean over frames of the Kullback-Leibler divergence KL(start || now) in nats (B,); differentiable, never below 0.

    Both are log-probabilities over axis 1. It is 0 where the posteriors are equal.
    """
    apart_BF = (log_posterior_start_BCF.exp() * (log_posterior_start_BCF - log_posterior_now_BCF)).sum(1)
    return _mean(apart_BF, mask_BF)


def drift_beyond(
    content: nn.Module, path: Callable[[Tensor], Tensor], bound: float, frames_B: Tensor | None = None
) -> Callable[[Tensor, Tensor], Tensor]:
    """A regulariser of (variable, start): nats per frame (B,) by which content has drifted beyond `bound`.

    `content` is a ContentNetwork that hears the raw log mels that `path` makes of a variable, with `frames_B` frames.
    """

    def posterior(variable_B: Tensor) -> Tensor:
        return content.log_posteriors(path(variable_B), frames_B)  # type: ignore[operator]

    def beyond(variable_B: Tensor, start_B: Tensor) -> Tensor:
        with torch.no_grad():
            said_BCF = posterior(start_B)
        mask_BF = content.mask(frames_B, said_BCF)  # type: ignore[operator]
        return (drift(said_BCF, posterior(variable_B), mask_BF) - bound).relu()

    return beyond


@torch.no_grad()
def agreement(
    log_posterior_start_BCF: Tensor, log_posterior_now_BCF: Tensor, segments: int, mask_BF: Tensor | None = None
) -> Tensor:
    """Share of frames (B,) with the statement of the start and a part within 1 of it, by the likeliest class.

    A measure, not an objective: it has no gradient. `segments`: parts of a statement, as the network has them.
    """
    start_BF, now_BF = log_posterior_start_BCF.argmax(1), log_posterior_now_BCF.argmax(1)
    return _mean(near(start_BF, now_BF, segments).float(), mask_BF)


def near(class_BF: Tensor, other_BF: Tensor, segments: int) -> Tensor:
    """Whether classes are of one statement and of parts no more than 1 apart."""
    same = class_BF // segments == other_BF // segments
    return same & ((class_BF - other_BF).abs() <= NEAR)


def _mean(x_BF: Tensor, mask_BF: Tensor | None) -> Tensor:
    if mask_BF is None:
        return x_BF.mean(-1)
    return torch.where(mask_BF > 0, x_BF, 0.0).sum(-1) / mask_BF.sum(-1)
