"""Layers are found in every network by what they are, and their activation is that of a full forward pass."""

import pytest
import torch
from torch import Tensor, nn

from affekt.core.errors import UserError
from affekt.models.registry import CLASSES, NETWORKS
from affekt.models.spectrogram_net import SpectrogramResNet
from affekt.optimise.dream import Ear
from affekt.optimise.layers import Layer, activation, find_layer, list_layers

BLOCKS = [f"block{i}" for i in range(1, 10)]


def build(name: str) -> nn.Module:
    spec = NETWORKS[name]
    torch.manual_seed(0)
    sizes = {} if spec.input == "spectrogram" else {"layers": 2}
    return spec.network(channels=4, classes=CLASSES[spec.labels], **sizes, **dict(spec.config)).eval()


def ear_of(name: str) -> Ear:
    return Ear.of(build(name), NETWORKS[name].input, torch.device("cpu"))


@pytest.mark.parametrize("name", list(NETWORKS))
def test_every_network_lists_its_layers_in_the_order_of_running(name: str) -> None:
    network, ear = build(name), ear_of(name)
    layers = ear.layers()
    names = [layer.name for layer in layers]
    assert len(set(names)) == len(names) >= 5
    assert names[-1] == "head"
    assert layers[-1] == Layer("head", CLASSES[NETWORKS[name].labels], 1)
    assert all(dict(network.named_modules())[layer.name] is not None for layer in layers)
    assert all(layer.channels >= 2 for layer in layers)


def test_the_gender_network_has_nine_blocks() -> None:
    layers = ear_of("gender_fast").layers()
    assert [layer.name for layer in layers] == [*BLOCKS, "head"]
    assert [layer.channels for layer in layers[:3]] == [4, 16, 16]


class Recurrent(nn.Module):
    """Channels come last in its recurrent layer and first in its convolution; its block also gives its state."""

    def __init__(self) -> None:
        super().__init__()
        self.front = nn.Conv1d(6, 8, 3, padding=1)
        self.recurrent = nn.GRU(8, 5, batch_first=True, bidirectional=True)
        self.norm = nn.LayerNorm(10)
        self.unused = nn.Linear(3, 3)
        self.head = nn.Linear(10, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.norm(self.recurrent(self.front(x).transpose(1, 2))[0]).mean(dim=1))


def test_channels_are_told_from_time_wherever_they_are() -> None:
    found = list_layers(Recurrent(), torch.zeros(2, 6, 40))
    assert found == [Layer("front", 8, 1), Layer("recurrent", 10, 2), Layer("head", 2, 1)]


def test_activation_is_the_mean_of_the_layers_output() -> None:
    torch.manual_seed(0)
    network = Recurrent().eval()
    x = torch.randn(3, 6, 40)
    front = network.front(x)
    recurrent = network.recurrent(front.transpose(1, 2))[0]
    assert torch.allclose(activation(network, Layer("front", 8, 1), None, x), front.mean(dim=(1, 2)))
    assert torch.allclose(activation(network, Layer("front", 8, 1), 3, x), front[:, 3].mean(dim=1))
    assert torch.allclose(activation(network, Layer("recurrent", 10, 2), 7, x), recurrent[..., 7].mean(dim=1))
    assert torch.allclose(activation(network, Layer("head", 2, 1), 1, x), network(x)[:, 1])


def test_only_what_leads_to_the_layer_runs_and_no_hook_stays() -> None:
    ear = ear_of("gender_fast")
    network = ear.network
    ran: list[str] = []
    for name in BLOCKS:
        network.get_submodule(name).register_forward_pre_hook(lambda module, inputs, name=name: ran.append(name))
    x = torch.rand(1, 257, 64)
    activation(network, Layer("block3", 16, 1), None, x)
    assert ran == BLOCKS[:3]
    assert not network.get_submodule("block3")._forward_hooks
    assert network(x).shape == (1, 2)


def test_unknown_layers_and_channels_are_named() -> None:
    layers = ear_of("gender_fast").layers()
    assert find_layer(layers, "block2", 15).name == "block2"
    with pytest.raises(UserError, match=r"layer blok2: this network has block1, block2, .*head"):
        find_layer(layers, "blok2", None)
    with pytest.raises(UserError, match="layer block2 has channels 0 to 15"):
        find_layer(layers, "block2", 16)


def test_batch_norms_are_folded_into_the_network_that_is_climbed() -> None:
    network = SpectrogramResNet(512, 128, channels=4).eval()
    x = torch.rand(2, 257, 64)
    ear = Ear.of(network, "spectrogram", torch.device("cpu"))
    assert torch.allclose(ear.network(x), network(x), atol=1e-5)
    assert not any(parameter.requires_grad for parameter in ear.network.parameters())
