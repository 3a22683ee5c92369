import math

import pytest
import torch

from affekt.features.mel import HOP_LENGTH, LOG_FLOOR, N_MELS
from affekt.models.waveglow import GROUP, InvertibleConvolution, WaveGlow


def make(channels: int = 12, layers: int = 2, flows: int = 9, sigma: float = 0.6, seed: int = 0) -> WaveGlow:
    """A flow whose couplings are away from their start, where they change nothing; nine flows leave early twice."""
    torch.manual_seed(0)
    flow = WaveGlow(channels, layers, flows, condition=10, sigma=sigma, seed=seed)
    with torch.no_grad():
        for parameter in flow.parameters():
            parameter += 0.05 * torch.randn_like(parameter)
    return flow.requires_grad_(False).eval()


def mel_of(items: int, frames: int) -> torch.Tensor:
    return torch.randn(items, N_MELS, frames, generator=torch.Generator().manual_seed(1)) - 5


def wave_of(items: int, frames: int) -> torch.Tensor:
    return 0.1 * torch.randn(items, (frames - 1) * HOP_LENGTH, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("flows", [1, 4, 5, 9, 12])
def test_analysis_is_inverted_to_float_precision(flows: int) -> None:
    flow = make(flows=flows)
    waveform_BT, mel_BMF = wave_of(2, 12), mel_of(2, 12)
    z_BGN, log_scales_B, log_dets_B = flow.analyse(waveform_BT, mel_BMF)
    assert z_BGN.shape == (2, GROUP, 11 * HOP_LENGTH // GROUP)
    assert log_scales_B.shape == log_dets_B.shape == (2,)
    assert (flow.synthesise(z_BGN, mel_BMF) - waveform_BT).abs().max() < 2e-5
    again_BGN = flow.analyse(flow.synthesise(z_BGN, mel_BMF), mel_BMF)[0]
    assert (again_BGN - z_BGN).abs().max() < 2e-4


def test_analysis_is_inverted_to_double_precision() -> None:
    flow = make().double()
    waveform_BT, mel_BMF = wave_of(1, 8).double(), mel_of(1, 8).double()
    z_BGN = flow.analyse(waveform_BT, mel_BMF)[0]
    assert (flow.synthesise(z_BGN, mel_BMF) - waveform_BT).abs().max() < 1e-12


@pytest.mark.parametrize("flows", [1, 3, 5])
def test_log_determinant_is_that_of_the_jacobian(flows: int) -> None:
    flow = make(channels=4, layers=1, flows=flows).double()
    frames = 3
    mel_BMF, waveform_BT = mel_of(1, frames).double(), wave_of(1, frames).double()

    def analyse(wave_T: torch.Tensor) -> torch.Tensor:
        return flow.analyse(wave_T[None], mel_BMF)[0].flatten()

    jacobian_TT = torch.autograd.functional.jacobian(analyse, waveform_BT[0])
    assert jacobian_TT.shape == (2 * HOP_LENGTH, 2 * HOP_LENGTH)
    expected = torch.linalg.slogdet(jacobian_TT)[1]
    _, log_scales_B, log_dets_B = flow.analyse(waveform_BT, mel_BMF)
    assert float(log_scales_B + log_dets_B) == pytest.approx(float(expected), rel=1e-5)
    assert abs(float(log_scales_B)) > 0.1  # couplings have their part


def test_convolution_starts_as_a_rotation() -> None:
    torch.manual_seed(3)
    for size in (4, 6, 8):
        weight = InvertibleConvolution(size).weight.detach()
        assert torch.allclose(weight @ weight.T, torch.eye(size), atol=1e-5)
        assert float(torch.linalg.det(weight)) == pytest.approx(1, abs=1e-5)


def test_early_channels_pass_the_later_flows_unchanged() -> None:
    flow = make(flows=5)
    waveform_BT, mel_BMF = wave_of(1, 6), mel_of(1, 6)
    before_BGN = flow.analyse(waveform_BT, mel_BMF)[0]
    with torch.no_grad():
        flow.couplings[4].end.bias += 1.0
    after_BGN = flow.analyse(waveform_BT, mel_BMF)[0]
    assert torch.equal(before_BGN[:, :2], after_BGN[:, :2])
    assert not torch.equal(before_BGN[:, 2:], after_BGN[:, 2:])


@pytest.mark.parametrize("frames", [2, 5, 40])
def test_output_has_whole_hops(frames: int) -> None:
    waveform_BT = make()(mel_of(2, frames))
    assert waveform_BT.shape == (2, (frames - 1) * HOP_LENGTH)
    assert waveform_BT.dtype == torch.float32
    assert torch.isfinite(waveform_BT).all()


def test_same_mel_same_bits_whatever_else_draws() -> None:
    flow, mel_BMF = make(), mel_of(1, 20)
    first = flow(mel_BMF)
    torch.manual_seed(99)
    state = torch.get_rng_state()
    assert torch.equal(flow(mel_BMF), first)
    assert torch.equal(torch.get_rng_state(), state)
    assert not torch.equal(make(seed=1)(mel_BMF), first)


def test_items_of_a_batch_do_not_meet() -> None:
    flow, mel_BMF = make(), mel_of(3, 20)
    assert torch.allclose(flow(mel_BMF)[1:2], flow(mel_BMF[1:2]), atol=1e-5)


def test_a_longer_mel_begins_with_the_same_noise() -> None:
    flow, mel_BMF = make(), mel_of(1, 60)
    whole, part = flow(mel_BMF), flow(mel_BMF[..., :40])
    assert torch.allclose(whole[:, : 20 * HOP_LENGTH], part[:, : 20 * HOP_LENGTH], atol=1e-5)


def test_sigma_is_the_deviation_of_what_is_spoken() -> None:
    """Without couplings a rotation keeps the noise's deviation, and the gain divides it."""
    torch.manual_seed(0)
    flow = WaveGlow(4, 1, 4, 4, sigma=0.5).requires_grad_(False)
    assert float(flow(mel_of(1, 80)).std()) == pytest.approx(0.5 / 16, rel=0.02)
    assert not WaveGlow(4, 1, 4, 4, sigma=0.0)(mel_of(1, 8)).any()


def test_gradient_to_the_mel_is_finite_and_everywhere() -> None:
    mel_BMF = mel_of(1, 30).requires_grad_()
    make()(mel_BMF).square().sum().backward()
    assert mel_BMF.grad is not None
    assert torch.isfinite(mel_BMF.grad).all()
    assert (mel_BMF.grad != 0).any(dim=1).all()


def test_gradient_is_finite_in_silence_and_out_of_range() -> None:
    for level in (math.log(LOG_FLOOR), 4.0, -40.0):
        mel_BMF = torch.full((1, N_MELS, 16), level, requires_grad=True)
        make()(mel_BMF).square().sum().backward()
        assert mel_BMF.grad is not None
        assert torch.isfinite(mel_BMF.grad).all()
