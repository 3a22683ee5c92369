"""The registry: every name builds its network, which says what it hears, and comes back from disk to the bit."""

from pathlib import Path

import pytest
import torch
from any_network import SPECS, batch, config_of, untrained
from torch import nn

from affekt.cli.maximise import RECOGNISERS
from affekt.core.errors import UserError
from affekt.core.params import NetworksParams, RecognisersParams
from affekt.corpora.table import EMOTIONS, GENDERS
from affekt.features.spectrogram import FAST, SLOW
from affekt.models import spectrogram_net
from affekt.models.io import load_model, save_model
from affekt.models.judge import RecurrentRecogniser
from affekt.models.registry import CLASSES, NETWORKS, find, load_recogniser, spec_of

CPU = torch.device("cpu")
NAMES = list(NETWORKS)


def test_names_inputs_and_labels() -> None:
    kinds = {name: (spec.input, spec.labels) for name, spec in NETWORKS.items()}
    assert kinds == {
        "mel_cnn": ("mel", "emotion"),
        "mel_wavenet": ("mel", "emotion"),
        "mel_lstm": ("mel", "emotion"),
        "audio_wavenet": ("audio", "emotion"),
        "audio_lstm": ("audio", "emotion"),
        "mfcc_cnn": ("mel", "emotion_gender"),
        "gender_fast": ("spectrogram", "gender"),
        "gender_slow": ("spectrogram", "gender"),
    }
    assert {"emotion": len(EMOTIONS), "emotion_gender": len(EMOTIONS) * len(GENDERS), "gender": len(GENDERS)} == CLASSES


def test_resolutions_are_those_of_the_spectrogram() -> None:
    for name, resolution in (("gender_fast", FAST), ("gender_slow", SLOW)):
        assert dict(NETWORKS[name].config) == {"n_fft": resolution.n_fft, "hop_length": resolution.hop_length}


def test_params_know_the_same_names() -> None:
    emotion = [name for name, spec in NETWORKS.items() if spec.labels != "gender"]
    assert list(NetworksParams.model_fields) == emotion
    climbed = [name for name, spec in NETWORKS.items() if spec.labels == "emotion"]
    assert list(RecognisersParams.model_fields) == climbed
    assert list(RECOGNISERS) == climbed, "the command line offers the same"


@pytest.mark.parametrize("name", NAMES)
def test_a_network_is_found_by_its_name_and_tells_its_spec(name: str) -> None:
    assert find(name) is NETWORKS[name]
    assert spec_of(untrained(name)) is NETWORKS[name]


def test_other_names_and_networks_have_no_spec() -> None:
    with pytest.raises(UserError, match=r"there is no recogniser 'mel_cmn'; known are mel_cnn, mel_wavenet, .*slow"):
        find("mel_cmn")
    assert spec_of(untrained("judge")) is None
    assert spec_of(nn.Linear(2, 2)) is None
    odd = spectrogram_net.SpectrogramResNet(n_fft=1024, hop_length=128, channels=2)
    assert spec_of(odd) is None


@pytest.mark.parametrize("name", sorted(SPECS))
@pytest.mark.parametrize("aids", [True, False])
def test_a_network_comes_back_to_the_bit_in_eval_mode(name: str, aids: bool, tmp_path: Path) -> None:
    config = config_of(name, **{aid: (aids if aid != "dropout" else 0.3) for aid in aids_of(name)})
    torch.manual_seed(1)
    network = SPECS[name].network(**config)
    x = batch(name, [40, 40])
    network(x)  # moves the running statistics
    save_model(tmp_path / "m", network, config, {"step": [0.0]})
    found = load_model(tmp_path / "m", SPECS[name].network, CPU)
    assert not any(module.training for module in found.modules())
    for (key, tensor), (other, expected) in zip(found.state_dict().items(), network.state_dict().items(), strict=True):
        assert key == other
        assert torch.equal(tensor, expected)
    with torch.no_grad():
        assert torch.equal(found(x), network.eval()(x))


def aids_of(name: str) -> tuple[str, ...]:
    """What of the section `training` a network takes."""
    return ("dropout",) if name == "judge" else SPECS[name].aids


@pytest.mark.parametrize("name", NAMES)
def test_any_recogniser_is_loaded_by_what_its_folder_says(name: str, tmp_path: Path) -> None:
    save_model(tmp_path / "m", untrained(name), config_of(name), {})
    assert spec_of(load_recogniser(tmp_path / "m", CPU)) is NETWORKS[name]


def test_a_folder_of_another_network_is_refused(tmp_path: Path) -> None:
    save_model(tmp_path / "m", RecurrentRecogniser(4), {"channels": 4}, {})
    with pytest.raises(UserError, match=r"config\.json: holds a RecurrentRecogniser, which is no recogniser"):
        load_recogniser(tmp_path / "m", CPU)
    with pytest.raises(UserError, match="there is no trained model"):
        load_recogniser(tmp_path / "nowhere", CPU)


@pytest.mark.parametrize("name", NAMES)
def test_aids_that_are_off_leave_no_module(name: str) -> None:
    def count(network: nn.Module) -> tuple[int, int, int]:
        modules = list(network.modules())
        norms = sum(isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d) and m.affine for m in modules)
        paths = sum(getattr(m, "residual", False) for m in modules)
        masks = sum(getattr(m, "runs", 0) for m in modules)
        return norms, paths, masks

    norms, paths, masks = count(untrained(name))
    assert norms > 0
    assert paths > 0
    assert (masks > 0) == (NETWORKS[name].input == "audio")
    assert count(untrained(name, norm=False)) == (0, paths, masks)
    assert count(untrained(name, residual=False)) == (norms, 0, masks)
    if "masks" in NETWORKS[name].aids:
        assert count(untrained(name, masks=False)) == (norms, paths, 0)


@pytest.mark.parametrize("name", NAMES)
def test_without_norms_a_batch_has_no_say(name: str) -> None:
    """In training mode too, but for the fixed scale of MFCCs and for dropout, which is off."""
    if name == "mfcc_cnn":
        return
    network = untrained(name, norm=False, dropout=0.0, **({"masks": False} if "audio" in name else {})).train()
    x = batch(name, [40, 40])
    with torch.no_grad():
        alone = torch.cat([network(x[i : i + 1]) for i in range(2)])
        torch.testing.assert_close(network(x), alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_sizes_follow_channels_and_layers(name: str) -> None:
    def size(**more: object) -> int:
        return sum(parameter.numel() for parameter in untrained(name, **more).parameters())

    # Twice the channels are about four times the weights, but for the ends.
    assert 1.5 < size(channels=16) / size(channels=8) < 4.5
    if NETWORKS[name].input != "spectrogram":
        assert size(layers=4) > size(layers=3)
