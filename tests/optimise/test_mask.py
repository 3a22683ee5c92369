"""Masks climb within their bounds; a clip's mask does not depend on the clips beside it."""

import math
from dataclasses import replace

import pytest
import torch
from toy_networks import LoudBands, LoudFrames

from affekt.features.mel import LOG_FLOOR, N_MELS
from affekt.optimise import mask as masks
from affekt.optimise.content import drift
from affekt.optimise.engine import Settings, optimise
from affekt.optimise.gain_grid import GainGrid, mask_mel
from affekt.optimise.mask import Wish, mask_problem, pad_mels, roughness, seek_long_mask, seek_masks

CPU = torch.device("cpu")
WISH = Wish(
    GainGrid(band_cell=10, frame_cell=16, rms_db=3.0, peak_db=5.0), steps=12, lr=1.0, views=1, smoothness=0.0,
    content_weight=0.0, content_bound=0.0, seed=0,
)  # fmt: skip


@pytest.fixture
def recogniser() -> LoudBands:
    return LoudBands()


def clip(frames: int, seed: int) -> torch.Tensor:
    return 1.5 * torch.randn(N_MELS, frames, generator=torch.Generator().manual_seed(seed)) - 6


def believe(network: torch.nn.Module, mel_MF: torch.Tensor, label: int) -> float:
    return float(network(mel_MF[None]).softmax(1)[0, label].detach())


def test_belief_rises_in_the_masked_mel(recogniser: LoudBands) -> None:
    mels, labels = [clip(90, 0), clip(140, 1), clip(60, 2)], [2, 5, 7]
    found = seek_masks([recogniser], mels, labels, replace(WISH, steps=40), CPU)
    for mel_MF, gain_MF, label in zip(mels, found.gain, labels, strict=True):
        assert gain_MF.shape == mel_MF.shape
        before, after = believe(recogniser, mel_MF, label), believe(recogniser, mask_mel(mel_MF, gain_MF), label)
        assert after > before + 0.1
    assert [len(score) for score in found.score] == [41] * 3


def test_bounds_hold_after_every_step(recogniser: LoudBands) -> None:
    mel_BMF, frames_B = pad_mels([clip(90, 0), clip(140, 1)], CPU)
    problem = mask_problem([recogniser], mel_BMF, frames_B, replace(WISH, lr=4.0))
    seen: list[torch.Tensor] = []
    whole = problem.project
    assert whole is not None

    def spy(knots_BNH: torch.Tensor) -> torch.Tensor:
        seen.append(whole(knots_BNH))
        return seen[-1]

    start = torch.zeros(2, *WISH.grid.shape(140))
    settings = Settings(8, 4.0, 0, snapshots=0, chunk=2)
    end = optimise(replace(problem, project=spy), start, torch.tensor([1, 2]), settings).end
    assert len(seen) == 8
    assert torch.equal(seen[-1], end)
    for knots_BNH in seen:
        assert (WISH.grid.rms(knots_BNH, frames_B) <= 3.0 + 1e-3).all()
        assert WISH.grid.gain(knots_BNH, 140).abs().max() <= 5.0 + 1e-4
    assert (WISH.grid.rms(end, frames_B) > 2.9).all(), "the energy is used"


def test_padded_clips_get_the_masks_that_they_get_alone(recogniser: LoudBands) -> None:
    mels, labels = [clip(150, 3), clip(70, 4)], [0, 6]
    together = seek_masks([recogniser], mels, labels, WISH, CPU)
    for i in range(2):
        alone = seek_masks([recogniser], mels[i : i + 1], labels[i : i + 1], WISH, CPU)
        assert torch.allclose(together.gain[i], alone.gain[0], atol=1e-2)
        assert together.rms_db[i] == pytest.approx(alone.rms_db[0], abs=1e-3)
        assert torch.allclose(together.score[i], alone.score[0], atol=1e-3)


def test_more_clips_than_a_group_keep_their_order(recogniser: LoudBands, monkeypatch: pytest.MonkeyPatch) -> None:
    mels = [clip(frames, frames) for frames in (90, 50, 70, 60, 80)]
    whole = seek_masks([recogniser], mels, [1, 2, 3, 4, 5], replace(WISH, steps=3), CPU)
    monkeypatch.setattr(masks, "GROUP", 2)
    split = seek_masks([recogniser], mels, [1, 2, 3, 4, 5], replace(WISH, steps=3), CPU)
    assert [gain_MF.shape[1] for gain_MF in split.gain] == [90, 50, 70, 60, 80]
    for one, other in zip(whole.gain, split.gain, strict=True):
        assert torch.allclose(one, other, atol=1e-2)


def test_smoothness_makes_masks_smoother(recogniser: LoudBands) -> None:
    mels = [clip(120, 5)]
    rough, smooth = (
        seek_masks([recogniser], mels, [3], replace(WISH, steps=30, smoothness=weight), CPU) for weight in (0.0, 0.5)
    )
    assert smooth.gain[0].diff(dim=0).square().mean() < 0.7 * rough.gain[0].diff(dim=0).square().mean()
    flat = torch.full((1, 4, 5), 3.0)
    assert roughness(flat, flat) == 0
    assert roughness(flat + torch.arange(5.0), flat) == pytest.approx(1.0)


def test_content_is_held_near_the_bound(recogniser: LoudBands) -> None:
    content, mel_MF, moved = LoudFrames(), clip(130, 6), []
    for weight in (0.0, 300.0):
        wish = replace(WISH, steps=60, content_weight=weight, content_bound=0.005)
        gain_MF = seek_masks([recogniser], [mel_MF], [4], wish, CPU, content).gain[0]
        before, now = (content.log_posteriors(x[None]) for x in (mel_MF, mask_mel(mel_MF, gain_MF)))
        moved.append(float(drift(before, now)))
    assert moved[0] > 0.01, "else there is nothing to hold"
    assert moved[1] < 0.007


def test_an_ensemble_is_climbed_as_a_whole(recogniser: LoudBands) -> None:
    other, mel_MF, wish = LoudBands(shift=3), clip(100, 7), replace(WISH, steps=30)
    networks = [recogniser], [recogniser, other]
    one, both = (seek_masks(some, [mel_MF], [1], wish, CPU).gain[0] for some in networks)
    assert believe(other, mask_mel(mel_MF, both), 1) > believe(other, mask_mel(mel_MF, one), 1)


def test_a_long_recording_is_masked_in_windows_within_the_bounds(recogniser: LoudBands) -> None:
    mel_MF = clip(700, 8)
    gain_MF = seek_long_mask([recogniser], mel_MF, 2, replace(WISH, steps=6), CPU)
    assert gain_MF.shape == mel_MF.shape
    assert gain_MF.square().mean().sqrt() <= 3.0 + 1e-3
    assert gain_MF.abs().max() <= 5.0 + 1e-4
    assert gain_MF.diff(dim=1).abs().max() < 1.5, "no jump between windows"
    short_MF = clip(100, 9)
    whole = seek_long_mask([recogniser], short_MF, 2, replace(WISH, steps=6), CPU)
    assert torch.allclose(
        whole, seek_masks([recogniser], [short_MF], [2], replace(WISH, steps=6), CPU).gain[0], atol=1e-4
    )


def test_padding_is_silence() -> None:
    mel_BMF, frames_B = pad_mels([clip(5, 0), clip(3, 1)], CPU)
    assert frames_B.tolist() == [5, 3]
    assert mel_BMF[1, :, 3:].unique().tolist() == [pytest.approx(math.log(LOG_FLOOR))]
