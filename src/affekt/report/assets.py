"""The folder of pictures and sounds beside the page, and how the template refers to what lies in it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from affekt.features.mel import N_MELS
from affekt.report import animation, audio, figures


@dataclass(frozen=True)
class Picture:
    """A picture as the template needs it: address, words for who cannot see it, size, axis ticks."""

    src: str
    alt: str
    width: int
    height: int
    seconds: Sequence[tuple[str, float]] = ()
    still: str = ""


@dataclass(frozen=True)
class Player:
    """A sound as the template needs it: address and a name for screen readers."""

    src: str
    label: str


@dataclass(frozen=True)
class Sources:
    """What the report is made from: outs of other stages."""

    prepared: Path
    features: Path
    summary: Path
    recognition: Path
    generation: Path
    vocoding: Path
    maximise: Path  # a folder for each recogniser, in it one for each prior
    tradeoff: Path
    content_fixed: Path
    mask: Path
    hearing: Path
    gender_recognition: Path
    dream: Path
    conversion: Path
    disentangling: Path
    voices: Path


class Assets:
    """Writes pictures and sounds under names that say what they are."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder

    def mel(self, name: str, mel_MF: np.ndarray, alt: str) -> Picture:
        """Add a mel picture of raw log mel (80, frames)."""
        figures.save_mel(self._folder / f"{name}.png", mel_MF)
        return self._picture(name, mel_MF.shape, alt)

    def spectrogram(self, name: str, root_KF: np.ndarray, seconds: float, alt: str) -> Picture:
        """Add a picture of eighth roots of magnitudes (bins, frames), as large as the mel of so many seconds."""
        frames = round(seconds * figures.PIXELS_PER_S / figures.PIXELS)
        size = (frames * figures.PIXELS, N_MELS * figures.PIXELS)
        figures.save_root(self._folder / f"{name}.png", root_KF, size)
        return self._picture(name, (N_MELS, frames), alt)

    def difference(self, name: str, difference_MF: np.ndarray, alt: str) -> Picture:
        """Add a picture of a difference of log mels (80, frames)."""
        figures.save_difference(self._folder / f"{name}.png", difference_MF)
        return self._picture(name, difference_MF.shape, alt)

    def colour_bar(self, name: str, colours: str, alt: str) -> Picture:
        """Add a colour scale for a legend."""
        figures.save_colour_bar(self._folder / f"{name}.png", colours)
        return Picture(f"assets/{name}.png", alt, 256, 8)

    def animation(self, name: str, emotion: str, frames: Sequence[animation.Frame], alt: str) -> Picture:
        """Add a moving mel and its last frame as a still."""
        animation.save_animation(self._folder / f"{name}.gif", self._folder / f"{name}.png", emotion, frames)
        bands, length = frames[0].mel.shape
        size = (length * figures.PIXELS, bands * figures.PIXELS + animation.HEADER)
        return Picture(f"assets/{name}.gif", alt, *size, still=f"assets/{name}.png")

    def sound(self, name: str, samples: np.ndarray, rate: int, label: str) -> Player:
        """Add a player for samples in -1..1."""
        audio.save_player(self._folder / f"{name}.wav", samples, rate)
        return Player(f"assets/{name}.wav", label)

    def copied_sound(self, name: str, source: Path, label: str) -> Player:
        """Add a player for a WAV that another stage wrote."""
        audio.copy_player(source, self._folder / f"{name}.wav")
        return Player(f"assets/{name}.wav", label)

    def _picture(self, name: str, shape: tuple[int, ...], alt: str) -> Picture:
        height, width = shape[0] * figures.PIXELS, shape[1] * figures.PIXELS
        return Picture(f"assets/{name}.png", alt, width, height, figures.time_ticks(shape[1]))
