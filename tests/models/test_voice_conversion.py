"""Converters on recordings: strength 0 changes nothing, swaps touch what they name, what follows is left alone."""

import math

import numpy as np
import pytest
import torch

from affekt.features.envelope import blur_bands
from affekt.features.harmonics import harmonic_ripple
from affekt.features.mel import LOG_FLOOR
from affekt.models.codegan import CodeGenerator
from affekt.models.conversion import (
    Utterance,
    cut,
    detail_of,
    flatten_melody,
    prosody_of,
    put_together,
    recode,
    take_apart,
    utterance_of,
    with_prosody,
    with_speaker,
)
from affekt.models.speechsplit import STEP, SpeechSplit
from affekt.models.translation import FURTHEST, nearest_emotion, redraw, translate
from affekt.models.translator import Translator

FLOOR = math.log(LOG_FLOOR)


def utterance(frames: int, seed: int = 0) -> Utterance:
    rng = np.random.default_rng(seed)
    mel_FM = rng.uniform(-9, 0, (frames, 80)).astype(np.float32)
    f0_F = np.where(np.arange(frames) % 7 < 5, 150 + rng.uniform(-20, 20, frames), 0).astype(np.float32)
    speaker_E = np.abs(rng.standard_normal(256)).astype(np.float32)
    return utterance_of(mel_FM, f0_F, speaker_E / np.linalg.norm(speaker_E), torch.device("cpu"))


@pytest.fixture(scope="module")
def split() -> SpeechSplit:
    torch.manual_seed(0)
    return SpeechSplit(channels=16, content=3, pitch=2, rhythm=1, decoder=16).eval()


@pytest.fixture(scope="module")
def translator() -> Translator:
    torch.manual_seed(0)
    return Translator(8, channels=4).eval()


def test_arrays_become_an_utterance() -> None:
    one = utterance(30)
    assert one.mel_MF.shape == (80, 30)
    assert one.f0_F.shape == (30,)
    assert float(one.speaker_E.norm()) == pytest.approx(1, abs=1e-5)


def test_a_translation_of_strength_0_is_the_recording(translator: Translator) -> None:
    one = utterance(50)
    for mel_MF in translate(translator, one, [2, 4], 1, strength=0):
        torch.testing.assert_close(mel_MF, one.mel_MF, atol=1e-5, rtol=0)


@pytest.mark.parametrize("strength", [0.5, 1.0, 2.0])
def test_strength_scales_the_sound_but_not_the_harmonics_of_the_bent_melody(
    translator: Translator, strength: float
) -> None:
    """Below 1 a part of what only the recording has is left, harmonics too; from 1 on its envelope alone."""
    one, octaves = utterance(48), 0.25
    with torch.no_grad():
        translator.prosody.head[-1].weight.mul_(0)  # type: ignore[operator]
        old = translator.prosody.head[-1].bias.clone()
        translator.prosody.head[-1].bias.copy_(torch.tensor([0.0, octaves]))  # type: ignore[operator]
        frames_B, intensity_B = torch.tensor([48]), torch.tensor([1])
        plain_MF, sung_MF = (
            translator.render(one.mel_MF[None], one.f0_F[None], one.f0_F[None, None] * 2**bent, torch.tensor([[3]]),
                              intensity_B, frames_B)[0, 0]
            for bent in (0.0, octaves * strength)
        )  # fmt: skip
    (made_MF,) = translate(translator, one, [3], 5, strength=strength)
    with torch.no_grad():
        translator.prosody.head[-1].bias.copy_(old)  # type: ignore[operator]
    (redrawn_MF,) = redraw(translator, one, [5])
    lost_MF = one.mel_MF - redrawn_MF
    envelope_MF = blur_bands(lost_MF[None])[0]
    expected = redrawn_MF + strength * (plain_MF - redrawn_MF) + (sung_MF - plain_MF)
    expected += {0.5: (lost_MF + envelope_MF) / 2, 1.0: envelope_MF, 2.0: envelope_MF}[strength]
    torch.testing.assert_close(made_MF, expected.clamp(min=FLOOR), atol=1e-3, rtol=0)


