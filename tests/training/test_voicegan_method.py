"""Training VoiceGAN: speakers are drawn alike, the generator learns both genders, and training repeats to the bit."""

import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from toy_corpus import load_corpus

from affekt.core.errors import UserError
from affekt.core.params_converting import VoiceganParams
from affekt.features.packed import Packed
from affekt.training.loop import TrainResult, TrainSettings, train
from affekt.training.voicegan import VoiceganMethod, Voices, alternating

CPU = torch.device("cpu")
SEED = 3


def params(steps: int = 7, critic_steps: int = 2, lr: float = 0.002) -> VoiceganParams:
    return VoiceganParams(
        latent=4, width=32, steps=steps, critic_steps=critic_steps, batch=16, lr=lr, penalty=10.0, gender=1.0
    )


def toy_voices(clips: tuple[int, ...] = (30, 1, 1, 5, 5)) -> Voices:
    """Speakers by turns a woman and a man with so many clips: women are loud in the first half of the numbers."""
    rng = np.random.default_rng(0)
    speaker_N = np.repeat(np.arange(len(clips)), clips)
    embedding_NE = rng.uniform(0, 0.3, (len(speaker_N), 256))
    for row, speaker in enumerate(speaker_N):
        embedding_NE[row, 128 * (speaker % 2) : 128 * (speaker % 2) + 128] += 1
    embedding_NE /= np.linalg.norm(embedding_NE, axis=1, keepdims=True)
    return Voices(embedding_NE.astype(np.float32), speaker_N % 2, np.array([f"s{i}" for i in speaker_N]))


def run(method: VoiceganMethod, work: Path) -> TrainResult:
    settings = TrainSettings(method.params.steps, SEED, checkpoint_every=4, log_every=1)
    work.mkdir(exist_ok=True)
    return train(method, settings, work, CPU, lambda scalars, step: None, lambda steps, *_, **__: iter(steps))


def test_each_speaker_is_as_likely_whatever_its_clips_and_genders_take_turns() -> None:
    voices = toy_voices()
    gender_B = alternating(12_000)
    row_B = voices.draw(gender_B, torch.Generator().manual_seed(0)).numpy()
    np.testing.assert_array_equal(voices.gender_N[row_B], gender_B.numpy())
    names, counts = np.unique(voices.speaker_N[row_B], return_counts=True)
    assert names.tolist() == ["s0", "s1", "s2", "s3", "s4"]
    np.testing.assert_allclose(counts, [2000, 3000, 2000, 3000, 2000], rtol=0.1)
    _, of_clips = np.unique(row_B[voices.speaker_N[row_B] == "s3"], return_counts=True)
    np.testing.assert_allclose(of_clips, 600, rtol=0.2)


def with_embeddings(packed: Packed, size: float) -> Packed:
    return Packed(**{**vars(packed), "speaker": np.full_like(packed.speaker, size)})


def test_voices_are_of_one_half_of_all_corpora(tmp_path: Path) -> None:
    acted = with_embeddings(load_corpus(tmp_path / "acted", emotions=2), 1.0)
    read = with_embeddings(load_corpus(tmp_path / "read", emotions=1, speakers=4, labelled=False), 2.0)
    read.clips["speaker"] = "reader-" + read.clips["speaker"]
    voices = Voices.of_half([acted, read], "b")
    assert sorted(set(voices.speaker_N)) == ["reader-toy-02", "reader-toy-03", "toy-04", "toy-05", "toy-06", "toy-07"]
    assert len(voices.embedding_NE) == 4 * 2 + 2
    is_reader_N = np.char.startswith(voices.speaker_N, "reader")
    np.testing.assert_array_equal(voices.embedding_NE, np.repeat(1.0 + is_reader_N[:, None], 256, axis=1))
    assert voices.gender_N.tolist() == [int(name[-1]) % 2 for name in voices.speaker_N]


def test_a_half_of_one_gender_is_one_clear_error(tmp_path: Path) -> None:
    packed = load_corpus(tmp_path, emotions=1)
    women = Packed(**{**vars(packed), "clips": pd.DataFrame(packed.clips).assign(gender="f")})
    with pytest.raises(UserError, match=r"half a .* no clip of gender `m`"):
        Voices.of_half([women], "a")


def test_the_generator_moves_at_every_critic_steps_th_step_alone_and_all_is_noted_at_each(tmp_path: Path) -> None:
    method = VoiceganMethod(params(steps=6, critic_steps=3), toy_voices(), SEED, CPU)
    seen = [[p.detach().clone() for p in method.generator.parameters()]]
    settings = TrainSettings(6, SEED, log_every=1)

    def log(scalars: dict[str, float], step: int) -> None:
        assert set(scalars) == {
            "adv/critic", "adv/generator", "adv/penalty", "voice/gender", "voice/real_accuracy", "voice/fake_accuracy",
        }  # fmt: skip
        seen.append([p.detach().clone() for p in method.generator.parameters()])

    train(method, settings, tmp_path, CPU, log, lambda steps, *_, **__: iter(steps))
    moved = [any(not torch.equal(a, b) for a, b in zip(*pair, strict=True)) for pair in itertools.pairwise(seen)]
    assert moved == [False, False, True, False, False, True]


def test_training_brings_voices_to_the_real_ones_of_their_gender(tmp_path: Path) -> None:
    voices = toy_voices()
    method = VoiceganMethod(params(steps=300), voices, SEED, CPU)
    centre_GE = np.stack([voices.embedding_NE[voices.gender_N == index].mean(0) for index in range(2)])

    def cosines() -> np.ndarray:
        with torch.no_grad():
            drawn = method.generator(torch.randn(64, 4, generator=torch.Generator().manual_seed(0)), alternating(64))
        return drawn.numpy() @ centre_GE.T

    before = cosines()
    result = run(method, tmp_path)
    after_BG, gender_B = cosines(), alternating(64).numpy()
    assert (after_BG.argmax(1) == gender_B).all()
    own_B = after_BG[np.arange(64), gender_B]
    assert own_B.min() > 0.9 > before.max()
    assert result.history["voice/real_accuracy"][-1] == 1
    assert result.history["voice/fake_accuracy"][-1] == 1
    assert abs(result.history["adv/critic"][-1]) < abs(min(result.history["adv/critic"]))


def test_two_runs_and_a_resumed_one_are_equal_to_the_bit(tmp_path: Path) -> None:
    weights = []
    for name in ("first", "second"):
        method = VoiceganMethod(params(), toy_voices(), SEED, CPU)
        run(method, tmp_path / name)
        weights.append(method.generator.state_dict() | method.critic.state_dict(prefix="critic."))
    resumed = VoiceganMethod(params(), toy_voices(), SEED + 1, CPU)
    run(resumed, tmp_path / "second")  # goes on from the checkpoint after step 4
    weights.append(resumed.generator.state_dict() | resumed.critic.state_dict(prefix="critic."))
    for other in weights[1:]:
        assert all(torch.equal(weights[0][key], other[key]) for key in weights[0])
