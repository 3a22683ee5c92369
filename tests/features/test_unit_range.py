"""Mels in 0..1 and back, as the prototype scales them."""

import pytest
import torch

from affekt.features.mel import denormalise
from affekt.features.unit_range import RANGE, from_unit, to_unit


def test_each_mel_goes_to_its_own_extremes() -> None:
    mel_BMF = torch.tensor([[[-2.0, 0.0], [1.0, 2.0]], [[5.0, 6.0], [5.5, 5.25]]])
    expected = torch.tensor([[[0.0, 0.5], [0.75, 1.0]], [[0.0, 1.0], [0.5, 0.25]]])
    torch.testing.assert_close(to_unit(mel_BMF), expected)


def test_the_way_back_gives_all_mels_the_published_range() -> None:
    unit_BMF = torch.tensor([[[0.0, 1.0], [0.5, 0.25]], [[0.4, 0.6], [0.5, 0.45]]])  # the second uses a fifth of it
    low, high = RANGE
    raw_BMF = denormalise(from_unit(unit_BMF))
    assert [float(mel.min()) for mel in raw_BMF] == pytest.approx([low, low], abs=1e-4)
    assert [float(mel.max()) for mel in raw_BMF] == pytest.approx([high, high], abs=1e-4)
    torch.testing.assert_close(raw_BMF[0], raw_BMF[1], atol=1e-4, rtol=0)
    assert float(raw_BMF[0, 1, 0]) == pytest.approx((low + high) / 2, abs=1e-4)


def test_a_constant_mel_is_no_division_by_nothing() -> None:
    assert torch.equal(to_unit(torch.full((1, 2, 2), 3.0)), torch.zeros(1, 2, 2))