def test_the_nearest_emotion_is_that_which_changes_all_parts_least_of_those_that_were_learnt(
    translator: Translator,
) -> None:
    parts = [utterance(48), utterance(40, seed=1)]
    away_UE = torch.stack([(redraw(translator, one, range(8)) - one.mel_MF).abs().mean((1, 2)) for one in parts])
    order = away_UE.mean(0).argsort().tolist()
    assert float(away_UE.mean(0).std()) > 1e-5
    assert nearest_emotion(translator, parts, range(8)) == order[0]
    assert nearest_emotion(translator, parts, sorted(order[1:])) == order[1], "the nearest was not learnt"
    assert nearest_emotion(translator, parts, [order[-1]]) == order[-1]


def test_a_translation_is_the_same_whatever_else_is_asked_for(translator: Translator) -> None:
    one = utterance(50)
    both = translate(translator, one, [2, 4], 0)
    torch.testing.assert_close(translate(translator, one, [4], 0)[0], both[1], atol=1e-4, rtol=0)
    assert all(mel_MF.shape[0] == 80 and float(mel_MF.min()) >= FLOOR for mel_MF in both)


def test_timing_stays_within_its_bounds(translator: Translator) -> None:
    with torch.no_grad():
        old = translator.prosody.head[-1].bias.clone()
        translator.prosody.head[-1].bias[0] = 50.0  # type: ignore[index]
    (mel_MF,) = translate(translator, utterance(40), [1], 0)
    with torch.no_grad():
        translator.prosody.head[-1].bias.copy_(old)  # type: ignore[operator]
    assert mel_MF.shape[1] == round(40 * math.exp(FURTHEST))


