"""Contenders take turns fairly, and ratios are of neighbours in time."""

import torch

from bench.clock import Cost, median, median_ratio, take_turns

CPU = torch.device("cpu")


def test_each_is_first_in_turn_and_the_warm_up_does_not_count() -> None:
    called: list[str] = []
    costs = take_turns({name: lambda name=name: called.append(name) for name in "abc"}, 3, CPU)  # type: ignore[misc]
    assert [called[i] for i in (3, 6, 9)] == ["a", "b", "c"]
    assert sorted(called) == sorted("abc" * 4)
    assert {name: len(turns) for name, turns in costs.items()} == {"a": 3, "b": 3, "c": 3}
    assert all(cost.wall >= 0 and cost.processor >= 0 for turns in costs.values() for cost in turns)


def test_a_slow_round_slows_both_and_leaves_the_ratio() -> None:
    fast = [Cost(1.0, 1.0), Cost(10.0, 1.0), Cost(1.0, 2.0)]
    slow = [Cost(3.0, 2.0), Cost(30.0, 2.0), Cost(3.0, 4.0)]
    assert median_ratio(slow, fast, "wall") == 3
    assert median_ratio(slow, fast, "processor") == 2
    assert median(slow, "wall") == 3
    assert median(slow, "processor") == 2
