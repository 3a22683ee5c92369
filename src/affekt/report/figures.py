"""Mel pictures as PNG: one colour scale for the whole page, no dates, no text, equal bytes for equal mels.

Axes: M mel bands, F frames, 3 = red, green, blue.
"""

from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

from affekt.features.mel import FMAX_HZ, HOP_LENGTH, N_MELS, SAMPLE_RATE

LOUD, QUIET = 1.0, -9.5  # natural log of the magnitude mel: from just above the floor to a shouted vowel
DIFFERENCE_RANGE = 2.0  # +-2 nepers, a factor of 7.4 in magnitude
SILENT_ROOT, FULL_ROOT = 0.3, 1.9  # eighth root of a magnitude: from below one step of 16 bits to near full scale
PIXELS = 2  # of the picture per band and per frame
PIXELS_PER_S = PIXELS * SAMPLE_RATE / HOP_LENGTH
TICKS_HZ = (500, 1000, 2000, 4000, 8000)
LINEAR_TICKS_HZ = (2000, 4000, 6000, 8000, 10000)


@cache
def palette(name: str, colours: int = 256) -> np.ndarray:
    """(colours, 3) uint8 of a perceptually uniform map; `balance` diverges around a dark grey."""
    from matplotlib import colormaps

    at = np.linspace(0, 1, colours)
    return np.asarray(np.round(colormaps[name](at)[:, :3] * 255), dtype=np.uint8)


def indices(
    mel_MF: np.ndarray, low: float, high: float, colours: int, size: tuple[int, int] | None = None
) -> np.ndarray:
    """Palette indices of a mel as picture rows: high bands on top, smoothly of `size` or enlarged by `PIXELS`."""
    upright = np.ascontiguousarray(mel_MF[::-1].astype(np.float32))
    size = size or (upright.shape[1] * PIXELS, upright.shape[0] * PIXELS)
    smooth = np.asarray(Image.fromarray(upright).resize(size, Image.Resampling.BICUBIC))
    share = np.clip((smooth - low) / (high - low), 0, 1)
    return np.round(share * (colours - 1)).astype(np.uint8)


def save_mel(path: Path, mel_MF: np.ndarray) -> None:
    """Write raw log mel (80, frames) as a PNG in the page's one colour scale."""
    _save(path, indices(mel_MF, QUIET, LOUD, 256), palette("magma"))


def save_root(path: Path, root_KF: np.ndarray, size: tuple[int, int]) -> None:
    """Write eighth roots of magnitudes (bins, frames) as a PNG of (width, height), frequency linear."""
    _save(path, indices(root_KF, SILENT_ROOT, FULL_ROOT, 256, size), palette("magma"))


def save_difference(path: Path, difference_MF: np.ndarray) -> None:
    """Write a difference of two log mels as a PNG: red above zero, blue below."""
    _save(path, indices(difference_MF, -DIFFERENCE_RANGE, DIFFERENCE_RANGE, 255), palette("RdBu_r", 255))


def save_colour_bar(path: Path, name: str) -> None:
    """Write the colour scale itself, low to high, for the legend."""
    _save(path, np.tile(np.arange(256, dtype=np.uint8), (8, 1)), palette(name))


def _save(path: Path, picture: np.ndarray, colours: np.ndarray) -> None:
    image = Image.fromarray(picture)
    image.putpalette(colours.tobytes())
    image.save(path, format="PNG")


def frequency_ticks() -> list[tuple[str, float]]:
    """Labels and heights (percent from the bottom) of round frequencies on the mel axis."""
    bands = _slaney_mel(np.array([float(hz) for hz in TICKS_HZ])) / _slaney_mel(np.array([FMAX_HZ]))
    return [(f"{hz / 1000:g}", round(100 * float(share), 2)) for hz, share in zip(TICKS_HZ, bands, strict=True)]


def linear_ticks() -> list[tuple[str, float]]:
    """Labels and heights (percent from the bottom) of round frequencies on an axis to half the sample rate."""
    return [(f"{hz / 1000:g}", round(100 * hz / (SAMPLE_RATE / 2), 2)) for hz in LINEAR_TICKS_HZ]


def _slaney_mel(hz: np.ndarray) -> np.ndarray:
    """Slaney's mel (Auditory Toolbox, 1998): linear below 1 kHz, logarithmic above."""
    linear = hz / (200.0 / 3.0)
    return np.where(hz < 1000.0, linear, 15.0 + np.log(np.maximum(hz, 1.0) / 1000.0) / (np.log(6.4) / 27.0))


def time_ticks(frames: int) -> list[tuple[str, float]]:
    """Labels and places (percent from the left) of round seconds along a picture of so many frames."""
    length = frames * HOP_LENGTH / SAMPLE_RATE
    step = 0.5 if length < 2.6 else 1.0
    ticks = np.arange(0, length * 0.93, step)  # none at the very edge, where its label would not fit
    return [(f"{tick:g}", round(100 * float(tick) / length, 2)) for tick in ticks]


def stretch(mel_MF: np.ndarray, frames: int) -> np.ndarray:
    """A mel of any length on a grid of `frames` frames, by linear interpolation in time."""
    assert mel_MF.shape[0] == N_MELS
    at = np.linspace(0, mel_MF.shape[1] - 1, frames)
    left = np.floor(at).astype(int)
    right = np.minimum(left + 1, mel_MF.shape[1] - 1)
    weight = (at - left).astype(np.float32)
    return np.asarray(mel_MF[:, left] * (1 - weight) + mel_MF[:, right] * weight, dtype=np.float32)
