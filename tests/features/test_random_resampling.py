"""Random timing: rising, within the clip, different for each clip, and never the clip's own."""

import torch

from affekt.features.random_resampling import FASTEST, SLOWEST, random_times


def test_times_rise_within_the_clip() -> None:
    time_BF = random_times(16, 200, torch.Generator().manual_seed(0))
    assert time_BF.shape == (16, 200)
    assert (time_BF[:, 0] == 0).all()
    assert (time_BF.diff(dim=1) >= 0).all()
    assert time_BF.max() <= 199


def test_parts_go_at_speeds_between_the_slowest_and_the_fastest() -> None:
    step_BF = random_times(32, 150, torch.Generator().manual_seed(1)).diff(dim=1)
    moving = step_BF[step_BF > 0]
    assert moving.max() <= 1 / SLOWEST + 1e-4
    inside = moving[moving < moving.max()]
    assert inside.median() > 1 / FASTEST - 0.05


def test_the_same_generator_draws_the_same_and_clips_differ() -> None:
    first, second = (random_times(4, 96, torch.Generator().manual_seed(7)) for _ in range(2))
    assert torch.equal(first, second)
    assert not torch.equal(first[0], first[1])
    assert (first - torch.arange(96)).abs().amax(1).min() > 1
