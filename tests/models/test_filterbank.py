"""The learned analysis of the waveform starts as the project's mel, on its grid, and is free to leave it."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from affekt.features.mel import HOP_LENGTH, LOG_FLOOR, N_FFT, N_MELS, SAMPLE_RATE, frames_of, log_mel, mel_filterbank
from affekt.models.filterbank import BANDS, POWER_FLOOR, Filterbank, frames_of_samples

EDGE = N_FFT // 2 // HOP_LENGTH  # frames at either end that see beyond a clip, where the mel has its reflection


def noise(samples: int, batch: int = 1, seed: int = 0) -> Tensor:
    return 0.1 * torch.randn(batch, samples, generator=torch.Generator().manual_seed(seed))


def heard(wave_BT: Tensor, samples_B: Tensor | None = None) -> Tensor:
    with torch.no_grad():
        return Filterbank()(wave_BT, samples_B)


@pytest.mark.parametrize("samples", [4000, 22050])
def test_untrained_it_is_the_projects_mel_but_for_the_edges(samples: int) -> None:
    wave_BT = noise(samples, batch=2)
    inner = slice(EDGE, frames_of(samples) - EDGE)
    torch.testing.assert_close(heard(wave_BT)[..., inner], log_mel(wave_BT)[..., inner], rtol=0, atol=2e-3)


def test_it_is_a_loop_over_frames_bins_and_bands() -> None:
    bank = Filterbank()
    rng = np.random.default_rng(0)
    wave = rng.normal(size=3000) * 0.1
    with torch.no_grad():
        bank.window.add_(0.1 * torch.randn(N_FFT, generator=torch.Generator().manual_seed(1)))
        bank.weight.add_(2 * torch.randn(bank.weight.shape, generator=torch.Generator().manual_seed(2)))  # some below 0
    window = bank.window.detach().double().numpy()
    bands = np.abs(bank.weight.detach().double().numpy()) * mel_filterbank("cpu").double().numpy()
    padded = np.pad(wave, N_FFT // 2)
    expected = np.zeros((BANDS, 3000 // HOP_LENGTH + 1))
    for frame in range(expected.shape[1]):
        part = padded[frame * HOP_LENGTH : frame * HOP_LENGTH + N_FFT] * window
        magnitude = np.sqrt(np.abs(np.fft.rfft(part)) ** 2 + POWER_FLOOR)
        for band in range(BANDS):
            expected[band, frame] = math.log(magnitude @ bands[band] + LOG_FLOOR)
    with torch.no_grad():
        found = bank(torch.from_numpy(wave).float()[None])[0].double().numpy()
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("band", range(12, N_MELS, 9))
def test_a_sine_at_a_bands_centre_has_its_maximum_there(band: int) -> None:
    weights = mel_filterbank("cpu")[band]
    centre_hz = float((weights * torch.arange(len(weights))).sum() / weights.sum()) * SAMPLE_RATE / N_FFT
    time_T = torch.arange(SAMPLE_RATE) / SAMPLE_RATE
    found = heard(0.5 * torch.sin(2 * torch.pi * centre_hz * time_T)[None])[0, :, 20:60]
    assert found.mean(1).argmax().item() == band
    assert found[band].std() < 0.05


@pytest.mark.parametrize("samples", [600, 1023, 1024, 1025, 22050])
def test_frames_are_those_of_the_mel(samples: int) -> None:
    assert heard(noise(samples)).shape == (1, N_MELS, frames_of(samples))
    found = frames_of_samples(torch.tensor([samples]))
    assert found is not None
    assert found.tolist() == [frames_of(samples)]
    assert frames_of_samples(None) is None


@pytest.mark.parametrize("at", [4096, 5000, 11111])
def test_a_click_sounds_in_the_frame_in_which_it_lies(at: int) -> None:
    wave_BT = torch.zeros(1, SAMPLE_RATE)
    wave_BT[0, at] = 1.0
    loud = heard(wave_BT)[0].mean(0)
    assert loud.argmax().item() == round(at / HOP_LENGTH)
    assert loud.argmax() == log_mel(wave_BT)[0].mean(0).argmax()


def test_silence_is_the_floor() -> None:
    assert heard(torch.zeros(1, 2000)).sub(math.log(LOG_FLOOR)).abs().max() < 0.05
    assert heard(torch.zeros(1, 2000)).isfinite().all()


@pytest.mark.parametrize("length", [1024, 1100, 2047, 3000])
def test_what_lies_beyond_a_clip_is_not_heard(length: int) -> None:
    wave_BT = noise(5000, batch=2)
    found = heard(wave_BT, torch.tensor([5000, length]))
    torch.testing.assert_close(found[:1], heard(wave_BT[:1]))
    frames = frames_of(length)
    torch.testing.assert_close(found[1:, :, :frames], heard(wave_BT[1:, :length]), rtol=0, atol=1e-4)


def test_a_gain_adds_its_logarithm() -> None:
    wave_BT = noise(6000)
    added = heard(3 * wave_BT) - heard(wave_BT)
    torch.testing.assert_close(added, torch.full_like(added, math.log(3)), rtol=0, atol=0.01)


def test_what_is_learned_moves_and_gradients_are_finite_in_silence() -> None:
    bank = Filterbank()
    assert list(bank.parameters())
    wave_BT = torch.cat([noise(4000), torch.zeros(1, 4000)]).requires_grad_()
    bank(wave_BT).sum().backward()
    for tensor in (wave_BT, *bank.parameters()):
        assert tensor.grad is not None
        assert tensor.grad.isfinite().all()
        assert tensor.grad.abs().sum() > 0
