"""Recogniser and judge: what a clip's logits may depend on, and that the two share no architecture."""

import pytest
import torch
from torch import Tensor, nn

from affekt.corpora.table import EMOTIONS
from affekt.models.judge import RecurrentRecogniser
from affekt.models.normalise import SPREAD, normalise_level
from affekt.models.recogniser import ConvRecogniser

NETWORKS = [ConvRecogniser, RecurrentRecogniser]
SHARED = ("affekt.models.pooling", "affekt.models.normalise")
LOG_FLOOR = -11.5129


def trained(network_class: type[nn.Module]) -> nn.Module:
    """Return a small network whose batch norms have statistics and offsets as after a training, in eval mode."""
    torch.manual_seed(0)
    network = network_class(channels=4)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.3)  # type: ignore[union-attr]
            module.running_var.uniform_(0.5, 2)  # type: ignore[union-attr]
            nn.init.normal_(module.bias, 0, 0.5)
    return network.eval()


def speech(batch: int, frames: int, seed: int = 0) -> Tensor:
    """Draw raw log-mels of a plausible level."""
    return -5 + 3 * torch.randn(batch, 80, frames, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("network_class", NETWORKS)
@pytest.mark.parametrize("frames", [16, 61, 62, 63, 64, 100])
def test_padding_changes_nothing(network_class: type[nn.Module], frames: int) -> None:
    network = trained(network_class)
    alone_BMF = speech(1, frames)
    batch_BMF = speech(3, 150, seed=1)
    batch_BMF[1, :, :frames] = alone_BMF[0]
    batch_BMF[1, :, frames:] = LOG_FLOOR
    with torch.no_grad():
        expected = network(alone_BMF)
        with_frames = network(alone_BMF, torch.tensor([frames]))
        padded = network(batch_BMF, torch.tensor([150, frames, 120]))[1:2]
    torch.testing.assert_close(with_frames, expected, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(padded, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("network_class", NETWORKS)
def test_what_lies_beyond_a_clip_changes_nothing(network_class: type[nn.Module]) -> None:
    network = trained(network_class)
    frames = torch.tensor([60, 37])
    quiet, loud = speech(2, 80), speech(2, 80)
    for row, valid in enumerate(frames):
        quiet[row, :, valid:] = LOG_FLOOR
        loud[row, :, valid:] = 50.0
    with torch.no_grad():
        torch.testing.assert_close(network(loud, frames), network(quiet, frames), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("network_class", NETWORKS)
@pytest.mark.parametrize("gain", [-4.0, 2.5])
def test_a_recording_gain_changes_nothing(network_class: type[nn.Module], gain: float) -> None:
    network = trained(network_class)
    mel_BMF, frames = speech(2, 70), torch.tensor([70, 45])
    with torch.no_grad():
        for valid in (None, frames):
            logits = network(mel_BMF, valid)
            torch.testing.assert_close(network(mel_BMF + gain, valid), logits, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("network_class", NETWORKS)
@pytest.mark.parametrize("mode", ["eval", "train"])
def test_gradients_to_the_mel_are_finite_and_stay_in_the_clip(network_class: type[nn.Module], mode: str) -> None:
    network = trained(network_class).train(mode == "train")
    mel_BMF = speech(3, 90)
    mel_BMF[2] = LOG_FLOOR  # digital silence: no variance anywhere
    mel_BMF.requires_grad_()
    frames = torch.tensor([90, 50, 90])
    loss = nn.functional.cross_entropy(network(mel_BMF, frames), torch.tensor([0, 3, 7]))
    (gradient,) = torch.autograd.grad(loss, mel_BMF)
    assert gradient.isfinite().all()
    assert gradient[0].abs().sum() > 0
    assert gradient[1, :, :50].abs().sum() > 0
    assert (gradient[1, :, 50:] == 0).all()


@pytest.mark.parametrize("network_class", NETWORKS)
@pytest.mark.parametrize("frames", [*range(16, 26), 400])
def test_any_length_gives_a_logit_per_emotion(network_class: type[nn.Module], frames: int) -> None:
    network = trained(network_class)
    mel_BMF = speech(2, frames)
    with torch.no_grad():
        logits = network(mel_BMF)
        features = network.embed(mel_BMF)  # type: ignore[operator]
    assert logits.shape == (2, len(EMOTIONS))
    assert features.shape == (2, 32)
    assert logits.isfinite().all()
    torch.testing.assert_close(network.head(features), logits)  # type: ignore[operator]


@pytest.mark.parametrize("network_class", NETWORKS)
def test_clips_of_a_batch_do_not_meet(network_class: type[nn.Module]) -> None:
    network = trained(network_class)
    mel_BMF = speech(4, 50)
    with torch.no_grad():
        together = network(mel_BMF)
        apart = torch.cat([network(mel_BMF[i : i + 1]) for i in range(4)])
    torch.testing.assert_close(together, apart, rtol=1e-4, atol=1e-5)


def test_recogniser_and_judge_share_only_pooling_and_input_scaling() -> None:
    def own_classes(network: nn.Module) -> set[type]:
        return {type(m) for m in network.modules() if type(m).__module__.startswith("affekt.")}

    recogniser, judge = ConvRecogniser(4), RecurrentRecogniser(4)
    common = own_classes(recogniser) & own_classes(judge)
    assert {cls.__module__ for cls in common} <= set(SHARED)
    assert any(isinstance(m, nn.RNNBase) for m in judge.modules())
    assert not any(isinstance(m, nn.RNNBase) for m in recogniser.modules())
    shapes = [sorted(tuple(p.shape) for p in network.parameters()) for network in (recogniser, judge)]
    assert shapes[0] != shapes[1]


@pytest.mark.parametrize("frames", [None, torch.tensor([30, 12])])
def test_normalised_clips_have_no_level_and_zeros_beyond(frames: Tensor | None) -> None:
    mel_BMF = speech(2, 30)
    scaled = normalise_level(mel_BMF, frames)
    for row, valid in enumerate([30, 30] if frames is None else frames.tolist()):
        clip = mel_BMF[row, :, :valid]
        torch.testing.assert_close(scaled[row, :, :valid], (clip - clip.mean()) / SPREAD)
        assert (scaled[row, :, valid:] == 0).all()
