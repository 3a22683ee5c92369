"""Voices of nobody: embeddings as real ones are, of the gender that is wished for, and their critic."""

import pytest
import torch
from torch import Tensor

from affekt.corpora.table import GENDERS
from affekt.features.speaker import EMBEDDING_SIZE
from affekt.models.voicegan import VoiceCritic, VoiceGenerator

LATENT = 5


@pytest.fixture(scope="module")
def generator() -> VoiceGenerator:
    torch.manual_seed(0)
    return VoiceGenerator(LATENT, width=16).eval()


def latents(batch: int = 8, size: float = 1.0) -> Tensor:
    return size * torch.randn(batch, LATENT, generator=torch.Generator().manual_seed(1))


def gender(index: int, batch: int = 8) -> Tensor:
    return torch.full((batch,), index)


@pytest.mark.parametrize("size", [0.0, 1.0, 100.0])
def test_embeddings_are_unit_vectors_without_negative_numbers(generator: VoiceGenerator, size: float) -> None:
    for index in range(len(GENDERS)):
        speaker_BE = generator(latents(size=size), gender(index))
        assert speaker_BE.shape == (8, EMBEDDING_SIZE)
        assert (speaker_BE >= 0).all()
        torch.testing.assert_close(speaker_BE.norm(dim=1), torch.ones(8))


def test_the_same_latent_is_another_voice_of_the_other_gender(generator: VoiceGenerator) -> None:
    one, other = (generator(latents(), gender(index)) for index in range(2))
    assert (one - other).norm(dim=1).min() > 1e-3


def test_each_latent_is_a_voice_of_its_own(generator: VoiceGenerator) -> None:
    distance_BB = torch.pdist(generator(latents(), gender(0)))
    assert distance_BB.min() > 1e-3


def test_voices_of_a_batch_do_not_depend_on_each_other(generator: VoiceGenerator) -> None:
    latent_BL, gender_B = latents(), torch.arange(8) % 2
    alone = [generator(latent_BL[i : i + 1], gender_B[i : i + 1]) for i in range(8)]
    torch.testing.assert_close(generator(latent_BL, gender_B), torch.cat(alone))


def test_the_critic_gives_a_number_and_a_gender_each() -> None:
    torch.manual_seed(1)
    critic = VoiceCritic(width=16)
    speaker_BE = torch.rand(8, EMBEDDING_SIZE)
    real_B, gender_B2 = critic(speaker_BE)
    assert real_B.shape == (8,)
    assert gender_B2.shape == (8, len(GENDERS))
    torch.testing.assert_close(critic(speaker_BE[2:3])[0], real_B[2:3])


def test_gradients_reach_every_parameter_of_both() -> None:
    torch.manual_seed(2)
    generator, critic = VoiceGenerator(LATENT, width=16), VoiceCritic(width=16)
    real_B, gender_B2 = critic(generator(latents(), torch.arange(8) % 2))
    (real_B.mean() + torch.nn.functional.cross_entropy(gender_B2, gender(1))).backward()
    for network in (generator, critic):
        silent = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
        assert silent == []
