"""The prototype that the benchmark beats has the published sizes and recipe."""

import torch

from bench import seed0


def test_networks_have_the_published_sizes() -> None:
    generator, classifier = seed0.build()
    assert sum(p.numel() for p in classifier.parameters()) == 1_560_964
    with torch.no_grad():
        assert classifier(generator(torch.zeros(1, 512))[:, None]).shape == (1, 4)


def test_adam_has_the_constant_correction() -> None:
    """For a constant gradient the step is 1.0 x the rate at t = 1 and 2.06 x at t = 10 (before its decay)."""
    z = torch.zeros(1)
    moved = []
    seed0_step = seed0.Adam(z)
    for _ in range(10):
        after = seed0_step.step(z, torch.ones(1))
        moved.append(float(z - after))
        z = after
    rates = [moved[t] / (0.01 * 0.99**t) for t in range(10)]
    assert abs(rates[0] - 1.0) < 1e-3
    assert abs(rates[9] - 2.06) < 0.01


def test_objective_is_the_published_one() -> None:
    logits, z = torch.tensor([[1.0, 2.0, 3.0, 6.0]]), torch.full((1, 512, 1, 1), 2.0)
    assert seed0.objective(logits, z, 3).item() == -6 + 2 + 100 * 2048 / 12800
