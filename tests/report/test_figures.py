"""Mel pictures and animations: what a pixel means, and that axes agree with the mel."""

from pathlib import Path

import librosa
import numpy as np
import pytest
from PIL import Image, ImageSequence

from affekt.features.mel import FMAX_HZ, N_MELS
from affekt.report.animation import HEADER, LAST_MS, Frame, save_animation
from affekt.report.figures import LOUD, PIXELS, QUIET, frequency_ticks, palette, save_mel, stretch, time_ticks


def test_low_bands_lie_at_the_bottom_and_louder_is_brighter(tmp_path: Path) -> None:
    mel = np.full((N_MELS, 20), QUIET, dtype=np.float32)
    mel[:10] = LOUD
    save_mel(tmp_path / "x.png", mel)
    pixels = np.asarray(Image.open(tmp_path / "x.png").convert("RGB"))
    assert pixels.shape == (N_MELS * PIXELS, 20 * PIXELS, 3)
    assert (pixels[-1] == palette("magma")[-1]).all()
    assert (pixels[0] == palette("magma")[0]).all()


def test_frequency_ticks_agree_with_librosa() -> None:
    for label, at in frequency_ticks():
        expected = librosa.hz_to_mel(1000 * float(label)) / librosa.hz_to_mel(FMAX_HZ)
        assert at == pytest.approx(100 * expected, abs=0.01)


def test_time_ticks_lie_where_their_seconds_are() -> None:
    length = 160 * 256 / 22050
    assert time_ticks(160) == [
        ("0", 0),
        *((f"{t:g}", pytest.approx(100 * t / length, abs=0.01)) for t in (0.5, 1, 1.5)),
    ]


def test_stretch_keeps_ends_and_straight_lines() -> None:
    ramp = np.tile(np.linspace(0, 1, 7), (N_MELS, 1))
    np.testing.assert_allclose(stretch(ramp, 40), np.tile(np.linspace(0, 1, 40), (N_MELS, 1)), atol=1e-6)


def test_animation_has_a_frame_per_snapshot_and_bars_as_long_as_the_rates(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    frames = [Frame(rng.uniform(QUIET, LOUD, (N_MELS, 160)), step, step / 10, 0.0) for step in (0, 5, 10)]
    save_animation(tmp_path / "x.gif", tmp_path / "x.png", "happy", frames)
    lengths = []
    with Image.open(tmp_path / "x.gif") as gif:
        assert len(list(ImageSequence.Iterator(gif))) == 3
        assert gif.info["loop"] == 0
        for i in range(3):
            gif.seek(i)
            picture = np.asarray(gif.convert("RGB")).astype(int)
            assert picture.shape == (HEADER + N_MELS * PIXELS, 160 * PIXELS, 3)
            lengths.append(int((picture[33] == (122, 176, 255)).all(axis=1).sum()))
        assert gif.info["duration"] == LAST_MS
    assert lengths == [0, 92, 184]
    still = np.asarray(Image.open(tmp_path / "x.png").convert("RGB"))
    assert (still == picture).all()
