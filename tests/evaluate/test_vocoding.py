import math

import numpy as np
import pandas as pd
import pytest

from affekt.evaluate.clips import pick_clips
from affekt.evaluate.vocoding import (
    compare_clips,
    compare_f0,
    measure_pesq,
    measure_stoi,
    predict_mos,
    summarise,
)
from affekt.features.mel import SAMPLE_RATE


def speechlike(seconds: float = 2.0, f0_hz: float = 140.0) -> np.ndarray:
    """A voice-like buzz with formants and syllables of 4 Hz, so that PESQ and STOI find utterances."""
    time_T = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    phase_T = 2 * math.pi * (f0_hz * time_T + 5 * np.sin(2 * math.pi * 0.7 * time_T))
    waveform_T = np.zeros_like(time_T)
    for k in range(1, int(7000 / f0_hz)):
        frequency = k * f0_hz
        formants = sum(np.exp(-(((frequency - centre) / 250) ** 2)) for centre in (600, 1400, 2600, 3600))
        waveform_T += (0.05 + formants) * np.sin(k * phase_T) / math.sqrt(k)
    syllables_T = np.clip(np.sin(2 * math.pi * 4 * time_T), 0, 1) ** 0.5
    return (0.3 * waveform_T * syllables_T / np.abs(waveform_T).max()).astype(np.float32)


def noisy(waveform_T: np.ndarray, snr_db: float) -> np.ndarray:
    noise_T = np.random.default_rng(0).standard_normal(len(waveform_T))
    gain = np.sqrt(np.mean(waveform_T**2) / np.mean(noise_T**2) / 10 ** (snr_db / 10))
    return (waveform_T + gain * noise_T).astype(np.float32)


def test_a_clip_equals_itself() -> None:
    figures = compare_clips(speechlike(), speechlike())
    assert figures["mel_l1"] == 0
    assert figures["stft"] == pytest.approx(0, abs=1e-6)
    assert figures["f0_cents"] == 0
    assert figures["voicing_error"] == 0
    assert figures["pesq"] == pytest.approx(4.64, abs=0.01)  # the ceiling of P.862.2
    assert figures["stoi"] == pytest.approx(1, abs=1e-4)


def test_more_noise_is_worse_by_every_measure() -> None:
    real_T = speechlike()
    light, heavy = (compare_clips(real_T, noisy(real_T, snr_db)) for snr_db in (30, 5))
    for name, sign in (("mel_l1", 1), ("stft", 1), ("pesq", -1), ("stoi", -1)):
        assert sign * heavy[name] > sign * light[name], name


def test_f0_error_of_a_known_shift() -> None:
    cents, voicing_error = compare_f0(speechlike(f0_hz=140.0), speechlike(f0_hz=140.0 * 2 ** (50 / 1200)))
    assert cents == pytest.approx(50, abs=4)  # the vibrato is not scaled with f0
    assert voicing_error < 0.1


def test_f0_of_noise_is_undefined_and_unvoiced() -> None:
    voice_T = speechlike()
    cents, voicing_error = compare_f0(voice_T, np.zeros_like(voice_T))
    assert cents is None
    assert voicing_error > 0.2


def test_silence_has_no_pesq_and_no_stoi() -> None:
    silence = np.zeros(16000, np.float32)
    assert measure_pesq(silence, silence) is None
    assert measure_stoi(silence, silence) is None


def test_too_short_has_no_pesq() -> None:
    assert measure_pesq(np.ones(1000, np.float32), np.ones(1000, np.float32)) is None


def test_lengths_must_agree() -> None:
    with pytest.raises(ValueError, match="differ in length"):
        compare_clips(np.zeros(9000, np.float32), np.zeros(9001, np.float32))


def test_summary_counts_what_is_undefined() -> None:
    rows = [{"pesq": 2.0, "stoi": None}, {"pesq": None, "stoi": None}, {"pesq": 4.0, "stoi": None}]
    assert summarise(rows) == {"pesq": 3.0, "pesq_undefined": 1, "stoi_undefined": 3}


def table() -> pd.DataFrame:
    emotions = ["neutral", "happy", "sad", "angry"]
    rows = [
        {
            "clip_id": f"{s:02d}-{e}-{k}",
            "speaker": f"s{s:02d}",
            "emotion": e,
            "statement": str(k),
            "intensity": "normal",
        }
        for s in range(8)
        for e in emotions
        for k in range(3)
    ]
    frame = pd.DataFrame(rows)
    return frame.assign(half=np.where(frame["speaker"] < "s04", "a", "b"))


def test_clips_are_unseen_and_spread() -> None:
    chosen = pick_clips(table(), 16, half="b")
    assert set(chosen["half"]) == {"b"}
    assert (chosen["speaker"].value_counts() == 4).all()
    assert (chosen["emotion"].value_counts() == 4).all()
    assert chosen["clip_id"].is_unique
    assert chosen["clip_id"].is_monotonic_increasing
    assert len(set(zip(chosen["speaker"], chosen["emotion"], strict=True))) == 16  # not the same emotion per speaker


def test_clips_do_not_depend_on_row_order() -> None:
    shuffled = table().sample(frac=1, random_state=1)
    assert pick_clips(shuffled, 7, half="b")["clip_id"].tolist() == pick_clips(table(), 7, half="b")["clip_id"].tolist()


def test_no_more_clips_than_there_are() -> None:
    assert len(pick_clips(table(), 1000, half="b")) == 48


def test_mos_tells_voice_from_noise_and_repeats() -> None:
    voice_T = speechlike(1.0)
    first = predict_mos([voice_T, noisy(voice_T, -10)])
    assert first == predict_mos([voice_T, noisy(voice_T, -10)])
    assert all(1 <= value <= 5 for value in first)
