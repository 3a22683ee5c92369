"""The ripple of harmonics in a mel: where it lies, what it is of a real tone, and its gradient."""

import math

import numpy as np
import pytest
import torch

from affekt.features.harmonics import DEEPEST, HIGHEST_HZ, LOWEST_HZ, harmonic_ripple
from affekt.features.mel import N_MELS, SAMPLE_RATE, log_mel
from affekt.features.voice_scaling import band_hz


def tone(f0_hz: float, seconds: float = 0.5) -> torch.Tensor:
    """A sum of equally loud harmonics."""
    time_T = torch.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return 0.01 * torch.stack([torch.cos(2 * math.pi * f0_hz * k * time_T) for k in range(1, int(8000 / f0_hz))]).sum(0)


def test_no_voice_has_no_ripple() -> None:
    ripple_BMF = harmonic_ripple(torch.tensor([[0.0, 200.0, 0.0]]))
    assert ripple_BMF.shape == (1, N_MELS, 3)
    assert (ripple_BMF[..., [0, 2]] == 0).all()
    assert (ripple_BMF[..., 1] != 0).any()


def test_it_stays_within_its_depth() -> None:
    f0_BF = torch.logspace(math.log10(LOWEST_HZ), math.log10(HIGHEST_HZ), 200)[None]
    assert harmonic_ripple(f0_BF).abs().max() <= DEEPEST


@pytest.mark.parametrize("f0_hz", [180.0, 220.0, 320.0, 450.0])
def test_it_is_high_at_the_harmonics_and_low_between_them(f0_hz: float) -> None:
    ripple_M = harmonic_ripple(torch.tensor([[f0_hz]]))[0, :, 0]
    centre_M = band_hz()
    for harmonic in (2, 3):
        at = int((centre_M - harmonic * f0_hz).abs().argmin())
        between = int((centre_M - (harmonic + 0.5) * f0_hz).abs().argmin())
        assert ripple_M[at] > ripple_M[between] + 0.3


@pytest.mark.parametrize("f0_hz", [150.0, 250.0, 400.0])
def test_a_tone_has_the_ripple_of_its_f0_rather_than_of_others(f0_hz: float) -> None:
    mel_M = log_mel(tone(f0_hz))[:, 10:-10].mean(1)[4:40].numpy()
    alike = {}
    for other in f0_hz * np.exp2(np.linspace(-0.4, 0.4, 9)):
        ripple_M = harmonic_ripple(torch.tensor([[float(other)]]))[0, 4:40, 0].numpy()
        alike[float(other)] = np.corrcoef(np.diff(mel_M), np.diff(ripple_M))[0, 1]
    assert max(alike, key=lambda f0: alike[f0]) == pytest.approx(f0_hz)
    assert alike[f0_hz] > 0.7


def test_its_gradient_in_f0_is_its_slope() -> None:
    f0_BF = torch.tensor([[203.1]], dtype=torch.float64, requires_grad=True)
    weight_M = torch.linspace(-1, 1, N_MELS)
    (gradient,) = torch.autograd.grad((harmonic_ripple(f0_BF)[0, :, 0] * weight_M).sum(), f0_BF)
    step = 1e-3  # within a cell of the grid
    ends = [(harmonic_ripple(f0_BF.detach() + s)[0, :, 0] * weight_M).sum() for s in (-step, step)]
    assert float(gradient) == pytest.approx(float(ends[1] - ends[0]) / (2 * step), rel=1e-3)


def test_what_lies_beyond_the_grid_is_taken_to_its_edge() -> None:
    edge, beyond = (harmonic_ripple(torch.tensor([[f0]])) for f0 in (HIGHEST_HZ, 3 * HIGHEST_HZ))
    assert torch.equal(edge, beyond)
