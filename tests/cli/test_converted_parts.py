"""A part of a recording through its codes: its own timbre and level come back, however quiet it is."""

import copy
import math

import pytest
import torch

from affekt.cli.converting import USUAL, at_usual_level, decode_part, detail_part, level, recode_part, take_part
from affekt.cli.translating import change_part
from affekt.features.envelope import blur_bands
from affekt.features.mel import LOG_FLOOR, N_MELS
from affekt.models.codegan import CodeGenerator
from affekt.models.conversion import Utterance, prosody_of, recode
from affekt.models.speechsplit import Codes, SpeechSplit

FRAMES = 60
QUIETER = 20 / (20 * math.log10(math.e))  # 20 dB in nepers


@pytest.fixture(scope="module")
def split() -> SpeechSplit:
    torch.manual_seed(0)
    return SpeechSplit(channels=16, content=3, pitch=2, rhythm=1, decoder=16).eval()


@pytest.fixture(scope="module")
def still() -> CodeGenerator:
    """Untrained, it changes nothing."""
    return CodeGenerator(2 * (2 + 1), 8, channels=8).eval()


def utterance(quieter: float = 0.0) -> Utterance:
    rng = torch.Generator().manual_seed(0)
    mel_MF = torch.randn(N_MELS, FRAMES, generator=rng) - 2 * torch.rand(N_MELS, 1, generator=rng)
    mel_MF += 0.5 - level(mel_MF)
    speaker_E = torch.nn.functional.normalize(torch.rand(256, generator=rng), dim=0)
    return Utterance(mel_MF - quieter, 100 + 80 * torch.rand(FRAMES, generator=rng), speaker_E)


@torch.no_grad()
def test_codes_that_nothing_moves_give_the_recordings_envelope_at_its_level(
    split: SpeechSplit, still: CodeGenerator
) -> None:
    one = utterance()
    assert USUAL[0] < float(level(one.mel_MF)) < USUAL[1]
    codes, frames_B = take_part(split, one)
    bare_MF = decode_part(split, codes, frames_B, one.mel_MF)
    for made_MF in (
        change_part(split, one, lambda codes, frames_B, _: recode_part(still, codes, frames_B, 3)),
        decode_part(split, codes, frames_B, one.mel_MF, detail_part(split, codes, one.mel_MF)),
    ):
        assert float(level(made_MF)) == pytest.approx(float(level(one.mel_MF)), abs=1e-4)
        away, away_bare = (float(blur_bands((mel_MF - one.mel_MF)[None]).std()) for mel_MF in (made_MF, bare_MF))
        assert away < 0.35 * away_bare, "the envelope is nearer than that of bare codes"


@torch.no_grad()
def test_a_quieter_copy_comes_out_as_much_quieter_and_else_the_same(split: SpeechSplit, still: CodeGenerator) -> None:
    def convert(one: Utterance) -> torch.Tensor:
        return change_part(split, one, lambda codes, frames_B, _: recode_part(still, codes, frames_B, 3))

    at_edge = utterance(0.5 - USUAL[0])  # what is quieter is lifted to here
    plain_MF, quiet_MF = convert(at_edge), convert(utterance(0.5 - USUAL[0] + QUIETER))
    torch.testing.assert_close(quiet_MF, (plain_MF - QUIETER).clamp(min=math.log(LOG_FLOOR)), atol=1e-2, rtol=0)


@torch.no_grad()
def test_codes_are_changed_to_the_wish_beside_what_they_do_not_hold(split: SpeechSplit, still: CodeGenerator) -> None:
    one = utterance()
    codes, frames_B = take_part(split, one)
    moving = copy.deepcopy(still)
    torch.nn.init.normal_(moving.leave.weight, std=0.5)
    for label in (3, 4):
        expected = recode(moving, codes, frames_B, torch.tensor([label]))
        torch.testing.assert_close(prosody_of(recode_part(moving, codes, frames_B, label)), prosody_of(expected))
    assert not torch.allclose(*(prosody_of(recode_part(moving, codes, frames_B, label)) for label in (3, 4)))

    def change(own: Codes, own_frames_B: torch.Tensor, detail_1MF: torch.Tensor) -> Codes:
        torch.testing.assert_close(prosody_of(own), prosody_of(codes))
        torch.testing.assert_close(own_frames_B, frames_B)
        torch.testing.assert_close(detail_1MF, detail_part(split, codes, one.mel_MF))
        return recode_part(moving, own, own_frames_B, 4)

    made_MF = change_part(split, one, change)
    as_it_was_MF = change_part(split, one, lambda own, *_: own)
    assert made_MF.shape == one.mel_MF.shape
    assert not torch.allclose(made_MF, as_it_was_MF), "the changed codes are put together, not those taken"


def test_a_usual_level_is_left_alone_and_others_come_to_its_edge() -> None:
    one = utterance().mel_MF
    torch.testing.assert_close(at_usual_level(one), one)
    assert float(level(at_usual_level(one - 4))) == pytest.approx(USUAL[0], abs=0.05)
    assert float(level(at_usual_level(one + 4))) == pytest.approx(USUAL[1], abs=1e-4)
