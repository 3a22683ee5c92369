"""Drift is the divergence of posteriors, 0 where nothing moved; agreement counts frames that say the same."""

import torch
from torch import Tensor

from affekt.optimise.content import agreement, drift

SEGMENTS = 4


def posterior(seed: int, batch: int = 3, frames: int = 10) -> Tensor:
    logits = 2 * torch.randn(batch, 2 * SEGMENTS, frames, generator=torch.Generator().manual_seed(seed))
    return logits.log_softmax(1)


def one_hot(classes: list[int]) -> Tensor:
    return (
        torch.nn.functional.one_hot(torch.tensor([classes]), 2 * SEGMENTS).transpose(1, 2).float().mul(5).log_softmax(1)
    )


def test_drift_is_zero_for_equal_posteriors_and_torchs_divergence_for_others() -> None:
    start, now = posterior(0), posterior(1)
    assert torch.equal(drift(start, start), torch.zeros(3))
    expected = torch.nn.functional.kl_div(now, start, log_target=True, reduction="none").sum(1).mean(1)
    torch.testing.assert_close(drift(start, now), expected)
    assert (drift(start, now) > 0).all()


def test_drift_grows_on_the_way_to_another_posterior() -> None:
    start, end = posterior(0), posterior(1)
    way = [drift(start, (start + share * (end - start)).log_softmax(1)) for share in (0.0, 0.1, 0.3, 0.6, 1.0)]
    assert (torch.stack(way).diff(dim=0) > 0).all()


def test_drift_leads_back_to_the_start() -> None:
    start, logits = posterior(0), posterior(1).requires_grad_()
    (gradient,) = torch.autograd.grad(drift(start, logits.log_softmax(1)).sum(), logits)
    assert gradient.isfinite().all()
    with torch.no_grad():
        nearer = drift(start, (logits - gradient).log_softmax(1))
    assert (nearer < drift(start, logits)).all()


def test_frames_outside_of_the_mask_do_not_count() -> None:
    start, now = posterior(0), posterior(1)
    mask_BF = (torch.arange(10)[None] < torch.tensor([[4], [10], [7]])).float()
    for i, frames in enumerate((4, 10, 7)):
        part = slice(i, i + 1), slice(None), slice(frames)
        torch.testing.assert_close(drift(start, now, mask_BF)[i], drift(start[part], now[part])[0])
        expected = agreement(start[part], now[part], SEGMENTS)[0]
        torch.testing.assert_close(agreement(start, now, SEGMENTS, mask_BF)[i], expected)


def test_agreement_wants_the_statement_and_a_part_no_more_than_one_away() -> None:
    start = one_hot([0, 1, 3, 3, 4, 7])
    assert agreement(start, start, SEGMENTS).tolist() == [1.0]
    # One part on; two parts on; the next class, but of the other statement; as far back; one part on; the same.
    now = one_hot([1, 3, 4, 2, 5, 7])
    torch.testing.assert_close(agreement(start, now, SEGMENTS), torch.tensor([4 / 6]))
    assert agreement(start, one_hot([4, 5, 7, 7, 0, 3]), SEGMENTS).tolist() == [0.0]
