"""Each pair's mel is the one that its source alone would give, whatever is converted beside it."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from toy_corpus import load_corpus

from affekt.core.seeds import numpy_rng
from affekt.evaluate.conversion_pairs import Pair
from affekt.evaluate.converters import (
    climb_pairs,
    each_source,
    groups_of,
    keep_waves,
    read_utterance,
    recode_pairs,
    together_pairs,
    translate_pairs,
    voice,
)
from affekt.features.mel import LOG_FLOOR, N_MELS
from affekt.features.packed import Packed
from affekt.models.codegan import CodeGenerator
from affekt.models.conversion import cut, detail_of, put_together, take_apart
from affekt.models.mel_networks import MelCNN
from affekt.models.speechsplit import STEP, SpeechSplit
from affekt.models.translation import nearest_emotion, translate
from affekt.models.translator import Translator
from affekt.optimise.engine import Settings

CPU = torch.device("cpu")
PAIRS = [Pair(0, 1, 1, None, ()), Pair(0, 2, 2, None, ()), Pair(3, 4, 4, None, ()), Pair(1, 0, 0, None, ())]


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Packed:
    found = load_corpus(tmp_path_factory.mktemp("toy"), speakers=2, emotions=5)
    found.clips["intensity"] = np.where(found.clips["emotion"] == "happy", "strong", "normal")
    speaker = numpy_rng(0).standard_normal(found.speaker.shape).astype(np.float32)
    return Packed(**(vars(found) | {"speaker": speaker / np.linalg.norm(speaker, axis=1, keepdims=True)}))


@pytest.fixture(scope="module")
def split() -> SpeechSplit:
    torch.manual_seed(0)
    network = SpeechSplit(channels=16, content=2, pitch=3, rhythm=1, decoder=16)
    network.leave.weight.data *= 8  # untrained, its codes are hardly heard
    return network.eval()


def frames_of(packed: Packed) -> list[int]:
    return [int(packed.frames[one.source]) for one in PAIRS]


def test_a_clip_is_translated_to_each_wish_in_the_intensity_of_its_target(packed: Packed) -> None:
    torch.manual_seed(0)
    translator = Translator(8, channels=4).eval()
    mels = translate_pairs(translator, packed, PAIRS, range(8), 1.0, CPU)
    for one, mel_MF in zip(PAIRS, mels, strict=True):
        strong = int(packed.clips["intensity"].iloc[one.target] == "strong")
        source = read_utterance(packed, one.source, CPU)
        own = nearest_emotion(translator, [source], range(8))
        alone = translate(translator, source, [one.emotion], own, strong)[0]
        torch.testing.assert_close(mel_MF, alone)
    still = translate_pairs(translator, packed, PAIRS, range(8), 0.0, CPU)
    for one, mel_MF in zip(PAIRS, still, strict=True):
        torch.testing.assert_close(mel_MF, packed.clip_mel(one.source), atol=1e-4, rtol=0)


def test_codes_that_are_left_alone_give_what_the_clip_alone_gives(packed: Packed, split: SpeechSplit) -> None:
    codegan = CodeGenerator(2 * (3 + 1), 8, channels=8).eval()  # untrained, it changes nothing
    mels = recode_pairs(split, codegan, packed, PAIRS, CPU)
    assert [mel_MF.shape for mel_MF in mels] == [(N_MELS, frames) for frames in frames_of(packed)]
    for one, mel_MF in zip(PAIRS, mels, strict=True):
        with torch.no_grad():
            source = read_utterance(packed, one.source, CPU)
            codes, frames_B = take_apart(split, [source])
            (alone,) = cut(put_together(split, codes, detail_of(split, codes, [source.mel_MF])), frames_B)
        torch.testing.assert_close(mel_MF, alone, atol=1e-4, rtol=1e-4)
        assert mel_MF.min() >= math.log(LOG_FLOOR)
    assert [one.source for one in each_source(PAIRS)] == [0, 3, 1]
    together = together_pairs(split, packed, each_source(PAIRS), CPU)
    for mel_MF, unchanged_MF in zip(together, (mels[0], mels[2], mels[3]), strict=True):
        torch.testing.assert_close(mel_MF, unchanged_MF, atol=1e-4, rtol=1e-4)


def test_each_wish_is_recoded_by_itself(packed: Packed, split: SpeechSplit) -> None:
    torch.manual_seed(2)
    codegan = CodeGenerator(2 * (3 + 1), 8, channels=8).eval()
    torch.nn.init.normal_(codegan.leave.weight, std=0.5)
    mels = recode_pairs(split, codegan, packed, PAIRS, CPU)
    assert not torch.allclose(mels[0], mels[1], atol=1e-2), "one clip, two emotions"
    for one, mel_MF in zip(PAIRS, mels, strict=True):
        (alone,) = recode_pairs(split, codegan, packed, [one], CPU)
        torch.testing.assert_close(mel_MF, alone, atol=1e-4, rtol=1e-4)


def test_pairs_of_as_many_steps_go_together(packed: Packed) -> None:
    groups = list(groups_of(packed, PAIRS))
    assert sorted(i for _, wanted in groups for i in wanted) == [0, 1, 2, 3]
    for steps, wanted in groups:
        assert {math.ceil(packed.frames[PAIRS[i].source] / STEP) for i in wanted} == {steps}


def test_codes_climb_to_the_wish_and_an_ended_climb_goes_on(packed: Packed, split: SpeechSplit, tmp_path: Path) -> None:
    torch.manual_seed(3)
    recognisers = [MelCNN(channels=4, layers=1, classes=8).eval()]
    settings = Settings(steps=4, lr=0.1, seed=1, views=1, snapshots=0, chunk=16)

    def climb(work: Path) -> tuple[list[torch.Tensor], torch.Tensor]:
        return climb_pairs(split, recognisers, packed, PAIRS, settings, 0.0, work, CPU)

    mels, belief_T = climb(tmp_path / "one")
    assert [mel_MF.shape[1] for mel_MF in mels] == frames_of(packed)
    assert belief_T.shape == (5,)
    assert belief_T.isfinite().all()
    assert all(place.name.endswith("-cpu") for place in (tmp_path / "one").iterdir()), "another device starts anew"
    again, _ = climb(tmp_path / "one")
    assert all(torch.equal(a, b) for a, b in zip(mels, again, strict=True))
    unmoved = recode_pairs(split, CodeGenerator(8, 8, channels=8).eval(), packed, PAIRS, CPU)
    assert all(not torch.allclose(a, b, atol=1e-3) for a, b in zip(mels, unmoved, strict=True))


def test_what_is_spoken_does_not_clip_and_is_kept(tmp_path: Path) -> None:
    def loud(mel_BMF: torch.Tensor) -> torch.Tensor:
        return mel_BMF[:, 0] * 3

    waves = voice(loud, [torch.linspace(-1, 1, 9).expand(80, 9), torch.full((80, 5), 0.1)])  # type: ignore[arg-type]
    assert [len(wave_T) for wave_T in waves] == [9, 5]
    assert np.abs(waves[0]).max() <= 1
    assert np.allclose(waves[1], 0.3), "what would not clip stays"
    calls = []

    def make() -> list[np.ndarray]:
        calls.append(1)
        return waves

    kept = [keep_waves(tmp_path / "kept.safetensors", make) for _ in range(2)]
    assert len(calls) == 1
    for found in kept:
        assert [wave_T.tobytes() for wave_T in found] == [wave_T.tobytes() for wave_T in waves]
