"""Networks along time: WaveNet's blocks look back as far as their dilations say, both ways are mirror images."""

import pytest
import torch
from torch import Tensor, nn

from affekt.models.sequences import BidirectionalLSTM, BidirectionalWaveNet, GatedBlock, TimeConvolutions, WaveNetStack

CHANNELS, FRAMES = 6, 60
PLACE = 25  # of a frame that is changed
SEQUENCES = {
    "convolutions": lambda norm, residual: TimeConvolutions(CHANNELS, 3, norm, residual),
    "stack": lambda norm, residual: WaveNetStack(CHANNELS, 3, norm, residual),
    "both_ways": lambda norm, residual: BidirectionalWaveNet(CHANNELS, 3, norm, residual),
    "lstm": lambda norm, residual: BidirectionalLSTM(CHANNELS, 2, 0.0),
}


def clips(frames: int = FRAMES, seed: int = 0) -> Tensor:
    return torch.randn(2, CHANNELS, frames, generator=torch.Generator().manual_seed(seed))


def make(name: str, norm: bool = True, residual: bool = True) -> nn.Module:
    torch.manual_seed(0)
    return SEQUENCES[name](norm, residual).eval()


def reach(network: nn.Module) -> tuple[int, int]:
    """First and last frame of the output that a change of frame PLACE moves."""
    x_BCF = clips().double()
    other = x_BCF.clone()
    other[:, :, PLACE] += 1
    with torch.no_grad():
        moved = (network.double()(other, None) != network(x_BCF, None)).any(1).any(0)
    places = moved.nonzero().flatten().tolist()
    return places[0], places[-1]


def test_a_stack_looks_back_over_the_sum_of_its_dilations_and_never_ahead() -> None:
    assert reach(make("stack")) == (PLACE, PLACE + 2 * (1 + 2 + 4))


def test_both_ways_look_as_far_ahead_as_back() -> None:
    assert reach(make("both_ways")) == (PLACE - 14, PLACE + 14)


def test_convolutions_look_as_far_ahead_as_back() -> None:
    assert reach(make("convolutions")) == (PLACE - 7, PLACE + 7)


def test_a_recurrent_network_hears_all() -> None:
    assert reach(make("lstm")) == (0, FRAMES - 1)


@pytest.mark.parametrize("frames_B", [None, torch.tensor([60, 33])])
def test_with_the_two_ways_exchanged_time_runs_backwards(frames_B: Tensor | None) -> None:
    network, x_BCF = make("both_ways"), clips()
    mask_BF = None if frames_B is None else (torch.arange(FRAMES)[None] < frames_B[:, None]).float()
    flipped = None if mask_BF is None else mask_BF.flip(-1)
    with torch.no_grad():
        found = network(x_BCF, mask_BF)
        network.onwards, network.backwards = network.backwards, network.onwards
        torch.testing.assert_close(network(x_BCF.flip(-1), flipped).flip(-1), found)


def test_the_gate_is_a_sigmoid_and_the_content_a_tanh() -> None:
    """The prototype had a tanh for both; by hand, frame by frame."""
    torch.manual_seed(1)
    block = GatedBlock(CHANNELS, dilation=2, norm=False, residual=True).eval()
    weight = dict(block.named_parameters())
    x_BCF = clips(9)
    with torch.no_grad():
        onwards, skip = block(x_BCF)
        for frame in range(9):
            heard = weight["conv.bias"].expand(2, -1)
            for k, place in enumerate((frame - 4, frame - 2, frame)):
                if place >= 0:  # before the beginning there is silence
                    heard = heard + x_BCF[:, :, place] @ weight["conv.weight"][:, :, k].T
            gated = torch.tanh(heard[:, :CHANNELS]) / (1 + torch.exp(-heard[:, CHANNELS:]))
            said = gated @ weight["skip.weight"][:, :, 0].T + weight["skip.bias"]
            through = gated @ weight["out.weight"][:, :, 0].T + weight["out.bias"]
            torch.testing.assert_close(skip[:, :, frame], said)
            torch.testing.assert_close(onwards[:, :, frame], x_BCF[:, :, frame] + through)


def test_without_residual_paths_the_input_does_not_go_on() -> None:
    torch.manual_seed(1)
    block = GatedBlock(CHANNELS, 1, norm=False, residual=False)
    with torch.no_grad():
        for parameter in block.out.parameters():
            parameter.zero_()
        assert (block(clips())[0] == 0).all()
        block.residual = True
        assert torch.equal(block(clips())[0], clips())


@pytest.mark.parametrize("name", SEQUENCES)
@pytest.mark.parametrize("norm", [True, False])
@pytest.mark.parametrize("residual", [True, False])
def test_what_lies_beyond_a_clip_is_neither_heard_nor_said(name: str, norm: bool, residual: bool) -> None:
    network = make(name, norm, residual)
    mask_BF = (torch.arange(FRAMES)[None] < torch.tensor([[60], [33]])).float()
    x_BCF = clips() * mask_BF[:, None]
    with torch.no_grad():
        found = network(x_BCF, mask_BF)
        alone = network(x_BCF[1:, :, :33], None)
    assert found.shape == x_BCF.shape
    torch.testing.assert_close(found[1:, :, :33], alone, rtol=1e-4, atol=1e-5)
    assert (found[1, :, 33:] == 0).all()


def test_packing_is_torchs_own_recurrence() -> None:
    network, x_BCF = make("lstm"), clips()
    with torch.no_grad():
        whole = torch.ones(2, FRAMES)
        torch.testing.assert_close(network(x_BCF, whole), network(x_BCF, None), rtol=1e-5, atol=1e-6)
        peer = network.lstm(x_BCF[:1].transpose(1, 2))[0].transpose(1, 2)  # type: ignore[operator]
        torch.testing.assert_close(network(x_BCF, None)[:1], peer, rtol=1e-5, atol=1e-6)
