"""Learning-rate schedules: golden values, torch's own cosine, and no jump."""

import itertools

import pytest

from affekt.training.schedules import DROP, FLOOR, PATIENCE, Plateau, factor

STEPS = 200


@pytest.mark.parametrize(
    ("schedule", "step", "expected"),
    [
        ("constant", 0, 1.0),
        ("constant", 199, 1.0),
        ("plateau", 0, 1.0),
        ("plateau", 199, 1.0),
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


@pytest.mark.parametrize("schedule", ["constant", "plateau", "cosine", "one_cycle", "late"])
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
    with pytest.raises(
        ValueError, match="schedule 'linear' is unknown; use constant, plateau, cosine, one_cycle or late"
    ):
        factor("linear", 0, 10)


def factors(losses: list[float]) -> list[float]:
    plateau, found = Plateau(), []
    for loss in losses:
        plateau.see(loss)
        found.append(plateau.factor)
    return found


def test_a_plateau_lowers_the_rate_after_its_patience() -> None:
    assert (PATIENCE, DROP) == (2, 0.5)
    assert factors([3, 2, 1]) == [1, 1, 1]
    assert factors([1, 1, 1]) == [1, 1, 0.5]  # an equal loss is no better one
    assert factors([1, 2, 0.5, 2, 2]) == [1, 1, 1, 1, 0.5]  # a better one starts the count again
    assert factors([1, 2, 2, 2, 2, 2, 2]) == [1, 1, 0.5, 0.5, 0.25, 0.25, 0.125]
    assert factors([1, 2, 2, 1.5, 1.5]) == [1, 1, 0.5, 0.5, 0.25]  # against the best of all, not the last


def test_a_plateau_has_a_floor_and_a_loss_that_is_no_number_is_no_better_one() -> None:
    assert factors([1.0] + [2.0] * 60)[-1] == FLOOR
    assert factors([float("nan"), float("nan")]) == [1, 0.5]


def test_a_plateau_is_that_of_torch() -> None:
    import torch

    losses = [5, 4, 4.5, 4.2, 4.1, 3.9, 4, 4, 4, 4, 3.8, 3.9, 3.9, 3.9]
    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    # Torch waits for more than `patience` validations.
    peer = torch.optim.lr_scheduler.ReduceLROnPlateau(optimiser, factor=DROP, patience=PATIENCE - 1, threshold=0)
    expected = []
    for loss in losses:
        peer.step(loss)
        expected.append(optimiser.param_groups[0]["lr"])
    assert factors(losses) == expected
