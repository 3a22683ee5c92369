"""Smooth masks: a coarse grid of gains over bands and time, a bound on their energy, and their effect on a sound.

Between its knots a mask is a uniform cubic B-spline (de Boor 1978, chapter IX): twice differentiable, and its weights
are positive and sum to one, so that no gain is larger than the largest knot. Gains are in decibels of magnitude.

Axes: B clips, N knots along bands, H knots along time, M mel bands, K frequency bins, F frames, T samples.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from affekt.core.seeds import generator
from affekt.features.mel import HOP_LENGTH, LOG_FLOOR, N_FFT, N_MELS, WIN_LENGTH, mel_filterbank
from affekt.features.phase import inverse
from affekt.features.stft import bins_of, spectrum, window_of
from affekt.models.pooling import clip_mean, frame_mask
from affekt.optimise.transforms import NATS_PER_DB


@dataclass(frozen=True)
class GainGrid:
    """How far apart the knots of a mask are, and how much energy it may have."""

    band_cell: int  # mel bands between two knots
    frame_cell: int  # frames between two knots
    rms_db: float  # at most: root mean square of the gains over bands and the frames of a clip
    peak_db: float  # at most: largest gain or attenuation

    def shape(self, frames: int) -> tuple[int, int]:
        """Knots (N, H) of a mask of so many frames; those of a shorter clip are the first of a longer one's."""
        return knots_of(N_MELS, self.band_cell), knots_of(frames, self.frame_cell)

    def gain(self, knots_BNH: Tensor, frames: int) -> Tensor:
        """The gains (B, M, F) in dB of a mask's knots."""
        bands_MN = spline_matrix(N_MELS, self.band_cell).to(knots_BNH)
        frames_FH = spline_matrix(frames, self.frame_cell).to(knots_BNH)
        return bands_MN @ knots_BNH @ frames_FH.T

    def rms(self, knots_BNH: Tensor, frames_B: Tensor) -> Tensor:
        """Root mean square (B,) of the gains in dB over all bands and each clip's own frames."""
        gain_BMF = self.gain(knots_BNH, int(frames_B.max()))
        mask_BF = frame_mask(frames_B, gain_BMF.shape[-1], 1, gain_BMF.device)
        return clip_mean(gain_BMF.square(), mask_BF).flatten().sqrt()

    def project(self, knots_BNH: Tensor, frames_B: Tensor) -> Tensor:
        """Bring masks within both bounds: no knot beyond the peak, then all of a mask softer until its energy fits."""
        knots_BNH = knots_BNH.clamp(-self.peak_db, self.peak_db)
        share_B = self.rms_db / self.rms(knots_BNH, frames_B).clamp(min=torch.finfo(torch.float32).tiny)
        return knots_BNH * share_B.clamp(max=1.0)[:, None, None]

    def random(self, frames_B: Tensor, rms_B: Tensor, seeds: Sequence[int]) -> Tensor:
        """Knots (B, N, H) of random masks of these energies, one per seed; their peaks are not bound."""
        count, total = len(frames_B), int(frames_B.max())
        knots_BNH = torch.zeros(count, *self.shape(total))
        for i, seed in enumerate(seeds):
            shape = self.shape(int(frames_B[i]))
            knots_BNH[i, :, : shape[1]] = torch.randn(shape, generator=generator(seed, "random mask"))
        frames_B, rms_B = frames_B.cpu(), rms_B.cpu()
        return knots_BNH * (rms_B / self.rms(knots_BNH, frames_B))[:, None, None]


def knots_of(size: int, cell: int) -> int:
    """Knots that reach `size` points, `cell` points apart: four at every point."""
    return (size - 1) // cell + 4


def spline_matrix(size: int, cell: int) -> Tensor:
    """Weights (size, knots) of a uniform cubic B-spline at each point; every row is positive and sums to one."""
    place = torch.arange(size, dtype=torch.float64) / cell
    first = place.floor()
    t = place - first
    weights = [(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3]
    matrix = torch.zeros(size, knots_of(size, cell), dtype=torch.float64)
    for i, weight in enumerate(weights):
        matrix[torch.arange(size), first.long() + i] = weight / 6
    return matrix


def mask_mel(mel_BMF: Tensor, gain_BMF: Tensor) -> Tensor:
    """Raw log mel under a mask, nearly that of the masked sound; differentiable."""
    return (mel_BMF + NATS_PER_DB * gain_BMF).clamp(min=math.log(LOG_FLOOR))


def mask_sound(wave_BT: Tensor, gain_BMF: Tensor) -> Tensor:
    """Sounds (B, T) whose STFT is multiplied by a mask of as many frames as they have; phases stay."""
    window = window_of(WIN_LENGTH, wave_BT.device)
    spectrum_BKF = spectrum(wave_BT, N_FFT, HOP_LENGTH, window)
    gain_BKF = (band_weights().to(gain_BMF) @ gain_BMF) * NATS_PER_DB
    return inverse(spectrum_BKF * gain_BKF.exp(), window, HOP_LENGTH, wave_BT.shape[-1])


def band_weights() -> Tensor:
    """Weights (K, M) that read gains of mel bands at STFT bins: linear between the bands' centres, level beyond."""
    bands_MK = mel_filterbank()
    bins_K = torch.arange(bins_of(N_FFT), dtype=torch.float32)
    centre_M = (bands_MK @ bins_K) / bands_MK.sum(1)  # increasing, in bins
    upper_K = torch.searchsorted(centre_M, bins_K).clamp(1, N_MELS - 1)
    low_K, high_K = centre_M[upper_K - 1], centre_M[upper_K]
    share_K = ((bins_K - low_K) / (high_K - low_K)).clamp(0, 1)
    weights_KM = torch.zeros(len(bins_K), N_MELS)
    rows = torch.arange(len(bins_K))
    weights_KM[rows, upper_K - 1] = 1 - share_K
    weights_KM[rows, upper_K] = share_K
    return weights_KM
