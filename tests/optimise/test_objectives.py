"""Objectives equal their definitions, per sample."""

import torch

from affekt.optimise.objectives import cross_entropy, target_probability

LOGITS = torch.tensor([[2.0, 0.0, -1.0], [0.5, 0.5, 3.0]])
TARGETS = torch.tensor([0, 1])


def test_cross_entropy_and_probability() -> None:
    expected = torch.stack([LOGITS[0].exp()[0] / LOGITS[0].exp().sum(), LOGITS[1].exp()[1] / LOGITS[1].exp().sum()])
    assert torch.allclose(target_probability(LOGITS, TARGETS), expected)
    assert torch.allclose(cross_entropy(LOGITS, TARGETS), -expected.log())
