"""Views of clips of different lengths are drawn by the step alone and placed within each clip."""

import math

import pytest
import torch

from affekt.core.seeds import generator
from affekt.features.mel import N_MELS
from affekt.optimise.clip_views import WINDOW_FRAMES, hide_bands, hide_frames, random_clip_view, shift_bands


def clip(frames: int, seed: int) -> torch.Tensor:
    return torch.randn(N_MELS, frames, generator=torch.Generator().manual_seed(seed)) - 5


@pytest.mark.parametrize("step", range(12))
def test_a_clip_is_seen_alike_alone_and_beside_a_longer_one(step: int) -> None:
    short, long = clip(100, 0), clip(260, 1)
    padded = torch.nn.functional.pad(short, (0, 160), value=math.log(1e-5))
    both = random_clip_view(torch.stack([padded, long]), torch.tensor([100, 260]), generator(0, step))
    alone = random_clip_view(short[None], torch.tensor([100]), generator(0, step))
    frames = int(alone.frames[0])
    assert both.frames[0] == frames
    assert torch.allclose(both.mel[0, :, : min(frames, alone.mel.shape[2])], alone.mel[0], atol=1e-5)
    assert both.mel.shape[2] == WINDOW_FRAMES
    assert (both.frames <= WINDOW_FRAMES).all()


def test_views_differ_by_step_and_pass_gradients() -> None:
    mel_BMF = clip(150, 2)[None].requires_grad_()
    first, second = (random_clip_view(mel_BMF, torch.tensor([150]), generator(0, step)) for step in (0, 1))
    assert not torch.equal(first.mel, second.mel)
    first.mel.sum().backward()
    assert mel_BMF.grad is not None
    assert mel_BMF.grad.abs().sum() > 0


def test_bands_shift_by_fractions_and_tilt() -> None:
    ramp_BMF = torch.arange(N_MELS, dtype=torch.float32)[None, :, None].expand(1, N_MELS, 3)
    moved = shift_bands(ramp_BMF, 1.5, 0.0)
    assert torch.allclose(moved[0, :-2, 0], torch.arange(N_MELS - 2) + 1.5)
    tilted = shift_bands(ramp_BMF, 0.0, 2.0) - ramp_BMF
    assert tilted[0, 0, 0] == pytest.approx(-1.0)
    assert tilted[0, -1, 0] == pytest.approx(1.0)


def test_what_is_hidden_is_the_clips_mean_and_lies_in_the_clip() -> None:
    mel_BMF, frames_B = torch.stack([clip(50, 3), clip(50, 4)]), torch.tensor([20, 50])
    hidden = hide_frames(mel_BMF, frames_B, 10, 0.999)
    changed = (hidden != mel_BMF).any(dim=1)
    assert changed[0].nonzero().flatten().tolist() == list(range(9, 19))
    assert hidden[0, 0, 9] == pytest.approx(float(mel_BMF[0, :, :20].mean()), abs=1e-5)
    assert torch.equal(hide_bands(mel_BMF, frames_B, 0, 0.5), mel_BMF)
    assert (hide_bands(mel_BMF, frames_B, 4, 0.0) != mel_BMF).any(dim=(0, 2)).nonzero().flatten().tolist() == [
        0,
        1,
        2,
        3,
    ]
