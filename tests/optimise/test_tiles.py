"""Tiles cover everything once, weigh by their length, and give the gradient of the whole."""

import pytest
import torch
from torch import Tensor

from affekt.optimise.tiles import Tile, mean_over_tiles, tiles_of


@pytest.mark.parametrize("frames", [1, 31, 32, 33, 64, 65, 1000, 103_360])
@pytest.mark.parametrize("shift", [0, 5, -70])
def test_tiles_are_few_equal_and_cover_all_once(frames: int, shift: int) -> None:
    tiles = list(tiles_of(frames, 32, shift))
    lengths = [tile.frames for tile in tiles]
    assert sum(lengths) == frames
    assert max(lengths) <= 32
    assert max(lengths) - min(lengths) <= 1
    assert len(tiles) == -(-frames // 32)
    numbers = torch.arange(frames)
    assert torch.equal(torch.cat([tile.cut(numbers) for tile in tiles]), numbers.roll(-shift))


def test_a_tile_past_the_end_goes_on_at_the_beginning() -> None:
    whole = torch.zeros(1, 10)
    tile = Tile(8, 5)
    tile.paste(whole, torch.arange(5.0)[None])
    assert whole[0].tolist() == [2, 3, 4, 0, 0, 0, 0, 0, 0, 1]
    assert tile.cut(whole)[0].tolist() == [0, 1, 2, 3, 4]


def energy(tile_BKF: Tensor, tile: Tile) -> Tensor:
    """Knows nothing of neighbours: its receptive field is one frame."""
    return tile_BKF.square().sum(dim=1).mean(dim=-1)


@pytest.mark.parametrize("shift", [0, 3, -50])
@pytest.mark.parametrize("longest", [1, 7, 32, 101, 500])
def test_tiled_equals_whole_where_no_receptive_field_crosses(longest: int, shift: int) -> None:
    whole = torch.randn(3, 5, 101, generator=torch.Generator().manual_seed(0), requires_grad=True)
    weight = torch.tensor([1.0, -2.0, 0.5])
    expected = energy(whole, Tile(0, 101))
    (slope,) = torch.autograd.grad((expected * weight).sum(), whole)
    value = mean_over_tiles(energy, whole, longest, shift)
    (gradient,) = torch.autograd.grad((value * weight).sum(), whole)
    assert torch.allclose(value, expected, rtol=1e-5)
    assert torch.allclose(gradient, slope, atol=1e-7)
    with torch.no_grad():
        assert torch.allclose(mean_over_tiles(energy, whole, longest, shift), expected, rtol=1e-5)


@pytest.mark.parametrize("shift", [0, 13, -6])
def test_gradient_is_that_of_the_rolled_whole_cut_in_one_graph(shift: int) -> None:
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Conv1d(4, 6, 5, padding=2), torch.nn.ReLU())
    whole = torch.randn(2, 4, 50, requires_grad=True)
    parts = whole.roll(-shift, dims=-1).split([13, 13, 12, 12], dim=-1)
    in_one = sum((network(part).mean(dim=(1, 2)) * part.shape[-1] / 50 for part in parts), torch.zeros(2))
    (expected,) = torch.autograd.grad(in_one.sum(), whole)
    value = mean_over_tiles(lambda part, tile: network(part).mean(dim=(1, 2)), whole, 16, shift)
    (gradient,) = torch.autograd.grad(value.sum(), whole)
    assert torch.allclose(value, in_one)
    assert torch.allclose(gradient, expected, atol=1e-8)


def test_what_lies_beside_is_cut_by_the_same_tile() -> None:
    whole, beside = torch.randn(2, 3, 30), torch.randn(2, 3, 30)
    found = mean_over_tiles(lambda part, tile: (part * tile.cut(beside)).mean(dim=(1, 2)), whole, 8, 4)
    assert torch.allclose(found, (whole * beside).mean(dim=(1, 2)), atol=1e-6)


def test_a_score_of_many_numbers_is_averaged_without_a_gradient() -> None:
    whole = torch.randn(2, 3, 30)
    found = mean_over_tiles(lambda part, tile: part.mean(dim=-1), whole, 7)
    assert torch.allclose(found, whole.mean(dim=-1), atol=1e-6)
