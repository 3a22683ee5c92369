"""Decoding, resampling, trimming; and every fault that a sound file can have."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from affekt.core.errors import UserError
from affekt.corpora.audio import BadAudio, read_audio, resample, to_int16, trim, trim_bounds
from affekt.corpora.table import SAMPLE_RATE


def tone(rate: int, seconds: float = 1.0, hz: float = 440.0, level: float = 0.5) -> np.ndarray:
    return (level * np.sin(2 * np.pi * hz * np.arange(int(rate * seconds)) / rate)).astype(np.float32)


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 22_050, 24_414, 44_100, 48_000, 96_000])
@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "FLOAT"])
def test_any_rate_and_width_gives_the_same_tone(tmp_path: Path, rate: int, subtype: str) -> None:
    soundfile.write(tmp_path / "a.wav", tone(rate), rate, subtype=subtype)
    samples = read_audio(tmp_path / "a.wav")
    assert samples.dtype == np.float32
    assert abs(len(samples) - SAMPLE_RATE) <= 2
    middle = slice(2000, -2000)
    wanted = tone(SAMPLE_RATE)[: len(samples)]
    assert np.abs(samples[: len(wanted)] - wanted)[middle].max() < (2 / 128 if subtype == "PCM_U8" else 1e-3)


@pytest.mark.parametrize("suffix", ["wav", "flac"])
def test_stereo_is_averaged(tmp_path: Path, suffix: str) -> None:
    left, right = tone(SAMPLE_RATE), tone(SAMPLE_RATE, hz=1000)
    soundfile.write(tmp_path / f"a.{suffix}", np.stack([left, right], 1), SAMPLE_RATE, subtype="PCM_16")
    assert np.allclose(read_audio(tmp_path / f"a.{suffix}"), (left + right) / 2, atol=1e-4)


def test_resampling_lets_no_alias_through() -> None:
    alias = resample(tone(48_000, hz=15_000), 48_000)
    assert 20 * np.log10(np.abs(alias[500:-500]).max() / 0.5) < -90


def test_faults_are_named_in_one_line(tmp_path: Path) -> None:
    wave = tone(SAMPLE_RATE)
    soundfile.write(tmp_path / "good.wav", wave, SAMPLE_RATE)
    soundfile.write(tmp_path / "good.flac", wave, SAMPLE_RATE)
    (tmp_path / "empty.wav").write_bytes(b"")
    (tmp_path / "text.wav").write_text("this is no sound\n" * 100)
    (tmp_path / "header.wav").write_bytes((tmp_path / "good.wav").read_bytes()[:30])
    (tmp_path / "truncated.wav").write_bytes((tmp_path / "good.wav").read_bytes()[:20_000])
    (tmp_path / "truncated.flac").write_bytes((tmp_path / "good.flac").read_bytes()[:8_000])
    soundfile.write(tmp_path / "nothing.wav", wave[:0], SAMPLE_RATE)
    soundfile.write(tmp_path / "short.wav", wave[:2000], SAMPLE_RATE)
    soundfile.write(tmp_path / "silent.wav", 0 * wave, SAMPLE_RATE)
    soundfile.write(tmp_path / "nan.wav", np.where(np.arange(len(wave)) == 7, np.nan, wave), SAMPLE_RATE, "FLOAT")
    soundfile.write(tmp_path / "inf.wav", np.where(np.arange(len(wave)) == 7, np.inf, wave), SAMPLE_RATE, "FLOAT")
    for name, reason in {
        "missing.wav": "no such file",
        "empty.wav": "is empty",
        "text.wav": "cannot be read as sound",
        "header.wav": "cannot be read as sound",
        "truncated.wav": "is truncated",
        "truncated.flac": "truncated|cannot be read as sound",
        "nothing.wav": "no sample",
        "short.wav": "too short: 0.091 s",
        "silent.wav": "is silent",
        "nan.wav": "NaN or infinite",
        "inf.wav": "NaN or infinite",
    }.items():
        with pytest.raises(BadAudio, match=reason) as caught:
            read_audio(tmp_path / name)
        assert isinstance(caught.value, UserError)
        assert name in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_wav_written_to_a_pipe_and_odd_chunks_are_read(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", tone(SAMPLE_RATE), SAMPLE_RATE, subtype="PCM_16")
    data = (tmp_path / "a.wav").read_bytes()
    at = data.index(b"data")
    piped = data[: at + 4] + b"\xff\xff\xff\xff" + data[at + 8 :]
    (tmp_path / "piped.wav").write_bytes(piped)
    chunk = b"LIST" + (5).to_bytes(4, "little") + b"hello\0"
    (tmp_path / "chunk.wav").write_bytes(data[:at] + chunk + data[at:])
    for name in ("piped.wav", "chunk.wav"):
        assert np.array_equal(read_audio(tmp_path / name), read_audio(tmp_path / "a.wav"))


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 20_000), st.integers(2_000, 30_000), st.integers(0, 20_000))
def test_trimming_finds_the_speech_within_a_frame(before: int, length: int, after: int) -> None:
    speech = tone(SAMPLE_RATE, seconds=length / SAMPLE_RATE)
    clip = np.concatenate([np.zeros(before, np.float32), speech, np.zeros(after, np.float32)])
    kept = trim(clip, 40.0, 0.0)
    assert len(speech) <= len(kept) <= len(speech) + 2 * 1024
    assert np.isclose((kept**2).sum(), (speech**2).sum(), rtol=1e-5), "no speech may be lost"
    wider = trim(clip, 40.0, 0.05)
    assert len(kept) <= len(wider) <= min(len(clip), len(kept) + 2 * round(0.05 * SAMPLE_RATE))


def test_bounds_are_sample_numbers_of_the_clip() -> None:
    clip = np.concatenate([np.zeros(8192, np.float32), tone(SAMPLE_RATE, seconds=1.0), np.zeros(8192, np.float32)])
    start, stop = trim_bounds(clip, 40.0, 0.05)
    assert np.array_equal(clip[start:stop], trim(clip, 40.0, 0.05))
    assert 8192 - 1024 - 0.05 * SAMPLE_RATE <= start <= 8192 - 0.05 * SAMPLE_RATE + 256
    assert 8192 + SAMPLE_RATE <= stop <= len(clip)
    assert trim_bounds(clip, 40.0, 1.0) == (0, len(clip))  # a margin ends where the clip does
    assert trim_bounds(np.zeros(5000, np.float32), 40.0, 0.05) == (0, 5000)


@given(st.integers(-32768, 32767))
def test_sixteen_bits_come_back_unchanged(value: int) -> None:
    assert to_int16(np.array([value / 32768], np.float32))[0] == value


def test_overshoots_are_clipped_not_wrapped() -> None:
    assert to_int16(np.array([1.2, -1.2, 1.0], np.float32)).tolist() == [32767, -32768, 32767]
