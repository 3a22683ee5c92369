"""Reading frames at other times: how long the result is, and that nothing is lost or turned round."""

import numpy as np
import pytest
import torch

from affekt.features.retiming import read_frames, times_of


def test_no_stretch_leaves_all_frames() -> None:
    x_CF = torch.randn(3, 17, generator=torch.Generator().manual_seed(0))
    assert torch.equal(read_frames(x_CF, times_of(np.zeros(17))), x_CF)


@pytest.mark.parametrize("factor", [0.5, 0.8, 1.3, 2.0])
def test_an_even_stretch_gives_so_many_frames_from_the_first_to_the_last(factor: float) -> None:
    time_G = times_of(np.full(40, np.log(factor)))
    assert len(time_G) == round(40 * factor)
    assert time_G[0] == 0
    assert (np.diff(time_G) >= 0).all()
    assert time_G[-1] == pytest.approx(39, abs=1.5 / factor)


def test_a_part_that_lasts_longer_is_read_slower() -> None:
    stretch_F = np.where(np.arange(60) < 30, 0.0, np.log(2.0))
    time_G = times_of(stretch_F)
    assert len(time_G) == 90
    assert np.diff(time_G[:25]) == pytest.approx(1.0)
    assert np.diff(time_G[40:80]) == pytest.approx(0.5)


def test_frames_between_are_read_linearly() -> None:
    x_CF = torch.tensor([[0.0, 10.0, 30.0]])
    assert read_frames(x_CF, np.array([0.5, 1.25, 2.0])).tolist() == [[5.0, 15.0, 30.0]]


def test_there_is_at_least_one_frame() -> None:
    assert len(times_of(np.full(1, -5.0))) == 1
