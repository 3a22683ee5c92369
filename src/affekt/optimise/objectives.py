"""Objectives, to be minimised, and what is recorded of the scores; one value per sample.

Axes: B batch, E classes.
"""

import torch
from torch import Tensor


def cross_entropy(logits_BE: Tensor, targets_B: Tensor) -> Tensor:
    """Negative log-probability of the target class in nats (B,)."""
    return torch.nn.functional.cross_entropy(logits_BE.float(), targets_B, reduction="none")


def target_probability(logits_BE: Tensor, targets_B: Tensor) -> Tensor:
    """Softmax probability of the target class (B,)."""
    return logits_BE.float().softmax(dim=1).gather(1, targets_B[:, None]).squeeze(1)
