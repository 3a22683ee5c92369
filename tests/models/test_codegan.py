"""The StarGAN over codes: it starts as the identity, whitens and colours, and minds its emotion."""

import pytest
import torch
from torch import Tensor

from affekt.models.codegan import CodeCritic, CodeGenerator

SIZE, EMOTIONS = 6, 4


def generator(moved: bool = False) -> CodeGenerator:
    """As it starts or, where it is moved, as a training might leave it."""
    torch.manual_seed(0)
    network = CodeGenerator(SIZE, EMOTIONS, channels=8).eval()
    network.mean_D1.copy_(torch.randn(SIZE, 1))
    network.deviation_D1.copy_(0.5 + torch.rand(SIZE, 1))
    if moved:
        for parameter in network.leave.parameters():
            torch.nn.init.normal_(parameter, std=0.3)
    return network


def codes(steps: int = 12, batch: int = 3, seed: int = 1) -> Tensor:
    return torch.randn(batch, SIZE, steps, generator=torch.Generator().manual_seed(seed))


def label(emotion: int, batch: int = 3) -> Tensor:
    return torch.full((batch,), emotion)


def test_it_starts_as_the_identity_whatever_the_emotion() -> None:
    network, code_BDS = generator(), codes()
    for emotion in range(EMOTIONS):
        assert torch.equal(network(code_BDS, label(emotion)), code_BDS)
        torch.testing.assert_close(network.convert(code_BDS, label(emotion)), code_BDS)


def test_to_whiten_and_to_colour_undo_each_other() -> None:
    network, code_BDS = generator(), codes()
    torch.testing.assert_close(network.colour(network.whiten(code_BDS)), code_BDS)
    torch.testing.assert_close(network.whiten(network.colour(code_BDS)), code_BDS)


def test_whitened_codes_have_mean_0_and_deviation_1() -> None:
    network = generator()
    code_BDS = network.mean_D1 + network.deviation_D1 * torch.randn(50, SIZE, 40)
    white_BDS = network.whiten(code_BDS)
    torch.testing.assert_close(white_BDS.mean((0, 2)), torch.zeros(SIZE), atol=0.1, rtol=0)
    torch.testing.assert_close(white_BDS.std((0, 2)), torch.ones(SIZE), atol=0.1, rtol=0)


def test_what_is_converted_is_whitened_before_and_coloured_after() -> None:
    network, code_BDS = generator(moved=True), codes()
    expected = network.colour(network(network.whiten(code_BDS), label(2)))
    assert torch.equal(network.convert(code_BDS, label(2)), expected)
    assert not torch.allclose(expected, network(code_BDS, label(2)), atol=1e-2)


@pytest.mark.parametrize("steps", [2, 7, 12, 31])
def test_codes_of_any_length_keep_it(steps: int) -> None:
    found = generator(moved=True).convert(codes(steps), label(1))
    assert found.shape == (3, SIZE, steps)
    assert found.isfinite().all()


@torch.no_grad()
def test_each_emotion_leads_elsewhere() -> None:
    network, code_BDS = generator(moved=True), codes()
    found = [network(code_BDS, label(emotion)) for emotion in range(EMOTIONS)]
    assert min(float((a - b).abs().max()) for i, a in enumerate(found) for b in found[:i]) > 1e-2


@torch.no_grad()
def test_clips_of_a_batch_go_to_their_own_emotions() -> None:
    network, code_BDS, emotion_B = generator(moved=True), codes(), torch.tensor([3, 0, 1])
    alone = [network(code_BDS[i : i + 1], emotion_B[i : i + 1]) for i in range(3)]
    torch.testing.assert_close(network(code_BDS, emotion_B), torch.cat(alone), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("steps", [1, 2, 5, 13, 32])
def test_the_critic_gives_a_number_and_an_emotion_for_codes_of_any_length(steps: int) -> None:
    torch.manual_seed(2)
    real_B, emotion_BE = CodeCritic(SIZE, EMOTIONS, channels=8)(codes(steps))
    assert real_B.shape == (3,)
    assert emotion_BE.shape == (3, EMOTIONS)


def test_the_critic_judges_each_clip_alone() -> None:
    torch.manual_seed(3)
    critic, code_BDS = CodeCritic(SIZE, EMOTIONS, channels=8), codes()
    (gradient,) = torch.autograd.grad(critic(code_BDS.requires_grad_())[0][1], code_BDS)
    assert (gradient.abs().sum((1, 2)) > 0).tolist() == [False, True, False]


def test_gradients_reach_every_parameter_of_both() -> None:
    network = generator(moved=True).train()
    critic = CodeCritic(SIZE, EMOTIONS, channels=8)
    real_B, emotion_BE = critic(network(codes(), torch.tensor([0, 1, 2])))
    (real_B.square().mean() + torch.nn.functional.cross_entropy(emotion_BE, label(1))).backward()
    silent = [f"{type(m).__name__}.{name}" for m in (network, critic) for name, p in m.named_parameters()
              if p.grad is None or not p.grad.abs().sum() > 0]  # fmt: skip
    # Before an instance norm a bias is taken out again.
    assert [name for name in silent if not (name.startswith("CodeGenerator.blocks") and name.endswith("bias"))] == []
