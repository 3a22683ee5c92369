"""Objectives, to be minimised, and what is recorded of the scores; one value per sample.

Axes: B batch, E classes.
"""

import torch
from torch import Tensor


def cross_entropy(logits_BE: Tensor, targets_B: Tensor) -> Tensor:
    """Negative log-probability of the target class in nats (B,)."""
    return torch.nn.functional.cross_entropy(logits_BE.float(), targets_B, reduction="none")


def margin(logits_BE: Tensor, targets_B: Tensor) -> Tensor:
    """Best other logit minus the target's (B,): negative once the target wins."""
    logits_BE = logits_BE.float()
    wanted_BE = torch.nn.functional.one_hot(targets_B, logits_BE.shape[1]).bool()
    return logits_BE.masked_fill(wanted_BE, -torch.inf).amax(dim=1) - logits_BE[wanted_BE]


def target_probability(logits_BE: Tensor, targets_B: Tensor) -> Tensor:
    """Softmax probability of the target class (B,)."""
    return logits_BE.float().softmax(dim=1).gather(1, targets_B[:, None]).squeeze(1)
