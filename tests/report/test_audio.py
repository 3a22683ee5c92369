"""Players: one loudness, no clipping, and an error instead of an empty file."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from affekt.core.errors import UserError
from affekt.report.audio import LEVEL_DBFS, PEAK, copy_player, level, rms_dbfs, save_player

RATE = 22050
TONE = np.sin(2 * np.pi * 220 * np.arange(RATE) / RATE)


@pytest.mark.parametrize("amplitude", [0.001, 0.1, 1.0])
def test_every_player_has_the_same_loudness(amplitude: float) -> None:
    assert rms_dbfs(level(amplitude * TONE, RATE)) == pytest.approx(LEVEL_DBFS, abs=0.1)


def test_sharp_peaks_do_not_clip() -> None:
    clicks = np.zeros(RATE)
    clicks[5000::5000] = 1.0
    assert np.abs(level(clicks, RATE)).max() == pytest.approx(PEAK)


def test_rms_of_a_full_sine_is_3_db_below_full_scale() -> None:
    assert rms_dbfs(TONE) == pytest.approx(-3.01, abs=0.01)
    assert rms_dbfs(np.zeros(5)) == float("-inf")


def test_stereo_becomes_mono_16_bit(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "in.wav", np.stack([TONE, TONE], axis=1), RATE, subtype="FLOAT")
    copy_player(tmp_path / "in.wav", tmp_path / "out.wav")
    info = soundfile.info(tmp_path / "out.wav")
    assert (info.channels, info.subtype, info.samplerate, info.frames) == (1, "PCM_16", RATE, RATE)


@pytest.mark.parametrize("samples", [np.zeros(0), np.array([0.1, np.nan])])
def test_empty_or_broken_samples_are_refused(tmp_path: Path, samples: np.ndarray) -> None:
    with pytest.raises(UserError, match=r"x\.wav"):
        save_player(tmp_path / "x.wav", samples, RATE)


def test_missing_source_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"gone\.wav"):
        copy_player(tmp_path / "gone.wav", tmp_path / "x.wav")
