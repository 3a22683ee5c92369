"""The engine finds known optima, sample by sample, to the bit, and goes on where it was killed."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from affekt.core.errors import UserError
from affekt.optimise.engine import Problem, Settings, StopRule, optimise
from affekt.optimise.objectives import cross_entropy, target_probability
from affekt.optimise.regularisers import shell
from affekt.optimise.rules import NormalisedDescent, constant

CENTRES = torch.tensor([[1.0, -2.0, 0.5], [0.0, 3.0, -1.0]])


def squared_distance(x: Tensor, targets: Tensor) -> Tensor:
    return (x - CENTRES[targets]).square().sum(dim=1)


def quadratic() -> Problem:
    return Problem(path=lambda x: x, score=lambda x: x, objective=squared_distance, measure=squared_distance)


def toy(weight: float = 0.1) -> Problem:
    """A small convolutional classifier behind a linear generator, seen through noisy views."""
    torch.manual_seed(3)
    generator = nn.Sequential(nn.Linear(16, 48), nn.Unflatten(1, (1, 6, 8)))
    classifier = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.GELU(), nn.Flatten(), nn.Linear(8 * 48, 4)
    )
    for network in (generator, classifier):
        network.eval().requires_grad_(False)
    return Problem(
        path=generator,
        score=classifier,
        objective=cross_entropy,
        measure=target_probability,
        regularisers={"prior": (weight, shell)},
        view=lambda x, rng: x + 0.3 * torch.randn(x.shape[1:], generator=rng),
    )


def start(samples: int = 8) -> tuple[Tensor, Tensor]:
    return torch.randn(samples, 16, generator=torch.Generator().manual_seed(1)), torch.arange(samples) % 4


SETTINGS = Settings(steps=20, lr=0.1, seed=5, views=2, chunk=16)


def test_finds_the_optimum_of_a_quadratic() -> None:
    targets = torch.tensor([0, 1, 0])
    settings = Settings(steps=400, lr=0.2, seed=0)
    found = optimise(quadratic(), torch.zeros(3, 3), targets, settings)
    assert torch.allclose(found.end, CENTRES[targets], atol=1e-3)
    assert found.history["objective"][0].tolist() == pytest.approx([5.25, 10.0, 5.25])


def test_normalised_descent_moves_by_the_learning_rate() -> None:
    settings = Settings(steps=1, lr=0.5, seed=0, rule=NormalisedDescent(), schedule=constant)
    found = optimise(quadratic(), torch.zeros(2, 3), torch.tensor([0, 1]), settings)
    moved = (found.end - found.start).abs().mean(dim=1)
    assert torch.allclose(moved, torch.full((2,), 0.5))


def test_normalised_descent_limits_what_one_element_moves() -> None:
    gradient = torch.tensor([[1.0, 1.0, 1.0, 97.0], [0.0, 0.0, 0.0, 0.0]])
    free = NormalisedDescent().step(gradient, {}, 0.5, 0)
    held = NormalisedDescent(limit=2.0).step(gradient, {}, 0.5, 0)
    assert free[0].tolist() == pytest.approx([0.02, 0.02, 0.02, 1.94])
    assert held[0].tolist() == pytest.approx([0.02, 0.02, 0.02, 1.0])
    assert (held[1] == 0).all()


def test_batch_equals_one_at_a_time() -> None:
    problem, (latents, targets) = toy(), start()
    together = optimise(problem, latents, targets, SETTINGS)
    for i in range(len(latents)):
        alone = optimise(problem, latents[i : i + 1], targets[i : i + 1], SETTINGS)
        assert torch.allclose(alone.end[0], together.end[i], atol=1e-4)
        for name, rows in alone.history.items():
            assert torch.allclose(rows[:, 0], together.history[name][:, i], atol=1e-4), name


def test_chunks_and_order_do_not_matter() -> None:
    problem, (latents, targets) = toy(), start()
    whole = optimise(problem, latents, targets, SETTINGS)
    order = torch.tensor([3, 0, 7, 1, 6, 2, 5, 4])
    split = optimise(problem, latents[order], targets[order], dataclasses.replace(SETTINGS, chunk=3))
    assert torch.allclose(split.end, whole.end[order], atol=1e-4)


def test_same_bits_twice() -> None:
    first, second = (optimise(toy(), *start(), SETTINGS) for _ in range(2))
    assert torch.equal(first.end, second.end)
    assert torch.equal(first.history["score"], second.history["score"])


def test_another_seed_sees_other_views() -> None:
    first = optimise(toy(), *start(), SETTINGS)
    second = optimise(toy(), *start(), dataclasses.replace(SETTINGS, seed=6))
    assert not torch.equal(first.end, second.end)


def test_objective_falls_and_regulariser_keeps_the_norm() -> None:
    latents, targets = start()
    settings = dataclasses.replace(SETTINGS, steps=200)
    free = optimise(toy(0.0), latents, targets, settings)
    held = optimise(toy(1.0), latents, targets, settings)
    assert (held.history["objective"][-1] < held.history["objective"][0]).all()
    assert (held.history["prior"][-1] < free.history["prior"][-1]).float().mean() >= 0.75
    assert held.history["prior"][-1].max() < 2  # nats above the mode


def test_trajectory_keeps_the_recorded_steps() -> None:
    found = optimise(toy(), *start(), SETTINGS)
    assert found.snapshot_steps[0] == 0
    assert found.snapshot_steps[-1] == 20
    assert len(found.snapshots) == len(found.snapshot_steps)
    assert torch.equal(found.snapshots[0], found.start)
    assert torch.equal(found.snapshots[-1], found.end)
    shorter = dataclasses.replace(SETTINGS, schedule=constant, steps=2)
    longer = dataclasses.replace(SETTINGS, schedule=constant, steps=9)
    at_two = optimise(toy(), *start(), longer)
    assert torch.equal(at_two.snapshots[at_two.snapshot_steps.index(2)], optimise(toy(), *start(), shorter).end)
    assert found.history["score"].shape == (21, 8)


def test_frozen_samples_stay_and_the_others_do_not_notice() -> None:
    targets = torch.tensor([0, 1])
    near = torch.stack([CENTRES[0] + 0.01, CENTRES[1] + 5.0])
    settings = Settings(steps=30, lr=0.1, seed=0, stop=StopRule(threshold=0.1, patience=3))
    found = optimise(quadratic(), near, targets, settings)
    assert found.stopped.tolist() == [True, False]
    two_steps = optimise(quadratic(), near, targets, dataclasses.replace(settings, stop=None))
    assert torch.equal(found.end[1], two_steps.end[1])
    objective = found.history["objective"][:, 0]
    assert (objective[2:] == objective[2]).all()
    moves = found.snapshots[found.snapshot_steps.index(2) :, 0]
    assert (moves == moves[0]).all()


class KilledError(Exception):
    pass


def killed_at(stop: int) -> Callable[[Iterable[int]], Iterator[int]]:
    def walk(steps: Iterable[int]) -> Iterator[int]:
        for step in steps:
            if step == stop:
                raise KilledError
            yield step

    return walk


@pytest.mark.parametrize("at", [3, 5, 11, 19])
def test_killed_and_resumed_gives_the_same_bits(tmp_path: Path, at: int) -> None:
    settings = dataclasses.replace(SETTINGS, checkpoint_every=5)
    whole = optimise(toy(), *start(), settings)
    with pytest.raises(KilledError):
        optimise(toy(), *start(), settings, tmp_path, killed_at(at))
    seen: list[int] = []

    def record(steps: Iterable[int]) -> Iterable[int]:
        seen.extend(steps)
        return list(seen)

    resumed = optimise(toy(), *start(), settings, tmp_path, record)
    assert seen[0] == at // 5 * 5
    assert torch.equal(resumed.end, whole.end)
    assert torch.equal(resumed.snapshots, whole.snapshots)
    assert all(torch.equal(resumed.history[name], rows) for name, rows in whole.history.items())


def test_checkpoint_of_another_problem_is_not_used(tmp_path: Path) -> None:
    settings = dataclasses.replace(SETTINGS, checkpoint_every=5)
    optimise(toy(), *start(), settings, tmp_path)
    for other in (dataclasses.replace(settings, lr=0.2), dataclasses.replace(settings, seed=9)):
        fresh = optimise(toy(), *start(), other)
        assert torch.equal(optimise(toy(), *start(), other, tmp_path).end, fresh.end)
    weighted = optimise(toy(0.7), *start(), settings)
    assert torch.equal(optimise(toy(0.7), *start(), settings, tmp_path).end, weighted.end)


def test_gradient_that_is_not_finite_is_an_error() -> None:
    problem = dataclasses.replace(quadratic(), path=lambda x: x / 0)
    with pytest.raises(UserError, match="not finite; lower the learning rate"):
        optimise(problem, torch.ones(1, 3), torch.tensor([0]), Settings(steps=2, lr=1.0, seed=0))


def test_every_step_ends_at_a_valid_variable() -> None:
    problem = dataclasses.replace(quadratic(), project=lambda x: x.clamp(min=0))
    settings = Settings(steps=400, lr=0.2, seed=0)
    found = optimise(problem, torch.ones(2, 3), torch.tensor([0, 1]), settings)
    assert torch.allclose(found.end, CENTRES.clamp(min=0), atol=1e-3), "the nearest valid point of these optima"
    assert found.snapshots.min() >= 0


def test_without_steps_the_start_is_recorded_and_stays() -> None:
    found = optimise(quadratic(), torch.zeros(2, 3), torch.tensor([0, 1]), Settings(steps=0, lr=0.2, seed=0))
    assert torch.equal(found.end, found.start)
    assert found.history["objective"].tolist() == [[5.25, 10.0]]
    assert found.snapshot_steps == (0,)


def test_snapshots_can_be_left_out(tmp_path: Path) -> None:
    settings = dataclasses.replace(SETTINGS, snapshots=0, checkpoint_every=5)
    found = optimise(toy(), *start(), settings, tmp_path)
    assert (found.snapshot_steps, len(found.snapshots)) == ((), 0)
    assert torch.equal(found.end, optimise(toy(), *start(), SETTINGS).end)
    assert torch.equal(found.end, optimise(toy(), *start(), settings, tmp_path).end), "from the checkpoint"
