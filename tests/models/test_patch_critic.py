"""The critic of patches: how many there are, what each of them sees, and what a class does to it."""

import pytest
import torch
from torch import Tensor

from affekt.features.mel import N_MELS
from affekt.models.patch_critic import PatchCritic

CLASSES = 3
STRIDE = 8  # bands and frames from one patch to the next


@pytest.fixture(scope="module")
def critic() -> PatchCritic:
    torch.manual_seed(0)
    return PatchCritic(CLASSES, channels=4).eval()


def mels(frames: int = 64, batch: int = 2, seed: int = 0) -> Tensor:
    return torch.randn(batch, N_MELS, frames, generator=torch.Generator().manual_seed(seed)) * 2 - 5


def judge(critic: PatchCritic, source_BMF: Tensor, mel_BMF: Tensor, label: int = 0) -> Tensor:
    return critic(source_BMF, mel_BMF, torch.full((len(mel_BMF),), label))[0]


@pytest.mark.parametrize("frames", [8, 40, 96])
def test_there_is_a_logit_for_each_eight_bands_and_frames(critic: PatchCritic, frames: int) -> None:
    logit_BP, features = critic(mels(frames), mels(frames, seed=1), torch.tensor([0, 2]))
    assert logit_BP.shape == (2, N_MELS // STRIDE * frames // STRIDE)
    sizes = [(4, 40, frames // 2), (8, 20, frames // 4), (16, 10, frames // 8), (16, 10, frames // 8)]
    assert [tuple(x.shape[1:]) for x in features] == sizes


def test_it_judges_the_pair_and_not_the_candidate_alone(critic: PatchCritic) -> None:
    a, b, c = (mels(seed=i) for i in range(3))
    assert not torch.allclose(judge(critic, a, b), judge(critic, c, b), atol=1e-3)
    assert not torch.allclose(judge(critic, a, b), judge(critic, a, c), atol=1e-3)
    assert not torch.allclose(judge(critic, a, b), judge(critic, b, a), atol=1e-3)


@torch.no_grad()
def test_a_patch_sees_only_the_frames_about_it(critic: PatchCritic) -> None:
    source_BMF, mel_BMF = mels(), mels(seed=1)
    moved_BMF = mel_BMF.clone()
    moved_BMF[..., 0] += 3
    change = (judge(critic, source_BMF, moved_BMF) - judge(critic, source_BMF, mel_BMF)).abs()
    change_F = change.unflatten(1, (N_MELS // STRIDE, -1)).amax((0, 1))
    assert change_F[0] > 1e-4
    assert change_F[2:].max() < 1e-5  # a patch's 38 frames begin 15 before its own 8


@torch.no_grad()
def test_a_class_counts_by_projection() -> None:
    torch.manual_seed(1)
    critic = PatchCritic(CLASSES, channels=4).eval()
    source_BMF, mel_BMF = mels(), mels(seed=1)
    weight = critic.project.weight
    weight[2] = 0.25 * weight[0] + 0.75 * weight[1]
    first, second, between = (judge(critic, source_BMF, mel_BMF, label) for label in range(CLASSES))
    assert not torch.allclose(first, second, atol=1e-3)
    torch.testing.assert_close(between, 0.25 * first + 0.75 * second, atol=1e-5, rtol=1e-4)


def test_features_are_of_the_mels_and_not_of_the_class(critic: PatchCritic) -> None:
    source_BMF, mel_BMF = mels(), mels(seed=1)
    one, other = (critic(source_BMF, mel_BMF, torch.tensor([i, i]))[1] for i in (0, 2))
    assert all(torch.equal(x, y) for x, y in zip(one, other, strict=True))


@torch.no_grad()
def test_pairs_of_a_batch_do_not_see_each_other(critic: PatchCritic) -> None:
    source_BMF, mel_BMF, class_B = mels(batch=3), mels(batch=3, seed=1), torch.tensor([2, 0, 1])
    together, _ = critic(source_BMF, mel_BMF, class_B)
    alone = [critic(source_BMF[i : i + 1], mel_BMF[i : i + 1], class_B[i : i + 1])[0] for i in range(3)]
    torch.testing.assert_close(together, torch.cat(alone), atol=1e-5, rtol=1e-4)


def test_a_gradient_reaches_every_parameter_and_the_rows_of_its_classes_alone() -> None:
    torch.manual_seed(2)
    critic = PatchCritic(CLASSES, channels=4)
    critic(mels(), mels(seed=1), torch.tensor([0, 2]))[0].square().mean().backward()
    assert [name for name, p in critic.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0] == []
    assert critic.project.weight.grad is not None
    assert (critic.project.weight.grad.abs().sum(1) > 0).tolist() == [True, False, True]


def test_logits_stay_float32_where_the_rest_has_half_the_bits(critic: PatchCritic) -> None:
    with torch.autocast("cpu", torch.bfloat16):
        logit_BP, features = critic(mels(), mels(seed=1), torch.tensor([0, 1]))
    assert logit_BP.dtype == torch.float32
    assert features[0].dtype == torch.bfloat16
