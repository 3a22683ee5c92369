"""A WAV is 16 bits at the project's rate, clipped, whole or absent."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from affekt.corpora.wav import write_wav


def test_samples_come_back_within_a_step_and_clipped(tmp_path: Path) -> None:
    samples = np.array([0.0, 0.5, -0.25, 3.0, -3.0], dtype=np.float32)
    write_wav(tmp_path / "a.wav", samples)
    info = soundfile.info(tmp_path / "a.wav")
    assert (info.samplerate, info.channels, info.subtype) == (22050, 1, "PCM_16")
    read, _ = soundfile.read(tmp_path / "a.wav", dtype="float32")
    assert read == pytest.approx(np.clip(samples, -1, 1), abs=1.5 / 32768)


def test_what_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises((TypeError, ValueError, soundfile.LibsndfileError)):
        write_wav(tmp_path / "a.wav", np.zeros((2, 2, 2)))
    assert list(tmp_path.iterdir()) == []
