"""The trade-off counts what it says, and its variants differ in one thing each."""

import numpy as np
import pytest
import torch

from affekt.evaluate.maximise import Beliefs, Listened
from affekt.evaluate.tradeoff import VARIANTS, Point, summarise
from affekt.models.registry import NETWORKS
from affekt.optimise.maximise import Plan

PLAN = Plan.of(2, [0, 1])  # four samples: two should be class 0, two class 1


def point(weight: float) -> Point:
    """Who was climbed names all four as wanted at the end, the judge three; none at the start."""
    wrong, right = np.eye(3)[[2, 2, 2, 2]], np.eye(3)[[0, 0, 1, 1]]
    but_one = np.eye(3)[[0, 0, 1, 2]]
    nothing = torch.zeros(4, 2)
    heard = Listened(Beliefs(np.stack([wrong, right])), Beliefs(np.stack([wrong, but_one])), nothing, nothing)
    return Point("plain", weight, (0, 10), heard, np.array([[50.0] * 4, [60.0, 70.0, 80.0, 90.0]]))


def test_a_point_is_told_by_who_was_climbed_and_who_was_not() -> None:
    rows = summarise([point(0.5)], PLAN)
    assert rows == {
        "tradeoff/plain/0.5/own_after": 1.0,
        "tradeoff/plain/0.5/judge_before": 0.0,
        "tradeoff/plain/0.5/judge_after": 0.75,
        "tradeoff/plain/0.5/fooled": 0.25,
        "tradeoff/plain/0.5/prior_percentile": 75.0,
    }


def test_curves_have_a_row_for_each_snapshot() -> None:
    assert point(1.0).curves(PLAN) == pytest.approx(np.array([[0, 0, 50], [1, 0.75, 75]]))


def test_variants_are_every_combination_of_views_and_ensemble() -> None:
    assert {(len(variant.recognisers) > 1, variant.views > 0) for variant in VARIANTS} == {
        (False, False), (False, True), (True, False), (True, True),
    }  # fmt: skip
    assert len({variant.name for variant in VARIANTS}) == len(VARIANTS)
    assert all(NETWORKS[name].input == "mel" for variant in VARIANTS for name in variant.recognisers)
