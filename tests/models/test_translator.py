"""The translator: one mel to the timing, melody and mel of every emotion, of any length, and what each depends on."""

import pytest
import torch
from torch import Tensor, nn

from affekt.features.mel import N_MELS
from affekt.models.prosody import INTENSITIES, melody, one_hot, styles
from affekt.models.translator import Translator

EMOTIONS = 4
REACH = 64  # frames to which the U-Net's edge is felt: three halvings of two convolutions each way
FINE = 3  # frames to which a wanted f0 is felt: three convolutions of width 3


@pytest.fixture(scope="module")
def translator() -> Translator:
    torch.manual_seed(0)
    return Translator(EMOTIONS, channels=4).eval()


def speech(frames: int, batch: int = 2, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Raw log mels (B, M, F) and f0 in Hz (B, F), of which every fourth frame is unvoiced."""
    rng = torch.Generator().manual_seed(seed)
    mel_BMF = torch.randn(batch, N_MELS, frames, generator=rng) * 2 - 5
    f0_BF = 120 + 100 * torch.rand(batch, frames, generator=rng)
    f0_BF[:, 3::4] = 0
    return mel_BMF, f0_BF


def lengths(mel_BMF: Tensor) -> Tensor:
    return torch.full((len(mel_BMF),), mel_BMF.shape[2])


def plan(translator: Translator, mel_BMF: Tensor, f0_BF: Tensor, intensity: int = 0) -> tuple[Tensor, Tensor]:
    return translator.plan(mel_BMF, f0_BF, lengths(mel_BMF), torch.full((len(mel_BMF),), intensity))


def render(translator: Translator, mel_BMF: Tensor, f0_BF: Tensor, emotions: list[int], intensity: int = 0) -> Tensor:
    """Mels in these emotions, all of them a few semitones higher than the clip."""
    batch = len(mel_BMF)
    wanted_BEF = (f0_BF * 2**0.3)[:, None].expand(-1, len(emotions), -1)
    emotion_BE, intensity_B = torch.tensor(emotions).expand(batch, -1), torch.full((batch,), intensity)
    return translator.render(mel_BMF, f0_BF, wanted_BEF, emotion_BE, intensity_B, lengths(mel_BMF))


@pytest.mark.parametrize("frames", [1, 2, 3, 8, 13, 40, 96])
def test_clips_of_any_length_are_planned_and_drawn_at_their_frames(translator: Translator, frames: int) -> None:
    mel_BMF, f0_BF = speech(frames)
    with torch.no_grad():
        found = plan(translator, mel_BMF, f0_BF)
        made_BEMF = render(translator, mel_BMF, f0_BF, [2, 0, 3])
    assert [x.shape for x in found] == [(2, EMOTIONS, frames)] * 2
    assert made_BEMF.shape == (2, 3, N_MELS, frames)
    assert {x.dtype for x in (*found, made_BEMF)} == {torch.float32}
    assert all(x.isfinite().all() for x in (*found, made_BEMF))


@torch.no_grad()
def test_a_plan_is_the_same_whatever_mel_follows_the_clip_and_nothing_is_planned_there(translator: Translator) -> None:
    mel_BMF, f0_BF = speech(37)
    alone = plan(translator, mel_BMF, f0_BF)
    longer_BMF = torch.cat([mel_BMF, torch.full((2, N_MELS, 20), 7.0)], 2)
    longer_f0_BF = torch.cat([f0_BF, torch.zeros(2, 20)], 1)
    padded = translator.plan(longer_BMF, longer_f0_BF, torch.tensor([37, 37]), torch.tensor([0, 0]))
    for x_BEF, y_BEF in zip(alone, padded, strict=True):
        torch.testing.assert_close(y_BEF[..., :37], x_BEF, atol=1e-5, rtol=1e-4)
        assert (y_BEF[..., 37:] == 0).all()


@torch.no_grad()
def test_a_plan_is_the_same_whatever_f0_follows_the_clip(translator: Translator) -> None:
    mel_BMF, f0_BF = speech(40)
    frames_B, intensity_B = torch.tensor([30, 30]), torch.tensor([0, 0])
    other_BF = f0_BF.clone()
    other_BF[:, 30:] = 400.0  # as where a window repeats a last frame that is voiced
    one, other = (translator.plan(mel_BMF, x, frames_B, intensity_B) for x in (f0_BF, other_BF))
    for x_BEF, y_BEF in zip(one, other, strict=True):
        torch.testing.assert_close(x_BEF, y_BEF, atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_drawing_is_the_same_whatever_mel_follows_the_clip(translator: Translator) -> None:
    mel_BMF, f0_BF = speech(48)
    frames_B, intensity_B, emotion_BE = torch.tensor([37, 37]), torch.tensor([0, 1]), torch.tensor([[1, 2]] * 2)
    made = []
    for filling in (-11.5, 3.0):
        filled_BMF = mel_BMF.clone()
        filled_BMF[..., 37:] = filling
        wanted_BEF = f0_BF[:, None].expand(-1, 2, -1)
        made.append(translator.render(filled_BMF, f0_BF, wanted_BEF, emotion_BE, intensity_B, frames_B)[..., :37])
    torch.testing.assert_close(*made, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_how_long_the_silence_after_a_clip_is_matters_to_its_end_alone(translator: Translator) -> None:
    mel_BMF, f0_BF = speech(120)
    alone = render(translator, mel_BMF, f0_BF, [0, 3])
    longer_BMF = torch.cat([mel_BMF, torch.full((2, N_MELS, 29), -11.5)], 2)
    longer_f0_BF = torch.cat([f0_BF, torch.zeros(2, 29)], 1)
    wanted_BEF = (longer_f0_BF * 2**0.3)[:, None].expand(-1, 2, -1)
    padded = translator.render(
        longer_BMF, longer_f0_BF, wanted_BEF, torch.tensor([[0, 3]] * 2), torch.tensor([0, 0]), torch.tensor([120, 120])
    )
    inside = 120 - REACH
    torch.testing.assert_close(padded[..., :inside], alone[..., :inside], atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_nothing_is_added_when_the_last_layers_are_nothing() -> None:
    torch.manual_seed(1)
    translator = Translator(EMOTIONS, channels=4).eval()
    for layer in (translator.renderer.leave, translator.renderer.broad):
        for parameter in layer.parameters():
            parameter.zero_()
    mel_BMF, f0_BF = speech(21)
    made_BEMF = render(translator, mel_BMF, f0_BF, [0, 1, 2, 3])
    assert torch.equal(made_BEMF, mel_BMF[:, None].expand_as(made_BEMF))


@torch.no_grad()
def test_each_emotion_of_each_intensity_is_planned_and_drawn_in_its_own_way(translator: Translator) -> None:
    mel_BMF, f0_BF = speech(24)
    every = list(range(EMOTIONS))
    plans = [plan(translator, mel_BMF, f0_BF, intensity) for intensity in range(INTENSITIES)]
    made = torch.cat([render(translator, mel_BMF, f0_BF, every, i) for i in range(INTENSITIES)], 1)
    for found in (torch.cat([p[0] for p in plans], 1), torch.cat([p[1] for p in plans], 1), made):
        ways = found.shape[1]
        assert ways == EMOTIONS * INTENSITIES
        differ = [(found[:, i] - found[:, j]).abs().max() for i in range(ways) for j in range(i)]
        assert min(differ) > 1e-3


@pytest.mark.parametrize("silent", ["leave", "broad"])
@torch.no_grad()
def test_the_coarse_and_the_fine_part_each_know_emotions_and_intensities(silent: str) -> None:
    torch.manual_seed(1)
    translator = Translator(EMOTIONS, channels=4).eval()
    for parameter in translator.renderer.get_submodule(silent).parameters():
        parameter.zero_()
    mel_BMF, f0_BF = speech(24)
    made = torch.cat([render(translator, mel_BMF, f0_BF, [0, 1, 2, 3], i) for i in range(INTENSITIES)], 1)
    differ = [(made[:, i] - made[:, j]).abs().max() for i in range(EMOTIONS * INTENSITIES) for j in range(i)]
    assert min(differ) > 1e-3


@torch.no_grad()
def test_a_plan_hears_the_whole_clip(translator: Translator) -> None:
    mel_BMF, f0_BF = speech(200)  # convolutions alone reach 64 frames
    moved_BMF = mel_BMF.clone()
    moved_BMF[:, :40, 190:] += 5
    moved_BMF[:, 40:, 190:] -= 5  # at the same level
    for x, y in zip(plan(translator, mel_BMF, f0_BF), plan(translator, moved_BMF, f0_BF), strict=True):
        assert (x - y)[..., :100].abs().amin(2).max() > 1e-4


@torch.no_grad()
def test_an_emotion_is_drawn_alike_whichever_others_are_asked_for(translator: Translator) -> None:
    mel_BMF, f0_BF = speech(24)
    every_BEMF = render(translator, mel_BMF, f0_BF, [0, 1, 2, 3], intensity=1)
    some_BEMF = render(translator, mel_BMF, f0_BF, [3, 1], intensity=1)
    torch.testing.assert_close(some_BEMF, every_BEMF[:, [3, 1]], atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_a_wanted_f0_is_drawn_where_it_is_wanted(translator: Translator) -> None:
    mel_BMF, f0_BF = speech(40)
    wanted_BEF = f0_BF[:, None].clone()
    wanted_BEF[..., 20] = 333.0
    emotion_BE, intensity_B = torch.tensor([[1], [1]]), torch.tensor([0, 0])
    plain, moved = (
        translator.render(mel_BMF, f0_BF, x, emotion_BE, intensity_B, lengths(mel_BMF))
        for x in (f0_BF[:, None], wanted_BEF)
    )
    change_F = (moved - plain).abs().amax((0, 1, 2))
    assert change_F[20] > 1e-3
    assert change_F[: 20 - FINE].max() < 1e-5
    assert change_F[20 + FINE + 1 :].max() < 1e-5


@torch.no_grad()
def test_a_louder_clip_is_planned_alike_and_drawn_louder_by_as_much(translator: Translator) -> None:
    mel_BMF, f0_BF = speech(24)
    for x, y in zip(plan(translator, mel_BMF, f0_BF), plan(translator, mel_BMF + 1.5, f0_BF), strict=True):
        torch.testing.assert_close(x, y, atol=1e-4, rtol=1e-3)
    soft, loud = (render(translator, mel, f0_BF, [0, 2]) for mel in (mel_BMF, mel_BMF + 1.5))
    torch.testing.assert_close(loud, soft + 1.5, atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_clips_of_a_batch_do_not_hear_each_other(translator: Translator) -> None:
    mel_BMF, f0_BF = speech(24, batch=3)
    both = plan(translator, mel_BMF, f0_BF)
    made = render(translator, mel_BMF, f0_BF, [0, 3])
    for i in range(3):
        alone = plan(translator, mel_BMF[i : i + 1], f0_BF[i : i + 1])
        for x, y in zip(both, alone, strict=True):
            torch.testing.assert_close(x[i : i + 1], y, atol=1e-5, rtol=1e-4)
        drawn = render(translator, mel_BMF[i : i + 1], f0_BF[i : i + 1], [0, 3])
        torch.testing.assert_close(made[i : i + 1], drawn, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("norm", "residual"), [(True, True), (False, False)])
def test_a_step_reaches_every_parameter(norm: bool, residual: bool) -> None:
    torch.manual_seed(2)
    translator = Translator(EMOTIONS, 4, norm, residual).train()
    mel_BMF, f0_BF = speech(40)
    stretch, shift = plan(translator, mel_BMF, f0_BF)
    made = render(translator, mel_BMF, f0_BF, [0, 1, 2, 3])
    (stretch.square().mean() + shift.square().mean() + (made - mel_BMF[:, None]).square().mean()).backward()
    missed = [name for name, p in translator.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert missed == []
    assert any(isinstance(m, nn.BatchNorm2d) for m in translator.renderer.modules()) == norm


def test_a_melody_is_octaves_above_the_clips_mean_where_it_is_voiced() -> None:
    f0_BF = torch.tensor([[100.0, 0.0, 400.0, 200.0], [0.0, 0.0, 0.0, 0.0]])
    found = melody(f0_BF)
    torch.testing.assert_close(found[0, 0], torch.tensor([-1.0, 0.0, 1.0, 0.0]))
    assert found[0, 1].tolist() == [1, 0, 1, 1]
    assert (found[1] == 0).all()
    torch.testing.assert_close(melody(1.7 * f0_BF), found)


def test_each_emotion_of_each_intensity_has_a_place_of_its_own() -> None:
    emotion_BE = torch.arange(EMOTIONS).expand(INTENSITIES, -1)
    place_BE = one_hot(EMOTIONS, emotion_BE, torch.arange(INTENSITIES)).argmax(2)
    assert place_BE.flatten().tolist() == list(range(EMOTIONS * INTENSITIES))
    assert torch.equal(styles(EMOTIONS, torch.arange(INTENSITIES)), torch.eye(EMOTIONS * INTENSITIES))
