"""Learning-rate schedules: golden values, torch's own cosine, and no jump."""

import itertools

import pytest

from affekt.training.schedules import FLOOR, factor

STEPS = 200


@pytest.mark.parametrize(
    ("schedule", "step", "expected"),
    [
        ("constant", 0, 1.0),
        ("constant", 199, 1.0),
        ("cosine", 99, 0.501),
        ("cosine", 199, 0.002),
        ("one_cycle", 0, 1 / 30),
        ("one_cycle", 14, 0.5),
        ("one_cycle", 29, 1.0),
        ("one_cycle", 114, 0.501),
        ("one_cycle", 199, 0.002),
        ("late", 0, 1.0),
        ("late", 132, 1.0),
        ("late", 149, 0.75),
        ("late", 179, 0.3),
        ("late", 199, 0.002),
    ],
)
def test_golden_values(schedule: str, step: int, expected: float) -> None:
    assert factor(schedule, step, STEPS) == pytest.approx(expected, rel=1e-9)


def test_cosine_is_that_of_torch() -> None:
    import torch

    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    peer = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, STEPS, eta_min=FLOOR)
    for step in range(STEPS):
        optimiser.step()
        peer.step()
        assert factor("cosine", step, STEPS) == pytest.approx(peer.get_last_lr()[0], rel=1e-6)


@pytest.mark.parametrize("schedule", ["constant", "cosine", "one_cycle", "late"])
@pytest.mark.parametrize("steps", [1, 2, 7, 1000])
def test_rates_stay_between_the_floor_and_the_full_rate(schedule: str, steps: int) -> None:
    rates = [factor(schedule, step, steps) for step in range(steps)]
    assert min(rates) >= FLOOR
    assert max(rates) <= 1.0
    if steps == 1000:
        jumps = [abs(a - b) for a, b in itertools.pairwise(rates)]
        assert max(jumps) < 0.01
        peak = rates.index(max(rates))
        assert rates[: peak + 1] == sorted(rates[: peak + 1])
        assert rates[peak:] == sorted(rates[peak:], reverse=True)


def test_an_unknown_schedule_is_named_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="schedule 'linear' is unknown; use constant, cosine, one_cycle or late"):
        factor("linear", 0, 10)
