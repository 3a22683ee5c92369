"""Random views of waveforms for training recognisers: window, speed, pitch, tilt, gain, noise.

Axes: B clips, T samples. Everything is drawn from the generator that is passed in.
"""

import torch
from torch import Tensor

from affekt.features.clips import Waves
from affekt.features.spectrogram import Resolution, spectrum
from affekt.training.augment import Augment, draw

GAIN_DB = 6.0  # up or down
SNR_DB = (10.0, 45.0)  # of added noise
TILT = 0.4  # coefficient of a one-tap filter that lifts or lowers high frequencies, as another microphone would
PITCHED = 0.0625  # share of clips whose pitch moves alone: a phase vocoder costs as much as a small network
VOCODER = Resolution(512, 128)
SILENT = 1e-5  # root mean square of digital silence, under the noise's level


def random_windows(
    waves: Waves, rows_B: Tensor, samples: int, augment: Augment, rng: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Cut a window of `samples` from each clip, at its own speed; zeros beyond the clip's end.

    Returns waveforms (B, T) and the number of valid samples (B,).
    """
    device = rows_B.device
    batch = len(rows_B)
    speed_B = draw(rng, (batch,), 1 - augment.speed, 1 + augment.speed, device)
    stretched_B = torch.div(waves.samples_B[rows_B], speed_B, rounding_mode="floor").long()
    start_B = (draw(rng, (batch,), 0, 1, device) * (stretched_B - samples).clamp(min=0)).floor()
    wave_BT = read_between(waves, rows_B, (start_B[:, None] + torch.arange(samples, device=device)) * speed_B[:, None])
    valid_B = torch.minimum(stretched_B - start_B, torch.full_like(start_B, samples)).long()
    inside_BT = torch.arange(samples, device=device)[None] < valid_B[:, None]
    if augment.pitch > 0:
        wave_BT = shift_some(wave_BT, augment.pitch, rng)
    wave_BT = tilt(wave_BT, draw(rng, (batch,), -TILT, TILT, device))
    gain_B = 10 ** (draw(rng, (batch,), -GAIN_DB, GAIN_DB, device) / 20)
    wave_BT = wave_BT * gain_B[:, None]
    if augment.noise > 0:
        wave_BT = add_noise(wave_BT, augment.noise, rng)
    return torch.where(inside_BT, wave_BT, 0.0), valid_B


def read_between(waves: Waves, rows_B: Tensor, position_BT: Tensor) -> Tensor:
    """Read at rising fractional positions by a cubic through four samples (Catmull & Rom 1974).

    Clip by clip: one that lies in a cache is read four times as fast as a gather over the whole batch.
    """
    low_BT = position_BT.floor()
    first_B, last_B = low_BT[:, 0].long().tolist(), low_BT[:, -1].long().tolist()
    views = []
    for row, first, last, low_T, position_T in zip(rows_B.tolist(), first_B, last_B, low_BT, position_BT, strict=True):
        segment = waves.segment(row, first - 1, last - first + 4)
        index_T = low_T.long() - first
        before, at, after, beyond = (segment[i : len(segment) - 3 + i].index_select(0, index_T) for i in range(4))
        t = position_T - low_T
        slope = after - before
        square = 2 * before - 5 * at + 4 * after - beyond
        cube = 3 * (at - after) + beyond - before
        views.append(at + 0.5 * t * (slope + t * (square + t * cube)))
    return torch.stack(views)


def tilt(wave_BT: Tensor, coefficient_B: Tensor) -> Tensor:
    """Filter by 1 - coefficient * z^-1, with unit gain at a quarter of the sample rate."""
    before_BT = torch.nn.functional.pad(wave_BT, (1, 0))[:, :-1]
    return (wave_BT - coefficient_B[:, None] * before_BT) / (1 + coefficient_B[:, None] ** 2).sqrt()


def shift_some(wave_BT: Tensor, semitones: float, rng: torch.Generator) -> Tensor:
    """Move the pitch of a random part of the batch, all of it by one factor, and keep its speed.

    A phase vocoder (Flanagan & Golden 1966) changes the duration, resampling by linear interpolation undoes it, about:
    without a low-pass what lies highest folds back.
    """
    from torchaudio.functional import phase_vocoder

    batch, samples = wave_BT.shape
    chosen = torch.randperm(batch, generator=rng)[: max(1, round(PITCHED * batch))].to(wave_BT.device)
    factor = 2 ** (float(draw(rng, (1,), -semitones, semitones, wave_BT.device)) / 12)
    transformed = spectrum(wave_BT[chosen], VOCODER)
    advance = torch.linspace(0, torch.pi * VOCODER.hop_length, VOCODER.bins, device=wave_BT.device)[:, None]
    longer = phase_vocoder(transformed, 1 / factor, advance)
    window = torch.hann_window(VOCODER.n_fft, device=wave_BT.device)
    stretched = torch.istft(longer, VOCODER.n_fft, VOCODER.hop_length, VOCODER.n_fft, window)
    shifted = torch.nn.functional.interpolate(stretched[:, None], samples, mode="linear", align_corners=True)[:, 0]
    return wave_BT.index_copy(0, chosen, shifted)


def add_noise(wave_BT: Tensor, share: float, rng: torch.Generator) -> Tensor:
    """Add white noise at a random signal-to-noise ratio to some clips."""
    batch = len(wave_BT)
    level_B = wave_BT.square().mean(1).sqrt().clamp(min=SILENT)
    snr_B = draw(rng, (batch,), *SNR_DB, wave_BT.device)
    chosen_B = (draw(rng, (batch,), 0, 1, wave_BT.device) < share).float()
    noise_BT = torch.randn(wave_BT.shape, generator=rng).to(wave_BT.device)
    return wave_BT + noise_BT * (chosen_B * level_B * 10 ** (-snr_B / 20))[:, None]
