"""Networks made ready for climbing say the same as the originals, and the originals stay as they were."""

import copy

import pytest
import torch
from torch import nn

from affekt.optimise.networks import prepare

CPU = torch.device("cpu")


def network() -> nn.Sequential:
    torch.manual_seed(0)
    layers = nn.Sequential(
        nn.ConvTranspose2d(4, 8, 4, 2, 1),
        nn.BatchNorm2d(8),
        nn.SiLU(),
        nn.Sequential(nn.Conv2d(8, 6, 3, bias=False), nn.BatchNorm2d(6), nn.ReLU()),
        nn.Dropout(0.5),
    )
    with torch.no_grad():
        layers(torch.randn(64, 4, 6, 6) * 2 + 1)  # gives the norms statistics that are not 0 and 1
    return layers


@pytest.mark.parametrize(("bf16", "tolerance"), [(False, 1e-5), (True, 0.05)])
def test_says_the_same_as_the_original(bf16: bool, tolerance: float) -> None:
    original, x = network(), torch.randn(2, 4, 6, 6)
    before = copy.deepcopy(original.state_dict())
    ready = prepare(original, CPU, bf16)
    with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        said = ready(x).float()
    assert torch.allclose(said, original.eval()(x), atol=tolerance)
    assert all(torch.equal(before[name], tensor) for name, tensor in original.state_dict().items())
    assert not any(p.requires_grad for p in ready.parameters())
    assert not any(isinstance(m, nn.BatchNorm2d) for m in ready.modules())
