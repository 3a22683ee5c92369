"""Scaling a voice in frequency."""

import math

import numpy as np
import pytest
import torch

from affekt.features.mel import N_MELS, SAMPLE_RATE, log_mel
from affekt.features.voice_scaling import band_hz, scaled


def test_the_bands_centres_rise_from_the_bottom_to_8_khz() -> None:
    centre_M = band_hz()
    assert len(centre_M) == N_MELS
    assert (centre_M.diff() > 0).all()
    assert centre_M[0] < 100
    assert 7000 < centre_M[-1] < 8000


def test_a_scale_of_1_changes_nothing() -> None:
    mel_BMF = torch.randn(2, N_MELS, 5, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(scaled(mel_BMF, torch.ones(2)), mel_BMF, atol=1e-5)


@pytest.mark.parametrize("scale", [0.8, 1.25])
def test_a_tone_comes_to_lie_at_its_frequency_times_the_scale(scale: float) -> None:
    time_T = torch.arange(SAMPLE_RATE // 2) / SAMPLE_RATE
    mel_MF = log_mel(torch.cos(2 * math.pi * 2000 * time_T))
    moved_M = scaled(mel_MF[None], torch.tensor([scale]))[0].mean(1)
    peak_hz = float(band_hz()[int(moved_M.argmax())])
    assert peak_hz == pytest.approx(2000 * scale, rel=0.06)


def test_each_clip_has_its_own_scale() -> None:
    mel_BMF = torch.randn(2, N_MELS, 4, generator=torch.Generator().manual_seed(1))
    both = scaled(mel_BMF, torch.tensor([0.9, 1.1]))
    for i, scale in enumerate((0.9, 1.1)):
        assert torch.equal(both[i], scaled(mel_BMF[i : i + 1], torch.tensor([scale]))[0])
    assert not np.allclose(both.numpy(), mel_BMF.numpy())
