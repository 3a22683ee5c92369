"""Shared blocks: shapes of any size, residual paths and norms only where asked, masks of learned features."""

import pytest
import torch
from torch import nn

from affekt.models.blocks import Front, Residual, SpecMask, conv_block, convolution_1d, masked


@pytest.mark.parametrize("bands", [64, 80, 13])
@pytest.mark.parametrize("frames", [1, 4, 5, 37])
def test_the_front_end_makes_a_quarter_of_the_frames(bands: int, frames: int) -> None:
    front = Front(bands, 2, 6, 0.0, norm=True, residual=True).eval()
    with torch.no_grad():
        x_BCF, mask_BF = front(torch.randn(2, bands, frames), torch.tensor([frames, max(1, frames - 4)]))
    quarter = -(-frames // 4)
    assert x_BCF.shape == (2, 6, quarter)
    assert mask_BF is not None
    assert mask_BF.sum(1).tolist() == [quarter, -(-max(1, frames - 4) // 4)]
    assert (x_BCF[1, :, int(mask_BF[1].sum()) :] == 0).all()
    assert front(torch.randn(2, bands, frames), None)[1] is None


def test_a_residual_path_adds_the_input_if_asked() -> None:
    x = torch.randn(2, 3)
    double = nn.Linear(3, 3, bias=False)
    with torch.no_grad():
        double.weight.copy_(2 * torch.eye(3))
        torch.testing.assert_close(Residual(double, True)(x), 3 * x)
        torch.testing.assert_close(Residual(double, False)(x), 2 * x)


@pytest.mark.parametrize("norm", [True, False])
def test_a_norm_takes_the_place_of_the_bias(norm: bool) -> None:
    for modules in (convolution_1d(3, 4, 3, norm=norm), list(conv_block(3, 4, norm=norm))):
        assert isinstance(modules[0], nn.Conv1d | nn.Conv2d)
        assert (modules[0].bias is None) == norm
        assert any(isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d) for m in modules) == norm


@pytest.mark.parametrize(("kernel", "dilation"), [(1, 1), (3, 1), (3, 4), (5, 2)])
def test_a_convolution_keeps_the_length(kernel: int, dilation: int) -> None:
    assert convolution_1d(3, 4, kernel, dilation)[0](torch.randn(2, 3, 17)).shape == (2, 4, 17)


def test_masked_is_zero_beyond_and_nothing_without_a_mask() -> None:
    x = torch.randn(2, 3, 4)
    assert masked(x, None) is x
    mask_BF = torch.tensor([[1.0, 1, 1, 1], [1, 1, 0, 0]])
    assert torch.equal(masked(x, mask_BF)[0], x[0])
    assert (masked(x, mask_BF)[1, :, 2:] == 0).all()


def test_masks_are_stripes_of_the_clips_mean_in_training_alone() -> None:
    x_BMF = torch.randn(64, 32, 60, generator=torch.Generator().manual_seed(0))
    mask = SpecMask(bands=6, frames=10, runs=2)
    assert torch.equal(mask.eval()(x_BMF), x_BMF)
    assert torch.equal(SpecMask(6, 10, 0).train()(x_BMF), x_BMF)
    torch.manual_seed(5)
    found = mask.train()(x_BMF)
    hidden = found != x_BMF
    assert torch.equal(found, torch.where(hidden, x_BMF.mean(dim=(1, 2), keepdim=True), x_BMF))
    bands, frames = hidden.all(2), hidden.all(1)
    assert torch.equal(hidden, bands[:, :, None] | frames[:, None, :])
    assert 3 < bands.sum(1).float().mean() <= 12
    assert 5 < frames.sum(1).float().mean() <= 20
    assert len({tuple(row.tolist()) for row in bands}) > 40  # each clip has its own
    torch.manual_seed(5)
    assert torch.equal(mask(x_BMF), found), "torch's generator decides, which the loop seeds at each step"