@torch.no_grad()
def test_a_recording_has_the_same_codes_beside_a_longer_one(split: SpeechSplit) -> None:
    short, long = utterance(40), utterance(64, seed=1)
    alone, frames_B = take_apart(split, [short])
    beside, both_B = take_apart(split, [short, long])
    assert (frames_B.tolist(), both_B.tolist()) == ([40], [40, 64])
    assert beside.content_BDS.shape == (2, 6, 64 // STEP)
    assert torch.equal(beside.content_BDS[:1, :, : 40 // STEP], alone.content_BDS)
    assert torch.equal(beside.pitch_BDS[0, :, 40 // STEP :], alone.pitch_BDS[0, :, -1:].expand(-1, 3))
    assert torch.equal(beside.speaker_BE[1], long.speaker_E)


@torch.no_grad()
def test_codes_are_put_together_above_the_floor_and_cut(split: SpeechSplit) -> None:
    codes, frames_B = take_apart(split, [utterance(37), utterance(50, seed=1)])
    mel_BMF = put_together(split, codes)
    assert mel_BMF.shape == (2, 80, 56)
    assert float(mel_BMF.min()) >= FLOOR
    assert [mel_MF.shape[1] for mel_MF in cut(mel_BMF, frames_B)] == [37, 50]


@torch.no_grad()
def test_what_codes_lose_of_an_envelope_is_put_back_and_harmonics_are_not(split: SpeechSplit) -> None:
    """A slow slope over the bands comes back; a ripple as that of harmonics, which stands on it, does not."""
    plain = utterance(37)
    codes, frames_B = take_apart(split, [plain, utterance(40, seed=1)])
    made_MF = put_together(split, codes)[0, :, :37]
    band_M1 = torch.arange(80.0)[:, None]
    slope_MF = made_MF + 2 * torch.sin(band_M1 / 80 * math.pi).expand(-1, 37)
    ripple_MF = torch.sin(band_M1 * 2 * math.pi / 5).expand(-1, 37)
    other_MF = put_together(split, codes)[1, :, :40]
    detail_BMF = detail_of(split, codes, [slope_MF + ripple_MF, other_MF])
    whole_BMF = put_together(split, codes, detail_BMF)
    back = cut(whole_BMF, frames_B)
    inner = slice(8, 72)  # the ends have neighbours on one side
    assert float((back[0] - slope_MF)[inner].abs().max()) < 0.15
    assert float((slope_MF - made_MF)[inner].abs().mean()) > 1
    assert torch.equal(detail_BMF[1], torch.zeros_like(detail_BMF[1])), "nothing was lost"
    assert torch.equal(detail_BMF[0, :, 37:], torch.zeros(80, 3)), "nothing follows a recording"
    assert float(whole_BMF.min()) >= FLOOR


@pytest.mark.parametrize(("hertz", "left"), [(150.0, 0.1), (200.0, 0.2), (400.0, 0.5)])
def test_of_harmonics_little_is_left_the_lower_the_less(hertz: float, left: float) -> None:
    """Deviation from the slope they stand on, where they stand apart, as a share of what it was."""

    def stand_out(x_BMF: torch.Tensor) -> float:
        slope_BMF = torch.nn.functional.avg_pool2d(x_BMF, (25, 1), stride=1)
        return float((x_BMF[:, 12:-12] - slope_BMF)[:, :20].std())

    ripple_BMF = harmonic_ripple(torch.full((1, 2), hertz))
    assert stand_out(ripple_BMF) > 0.15
    assert stand_out(blur_bands(ripple_BMF)) < left * stand_out(ripple_BMF)


def test_a_constant_stays_where_bands_are_blurred() -> None:
    torch.testing.assert_close(blur_bands(torch.full((2, 80, 3), 1.5)), torch.full((2, 80, 3), 1.5))


@torch.no_grad()
def test_swaps_touch_what_they_name(split: SpeechSplit) -> None:
    codes, frames_B = take_apart(split, [utterance(48), utterance(48, seed=1)])
    assert torch.equal(prosody_of(with_prosody(codes, prosody_of(codes).flip(0))), prosody_of(codes).flip(0))
    other = with_speaker(codes, codes.speaker_BE.flip(0))
    assert torch.equal(other.speaker_BE, codes.speaker_BE.flip(0))
    assert torch.equal(other.content_BDS, codes.content_BDS)
    flat = flatten_melody(codes, frames_B, 0.25)
    mean_BD1 = codes.pitch_BDS.mean(2, keepdim=True)
    torch.testing.assert_close(flat.pitch_BDS - mean_BD1, 0.25 * (codes.pitch_BDS - mean_BD1))
    assert torch.equal(flat.rhythm_BDS, codes.rhythm_BDS)


@torch.no_grad()
def test_what_follows_a_recording_is_neither_converted_nor_flattened(split: SpeechSplit) -> None:
    torch.manual_seed(1)
    codes, frames_B = take_apart(split, [utterance(20), utterance(64, seed=1)])
    size = codes.pitch_BDS.shape[1] + codes.rhythm_BDS.shape[1]
    gan = CodeGenerator(size, 8, channels=8).eval()
    torch.nn.init.normal_(gan.leave.weight)
    emotion_B = torch.tensor([3, 5])
    both = prosody_of(recode(gan, codes, frames_B, emotion_B))
    steps = -(-20 // STEP)
    assert torch.equal(both[0, :, steps:], prosody_of(codes)[0, :, steps:])
    assert not torch.equal(both[0, :, :steps], prosody_of(codes)[0, :, :steps])
    assert torch.equal(flatten_melody(codes, frames_B, 0.0).pitch_BDS[0, :, steps:], codes.pitch_BDS[0, :, steps:])
    expected = gan.convert(prosody_of(codes)[1:], emotion_B[1:])
    torch.testing.assert_close(both[1:], expected)
