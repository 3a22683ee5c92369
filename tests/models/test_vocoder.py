import math

import pytest
import torch

from affekt.features.mel import HOP_LENGTH, LOG_FLOOR, N_MELS, SAMPLE_RATE, log_mel
from affekt.models.vocoder import IstftVocoder


@pytest.fixture(scope="module")
def vocoder() -> IstftVocoder:
    torch.manual_seed(0)
    return IstftVocoder(channels=16, blocks=2).eval()


def speechlike_mel(frames: int) -> torch.Tensor:
    time_T = torch.arange((frames - 1) * HOP_LENGTH) / SAMPLE_RATE
    waveform_T = sum(torch.sin(2 * math.pi * 150 * k * time_T) / k for k in range(1, 20))
    return log_mel(0.1 * waveform_T)[None]


@pytest.mark.parametrize("frames", [4, 5, 64, 161])
def test_output_has_whole_hops(vocoder: IstftVocoder, frames: int) -> None:
    waveform_BT = vocoder(torch.randn(2, N_MELS, frames) - 5)
    assert waveform_BT.shape == (2, (frames - 1) * HOP_LENGTH)
    assert waveform_BT.dtype == torch.float32
    assert torch.isfinite(waveform_BT).all()


def test_gradient_to_the_mel_is_finite_and_everywhere(vocoder: IstftVocoder) -> None:
    mel_BMF = speechlike_mel(48).requires_grad_()
    vocoder(mel_BMF).square().sum().backward()
    assert mel_BMF.grad is not None
    assert torch.isfinite(mel_BMF.grad).all()
    assert (mel_BMF.grad != 0).any(dim=1).all()  # every frame is heard


def test_gradient_is_finite_in_silence_and_out_of_range(vocoder: IstftVocoder) -> None:
    for level in (math.log(LOG_FLOOR), 4.0, -40.0):
        mel_BMF = torch.full((1, N_MELS, 16), level, requires_grad=True)
        vocoder(mel_BMF).square().sum().backward()
        assert mel_BMF.grad is not None
        assert torch.isfinite(mel_BMF.grad).all()


def test_climbing_the_gradient_raises_the_energy(vocoder: IstftVocoder) -> None:
    mel_BMF = speechlike_mel(32).requires_grad_()
    before = vocoder(mel_BMF).square().sum()
    (gradient,) = torch.autograd.grad(before, mel_BMF)
    after = vocoder(mel_BMF + 0.05 * gradient / gradient.abs().max()).square().sum()
    assert after > before


def test_each_matching_brings_the_mel_nearer() -> None:
    mel_BMF = speechlike_mel(64)
    errors = []
    for match in (0, 1, 3):
        torch.manual_seed(0)
        vocoder = IstftVocoder(channels=16, blocks=1, refine=2, match=match).eval()
        errors.append(float((log_mel(vocoder(mel_BMF).detach()) - mel_BMF)[..., 4:-4].abs().mean()))
    assert errors[0] > errors[1] > errors[2]


def test_in_training_the_rotation_hears_the_waveform(vocoder: IstftVocoder) -> None:
    mel_BMF = speechlike_mel(32)
    magnitude_BKF, rotation_BKF = vocoder.predict(mel_BMF)
    waveform_BT = vocoder.speak(magnitude_BKF, vocoder.draft_phase(magnitude_BKF, rotation_BKF), mel_BMF)
    assert torch.allclose(waveform_BT, vocoder(mel_BMF), atol=1e-4)
    (gradient_BKF,) = torch.autograd.grad(waveform_BT[:, 2000:3000].sum(), rotation_BKF)
    assert torch.isfinite(torch.view_as_real(gradient_BKF)).all()
    assert gradient_BKF.abs().sum() > 0


@pytest.mark.parametrize("match", [0, 2, 4])
def test_gradient_points_uphill_whatever_is_matched(match: int) -> None:
    torch.manual_seed(0)
    vocoder = IstftVocoder(channels=16, blocks=1, refine=1, match=match).eval()
    mel_BMF = speechlike_mel(32).requires_grad_()
    weight_T = torch.hann_window(31 * HOP_LENGTH)  # of the middle, to which every band has something to say
    (gradient_BMF,) = torch.autograd.grad((weight_T * vocoder(mel_BMF).square()).sum(), mel_BMF)
    with torch.no_grad():
        way_BMF = 0.02 * gradient_BMF / gradient_BMF.abs().max()
        up, down = (float((weight_T * vocoder(mel_BMF + sign * way_BMF).square()).sum()) for sign in (1, -1))
    assert (up - down) / 2 == pytest.approx(float((gradient_BMF * way_BMF).sum()), rel=0.3)


def test_untrained_it_already_speaks_the_mel(vocoder: IstftVocoder) -> None:
    mel_BMF = speechlike_mel(64)
    error = (log_mel(vocoder(mel_BMF)) - mel_BMF)[..., 4:-4].abs().mean()
    assert error < 0.5  # nepers; silence instead would be off by several


def test_silence_stays_silent(vocoder: IstftVocoder) -> None:
    assert vocoder(torch.full((1, N_MELS, 32), math.log(LOG_FLOOR))).abs().max() < 1e-3


def test_items_of_a_batch_do_not_meet(vocoder: IstftVocoder) -> None:
    mel_BMF = torch.cat([speechlike_mel(40), speechlike_mel(40) - 2.0])
    together, alone = vocoder(mel_BMF), vocoder(mel_BMF[1:])
    assert torch.allclose(together[1:], alone, atol=1e-4)


def test_same_mel_same_bits(vocoder: IstftVocoder) -> None:
    mel_BMF = speechlike_mel(40)
    assert torch.equal(vocoder(mel_BMF), vocoder(mel_BMF))
