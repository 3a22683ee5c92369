"""Seed 3's network: nine blocks, nothing above 8 kHz, no level."""

import pytest
import torch
from any_network import config_of, trained, untrained
from torch import nn

from affekt.features.mel import SAMPLE_RATE
from affekt.models.spectrogram_net import WIDTHS, ResidualBlock, scale

NAMES = ["gender_fast", "gender_slow"]


def roots(name: str, batch: int = 2, frames: int = 50, seed: int = 0) -> torch.Tensor:
    bins = int(str(config_of(name)["n_fft"])) // 2 + 1
    return 0.2 + torch.rand(batch, bins, frames, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("name", NAMES)
def test_it_has_exactly_nine_blocks_in_the_order_of_their_numbers(name: str) -> None:
    network = untrained(name)
    blocks = [key for key, module in network.named_children() if isinstance(module, ResidualBlock)]
    assert blocks == [f"block{i}" for i in range(1, 10)]
    assert sum(isinstance(module, ResidualBlock) for module in network.modules()) == 9
    ran: list[str] = []
    for key in blocks:
        network.get_submodule(key).register_forward_hook(lambda *_, key=key: ran.append(key))
    network.eval()(roots(name))
    assert ran == blocks


@pytest.mark.parametrize("name", NAMES)
def test_what_is_above_8_khz_is_not_heard_to_the_bit(name: str) -> None:
    network = trained(name)
    n_fft = int(str(config_of(name)["n_fft"]))
    top = int(network.bins)
    assert (top - 1) * SAMPLE_RATE / n_fft <= 8000 < top * SAMPLE_RATE / n_fft
    quiet = roots(name)
    loud = quiet.clone()
    loud[:, top:] = 9.0
    below = quiet.clone()
    below[:, top - 1] = 9.0
    with torch.no_grad():
        for frames_B in (None, torch.tensor([50, 31])):
            assert torch.equal(network(loud, frames_B), network(quiet, frames_B))
            assert not torch.equal(network(below, frames_B), network(quiet, frames_B))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("gain", [0.25, 3.0])
def test_a_factor_on_the_magnitudes_changes_nothing(name: str, gain: float) -> None:
    network, root_BKF = trained(name), roots(name)
    with torch.no_grad():
        expected = network(root_BKF)
        torch.testing.assert_close(network(gain * root_BKF), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("frames_B", [None, torch.tensor([50, 20])])
def test_scaled_clips_have_mean_zero_and_zeros_beyond(frames_B: torch.Tensor | None) -> None:
    scaled = scale(roots("gender_fast"), frames_B)
    for row, valid in enumerate([50, 50] if frames_B is None else frames_B.tolist()):
        assert scaled[row, :, :valid].mean().item() == pytest.approx(0, abs=1e-5)
        assert (scaled[row, :, valid:] == 0).all()
    assert scale(torch.zeros(1, 10, 5), None).isfinite().all()


def test_the_last_block_is_pooled_over_bins_and_valid_frames() -> None:
    network = trained("gender_fast")
    caught: list[torch.Tensor] = []
    network.get_submodule("block9").register_forward_hook(lambda _, __, output: caught.append(output))
    with torch.no_grad():
        features = network.embed(roots("gender_fast"))
    assert features.shape == (2, WIDTHS[-1] * 4)
    torch.testing.assert_close(features, caught[0].mean((2, 3)))


def test_shapes_that_differ_are_fitted_so_that_every_block_has_its_skip() -> None:
    torch.manual_seed(0)
    for inputs, outputs, first in ((1, 4, True), (4, 8, False), (8, 8, False)):
        block = ResidualBlock(inputs, outputs, first, norm=True, residual=True).eval()
        x = torch.rand(2, inputs, 12, 16)
        with torch.no_grad():
            for parameter in block.leave.parameters():
                parameter.zero_()  # the path says nothing; what is left is the skip
            torch.testing.assert_close(block(x), block.skip(x).relu())
        assert isinstance(block.skip, nn.Identity) == (inputs == outputs)
