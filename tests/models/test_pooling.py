"""Attentive pooling is the weighted mean and deviation; masked frames have no weight and no gradient."""

import pytest
import torch
from torch import Tensor

from affekt.models.pooling import VARIANCE_FLOOR, AttentiveStatistics, frame_mask


@pytest.fixture
def pool() -> AttentiveStatistics:
    torch.manual_seed(0)
    return AttentiveStatistics(6, 3)


def signal(frames: int = 9) -> Tensor:
    return torch.randn(2, 6, frames, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(
    ("frames", "total", "stride", "ones"),
    [([10, 7], 10, 1, [10, 7]), ([10, 7], 5, 2, [5, 4]), ([9, 8, 1], 3, 4, [3, 2, 1]), ([0], 4, 1, [1])],
)
def test_a_mask_covers_the_frames_that_touch_the_clip(
    frames: list[int], total: int, stride: int, ones: list[int]
) -> None:
    mask = frame_mask(torch.tensor(frames), total, stride, torch.device("cpu"))
    assert mask is not None
    assert mask.tolist() == [[1.0] * n + [0.0] * (total - n) for n in ones]


def test_no_lengths_no_mask() -> None:
    assert frame_mask(None, 5, 1, torch.device("cpu")) is None


def test_equal_scores_give_mean_and_deviation(pool: AttentiveStatistics) -> None:
    torch.nn.init.zeros_(pool.score[2].weight)  # type: ignore[arg-type]
    x_BCF = signal()
    expected = torch.cat([x_BCF.mean(-1), (x_BCF.var(-1, correction=0) + VARIANCE_FLOOR).sqrt()], 1)
    torch.testing.assert_close(pool(x_BCF), expected)


def test_pooling_is_the_weighted_mean_and_deviation(pool: AttentiveStatistics) -> None:
    x_BCF = signal()
    weight_BCF = pool.score(x_BCF).exp()
    weight_BCF = weight_BCF / weight_BCF.sum(-1, keepdim=True)
    mean_BC = (weight_BCF * x_BCF).sum(-1)
    variance_BC = (weight_BCF * x_BCF**2).sum(-1) - mean_BC**2
    expected = torch.cat([mean_BC, (variance_BC + VARIANCE_FLOOR).sqrt()], 1)
    torch.testing.assert_close(pool(x_BCF), expected, rtol=1e-4, atol=1e-5)


def test_masked_frames_have_no_weight_and_no_gradient(pool: AttentiveStatistics) -> None:
    x_BCF = signal().requires_grad_()
    mask_BF = frame_mask(torch.tensor([9, 4]), 9, 1, torch.device("cpu"))
    pooled = pool(x_BCF, mask_BF)
    torch.testing.assert_close(pooled[1:], pool(x_BCF[1:, :, :4]))
    (gradient,) = torch.autograd.grad(pooled.sum(), x_BCF)
    assert (gradient[1, :, 4:] == 0).all()
    assert gradient[1, :, :4].abs().min() > 0


def test_a_constant_has_a_finite_gradient(pool: AttentiveStatistics) -> None:
    x_BCF = torch.full((1, 6, 5), 2.0, requires_grad=True)
    pooled = pool(x_BCF)
    torch.testing.assert_close(pooled, torch.tensor([[2.0] * 6 + [VARIANCE_FLOOR**0.5] * 6]))
    (gradient,) = torch.autograd.grad(pooled.sum(), x_BCF)
    assert gradient.isfinite().all()


def test_bfloat16_is_pooled_in_float32(pool: AttentiveStatistics) -> None:
    with torch.autocast("cpu", torch.bfloat16):
        assert pool(signal().bfloat16()).dtype == torch.float32
