"""Speaker embeddings are Resemblyzer's, in batches, and tell speakers apart."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from affekt.features.mel import SAMPLE_RATE
from affekt.features.speaker import EMBEDDING_SIZE, SpeakerEncoder, embed_speakers, load_encoder


@pytest.fixture(scope="module")
def encoder() -> SpeakerEncoder:
    return load_encoder()


def voice(f0_hz: float, formants_hz: tuple[float, ...], seconds: float, seed: int) -> np.ndarray:
    """A vowel-like sound: a pulse train through resonances, with jitter and breath."""
    from scipy.signal import lfilter

    rng = np.random.default_rng(seed)
    samples = int(seconds * SAMPLE_RATE)
    phase = np.cumsum(f0_hz * (1 + 0.05 * np.sin(np.arange(samples) / 3000)) / SAMPLE_RATE)
    source = (np.diff(np.floor(phase), prepend=0) > 0) + 0.01 * rng.normal(size=samples)
    for hertz in formants_hz:
        pole = 0.98 * np.exp(2j * np.pi * hertz / SAMPLE_RATE)
        source = lfilter([1], np.real(np.poly([pole, pole.conj()])), source)
    return (0.3 * source / np.abs(source).max()).astype(np.float32)


@pytest.fixture(scope="module")
def clips() -> list[np.ndarray]:
    """Two low and two high voices of other lengths: one partial window, several, and a dropped last one."""
    low, high = (500.0, 1200.0, 2400.0), (750.0, 1700.0, 3100.0)
    lengths = ((110.0, low, 0.7), (115.0, low, 2.4), (230.0, high, 1.9), (225.0, high, 3.3))
    return [voice(*spec, seed) for seed, spec in enumerate(lengths)]


def test_equal_to_resemblyzer(encoder: SpeakerEncoder, clips: list[np.ndarray]) -> None:
    import soxr
    from resemblyzer import VoiceEncoder
    from resemblyzer.audio import normalize_volume

    theirs = VoiceEncoder("cpu", verbose=False)
    levels = [1.0, 0.01, 1.0, 0.3]  # one is quiet enough to be raised
    waveforms = [level * clip for level, clip in zip(levels, clips, strict=True)]
    found = embed_speakers(encoder, waveforms)
    for ours, waveform in zip(found, waveforms, strict=True):
        prepared = normalize_volume(soxr.resample(waveform, SAMPLE_RATE, 16000), -30, increase_only=True)
        assert ours @ theirs.embed_utterance(prepared) > 1 - 1e-5


def test_batch_is_one_by_one(encoder: SpeakerEncoder, clips: list[np.ndarray]) -> None:
    together = embed_speakers(encoder, clips)
    alone = np.concatenate([embed_speakers(encoder, [clip]) for clip in clips])
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_unit_vectors_that_tell_voices_apart(encoder: SpeakerEncoder, clips: list[np.ndarray]) -> None:
    found = embed_speakers(encoder, clips)
    assert found.shape == (len(clips), EMBEDDING_SIZE)
    assert found.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    cosine = found @ found.T
    assert min(cosine[0, 1], cosine[2, 3]) > cosine[:2, 2:].max() + 0.1


def test_silence_gives_numbers(encoder: SpeakerEncoder) -> None:
    assert np.isfinite(embed_speakers(encoder, [np.zeros(8000, np.float32)])).all()


def test_nothing_slow_is_imported() -> None:
    """Resemblyzer's own import brings librosa and costs over a second."""
    slow = ["librosa", "resemblyzer", "webrtcvad", "torchaudio", "parselmouth", "pandas"]
    code = (
        "import sys, affekt.features.extract; from affekt.features.speaker import load_encoder; load_encoder();"
        f"print([name for name in {slow} if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


@pytest.mark.real
def test_real_speakers(encoder: SpeakerEncoder) -> None:
    mirror = os.environ.get("AFFEKT_MIRROR", "")
    root = Path(mirror) / "ravdess"
    if not mirror or not root.is_dir():
        pytest.skip("AFFEKT_MIRROR holds no ravdess/")
    import soundfile

    # Actors 1 to 6 speaking neutrally, both statements twice.
    files = sorted(path for path in root.rglob("03-01-01-01-*.*") if path.stem[-2:] <= "06")
    actors = np.array([path.stem[-2:] for path in files])
    waveforms, rates = zip(*(soundfile.read(path, dtype="float32") for path in files), strict=True)
    mono = [waveform if waveform.ndim == 1 else waveform.mean(1) for waveform in waveforms]
    cosine = (found := embed_speakers(encoder, mono, rates[0])) @ found.T
    others = cosine[actors[:, None] != actors[None, :]]
    same = cosine[(actors[:, None] == actors[None, :]) & ~np.eye(len(files), dtype=bool)]
    assert len(files) == 24
    assert same.mean() > others.mean() + 0.15
    assert np.quantile(same, 0.1) > np.quantile(others, 0.9)
