"""Masks are smooth, within their bounds, and do to a sound what they say."""

import math

import pytest
import torch

from affekt.features.mel import N_MELS, frames_of, log_mel
from affekt.optimise.gain_grid import GainGrid, band_weights, mask_mel, mask_sound, spline_matrix
from affekt.optimise.transforms import NATS_PER_DB

GRID = GainGrid(band_cell=5, frame_cell=8, rms_db=6.0, peak_db=15.0)


def buzz(samples: int, seed: int = 0) -> torch.Tensor:
    """Harmonics that glide, with a little noise (samples,)."""
    time_T = torch.arange(samples) / 22050
    phase_T = 2 * math.pi * (130 * time_T + 6 * torch.sin(4 * time_T + seed))
    wave_T = sum(torch.sin(k * phase_T) / k for k in range(1, 30)) * 0.1
    return wave_T + 0.001 * torch.randn(samples, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("size", "cell"), [(80, 5), (80, 1), (173, 8), (1, 8), (9, 40)])
def test_spline_weights_are_positive_and_sum_to_one(size: int, cell: int) -> None:
    matrix = spline_matrix(size, cell)
    assert matrix.min() >= 0
    assert torch.allclose(matrix.sum(1), torch.ones(size, dtype=torch.float64))
    assert (matrix[-1] > 0).nonzero().max() >= matrix.shape[1] - 2, "no knot more than the last point needs"


def test_splines_reproduce_a_ramp_exactly() -> None:
    """A uniform cubic B-spline reproduces linear functions of its knots' places (de Boor 1978)."""
    matrix = spline_matrix(60, 7)
    ramp = torch.arange(matrix.shape[1], dtype=torch.float64) - 1
    assert torch.allclose(matrix @ ramp, torch.arange(60, dtype=torch.float64) / 7)


def test_a_shorter_clips_mask_is_the_start_of_a_longer_ones() -> None:
    long, short = spline_matrix(200, 8), spline_matrix(131, 8)
    knots = short.shape[1]
    assert torch.equal(long[:131, :knots], short)
    assert not long[:131, knots:].any()


def test_projection_holds_both_bounds_and_leaves_what_is_within() -> None:
    rng = torch.Generator().manual_seed(0)
    frames_B = torch.tensor([120, 57, 120])
    knots_BNH = torch.randn(3, *GRID.shape(120), generator=rng) * torch.tensor([40.0, 40.0, 0.5])[:, None, None]
    projected_BNH = GRID.project(knots_BNH, frames_B)
    gain_BMF = GRID.gain(projected_BNH, 120)
    assert gain_BMF.abs().max() <= 15.0 + 1e-4
    for gain_MF, frames in zip(gain_BMF, frames_B.tolist(), strict=True):
        assert gain_MF[:, :frames].square().mean().sqrt() <= 6.0 + 1e-3
    assert gain_BMF[1, :, :57].square().mean().sqrt() == pytest.approx(6.0, abs=1e-3), "over its own frames alone"
    assert torch.equal(projected_BNH[2], knots_BNH[2])
    assert not GRID.project(torch.zeros(1, *GRID.shape(40)), torch.tensor([40])).any()


def test_masks_are_smooth() -> None:
    """Between frames a mask of bounded knots moves by no more than the spline's steepest slope, 1.5 knots a cell."""
    knots_BNH = GRID.random(torch.tensor([300]), torch.tensor([6.0]), [3])
    gain_BMF = GRID.gain(knots_BNH, 300)
    steepest = knots_BNH.diff(dim=2).abs().max() / 8
    assert gain_BMF.diff(dim=2).abs().max() <= steepest + 1e-4
    assert gain_BMF.diff(dim=2).diff(dim=2).abs().max() <= 4 * knots_BNH.abs().max() / 8**2 + 1e-4


def test_random_masks_have_the_energy_asked_for_whatever_is_beside_them() -> None:
    frames_B, rms_B = torch.tensor([90, 150]), torch.tensor([3.0, 5.0])
    both = GRID.random(frames_B, rms_B, [1, 2])
    assert torch.allclose(GRID.rms(both, frames_B), rms_B, atol=1e-3)
    alone = GRID.random(frames_B[:1], rms_B[:1], [1])
    assert torch.allclose(GRID.gain(alone, 90), GRID.gain(both, 150)[:1, :, :90], atol=1e-5)
    assert not torch.equal(GRID.random(frames_B[:1], rms_B[:1], [2]), alone)


def test_no_gain_gives_the_recording_back() -> None:
    wave_BT = buzz(22050 - 77)[None]
    same_BT = mask_sound(wave_BT, torch.zeros(1, N_MELS, frames_of(wave_BT.shape[1])))
    assert same_BT.shape == wave_BT.shape
    assert (same_BT - wave_BT).abs().max() < 1e-6
    mel_BMF = log_mel(wave_BT)
    assert torch.equal(mask_mel(mel_BMF, torch.zeros_like(mel_BMF)), mel_BMF)


def test_one_gain_everywhere_is_a_change_of_level() -> None:
    wave_BT = buzz(20000)[None]
    louder_BT = mask_sound(wave_BT, torch.full((1, N_MELS, frames_of(20000)), 6.0))
    assert torch.allclose(louder_BT, wave_BT * 10 ** (6 / 20), atol=1e-5)


def test_the_masked_sound_has_the_masked_mel_nearly() -> None:
    wave_BT = buzz(30000)[None]
    frames = frames_of(30000)
    gain_BMF = GRID.gain(GRID.random(torch.tensor([frames]), torch.tensor([5.0]), [4]), frames)
    wanted_BMF = mask_mel(log_mel(wave_BT), gain_BMF)
    error_BMF = (log_mel(mask_sound(wave_BT, gain_BMF)) - wanted_BMF)[..., 2:-2]
    unmasked = (log_mel(wave_BT) - wanted_BMF)[..., 2:-2].abs().mean()
    assert error_BMF.abs().mean() < 0.2 * unmasked
    assert error_BMF.abs().median() < 0.5 * NATS_PER_DB, "half a decibel"


def test_gains_of_bands_are_read_at_bins() -> None:
    weights_KM = band_weights()
    assert torch.allclose(weights_KM.sum(1), torch.ones(len(weights_KM)))
    centre_K = weights_KM @ torch.arange(N_MELS, dtype=torch.float32)
    assert (centre_K.diff() >= 0).all()
    assert centre_K[-1] == N_MELS - 1, "what lies above the bands goes with the highest"


def test_silence_stays_at_the_floor() -> None:
    floor = math.log(1e-5)
    masked = mask_mel(torch.full((1, N_MELS, 4), floor), torch.full((1, N_MELS, 4), -20.0))
    assert masked.min() == pytest.approx(floor)
