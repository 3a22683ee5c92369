"""One way to every vocoder, and gradients through all of them."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from affekt.core.errors import UserError
from affekt.features.griffin_lim import griffin_lim
from affekt.features.mel import HOP_LENGTH, LOG_FLOOR, N_MELS, SAMPLE_RATE, log_mel
from affekt.models.io import save_model
from affekt.models.judge import RecurrentRecogniser
from affekt.models.vocoder import IstftVocoder
from affekt.models.vocoders import TRAINED, GriffinLimVocoder, load_vocoder
from affekt.models.waveglow import WaveGlow

CPU = torch.device("cpu")
NETWORKS: dict[str, tuple[type[nn.Module], dict[str, Any]]] = {
    "istft": (IstftVocoder, {"channels": 8, "blocks": 1}),
    "waveglow": (WaveGlow, {"channels": 8, "layers": 2, "flows": 5, "condition": 8, "sigma": 0.7}),
}
NAMES = (*NETWORKS, "griffin_lim")


def load(name: str, folder: Path) -> nn.Module:
    if name == "griffin_lim":
        return load_vocoder(name, CPU, iterations=4)
    network, config = NETWORKS[name]
    torch.manual_seed(0)
    module = network(**config)
    with torch.no_grad():  # away from the start, where a flow's couplings change nothing
        for parameter in module.parameters():
            parameter += 0.02 * torch.randn_like(parameter)
    save_model(folder / name, module, config, {})
    return load_vocoder(folder / name, CPU)


def speechlike_mel(frames: int) -> torch.Tensor:
    time_T = torch.arange((frames - 1) * HOP_LENGTH) / SAMPLE_RATE
    waveform_T = sum(torch.sin(2 * math.pi * 150 * k * time_T) / k for k in range(1, 20))
    return log_mel(0.1 * waveform_T)[None]


def test_all_that_are_trained_are_tested() -> None:
    assert {name: network for name, (network, _) in NETWORKS.items()} == TRAINED


@pytest.mark.parametrize("name", NAMES)
def test_a_mel_becomes_whole_hops_to_the_same_bits(name: str, tmp_path: Path) -> None:
    vocoder, mel_BMF = load(name, tmp_path), speechlike_mel(24).repeat(2, 1, 1)
    waveform_BT = vocoder(mel_BMF)
    assert waveform_BT.shape == (2, 23 * HOP_LENGTH)
    assert torch.isfinite(waveform_BT).all()
    assert waveform_BT.abs().max() > 0
    assert torch.equal(load(name, tmp_path)(mel_BMF), waveform_BT)


@pytest.mark.parametrize("name", NAMES)
def test_gradients_reach_every_frame_of_the_mel_and_no_weight(name: str, tmp_path: Path) -> None:
    vocoder, mel_BMF = load(name, tmp_path), speechlike_mel(32).requires_grad_()
    vocoder(mel_BMF).square().sum().backward()
    assert mel_BMF.grad is not None
    assert torch.isfinite(mel_BMF.grad).all()
    assert (mel_BMF.grad != 0).any(dim=1).all()
    assert [name for name, parameter in vocoder.named_parameters() if parameter.grad is not None] == []


@pytest.mark.parametrize("name", NAMES)
def test_gradients_are_finite_in_silence(name: str, tmp_path: Path) -> None:
    mel_BMF = torch.full((1, N_MELS, 16), math.log(LOG_FLOOR), requires_grad=True)
    load(name, tmp_path)(mel_BMF).square().sum().backward()
    assert mel_BMF.grad is not None
    assert torch.isfinite(mel_BMF.grad).all()


@pytest.mark.parametrize("name", NAMES)
def test_climbing_the_gradient_raises_what_is_climbed(name: str, tmp_path: Path) -> None:
    vocoder, mel_BMF = load(name, tmp_path), speechlike_mel(32).requires_grad_()
    before = vocoder(mel_BMF).square().sum()
    (gradient,) = torch.autograd.grad(before, mel_BMF)
    assert vocoder(mel_BMF + 0.02 * gradient / gradient.abs().max()).square().sum() > before


def test_the_magnitudes_gradient_is_what_a_small_change_does() -> None:
    """Louder by a factor in every band is louder by it in the sound, whatever the constant phase."""
    mel_BMF = speechlike_mel(32).requires_grad_()
    energy = GriffinLimVocoder(iterations=8)(mel_BMF).square().sum()
    (gradient,) = torch.autograd.grad(energy, mel_BMF)
    assert float(gradient.sum()) == pytest.approx(2 * float(energy.detach()), rel=1e-3)  # d of exp(2 a) at a = 0


def test_griffin_lim_is_the_function_of_that_name() -> None:
    mel_BMF = speechlike_mel(24)
    assert torch.equal(load_vocoder("griffin_lim", CPU, 5)(mel_BMF), griffin_lim(mel_BMF, 5))


def test_what_is_no_vocoder_is_refused(tmp_path: Path) -> None:
    save_model(tmp_path / "judge", RecurrentRecogniser(channels=4), {"channels": 4}, {})
    with pytest.raises(UserError, match="holds a RecurrentRecogniser, which is no vocoder"):
        load_vocoder(tmp_path / "judge", CPU)
    with pytest.raises(UserError, match="there is no trained model"):
        load_vocoder(tmp_path / "nothing", CPU)
