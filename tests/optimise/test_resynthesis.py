"""Dreams become sound of the same length, and go into recordings of any rate without touching the rest."""

import numpy as np
import pytest
import torch
from torch import Tensor

from affekt.features.spectrogram import FAST, Resolution, phase_of, root, spectrum
from affekt.optimise import resynthesis
from affekt.optimise.resynthesis import FULL_SCALE, fit, mix, refine_blocks, speak


def tone(samples: int, rate: int = 22050, hz: float = 440.0) -> np.ndarray:
    return (0.3 * np.sin(2 * np.pi * hz * np.arange(samples) / rate)).astype(np.float32)


def noise(samples: int) -> Tensor:
    return 0.1 * torch.randn(1, samples, generator=torch.Generator().manual_seed(0))


def distance_db(wave_BT: Tensor, magnitude_BKF: Tensor, resolution: Resolution) -> float:
    found = spectrum(wave_BT, resolution).abs()
    return float(20 * torch.log10((found - magnitude_BKF).norm() / magnitude_BKF.norm()))


@pytest.mark.parametrize("rule", ["original", "griffin_lim", "vocoder"])
def test_every_rule_keeps_the_length(rule: str) -> None:
    wave_BT = noise(10_001)
    spectrum_BKF = spectrum(wave_BT, FAST)
    heard: list[Tensor] = []

    def vocoder(mel_BMF: Tensor) -> Tensor:
        heard.append(mel_BMF)
        return torch.zeros(len(mel_BMF), (mel_BMF.shape[-1] - 1) * 256)

    spoken_BT = speak(root(spectrum_BKF), phase_of(spectrum_BKF), 10_001, FAST, rule, vocoder)  # type: ignore[arg-type]
    assert spoken_BT.shape == (1, 10_001)
    assert len(heard) == (rule == "vocoder")
    if rule == "original":
        assert torch.allclose(spoken_BT, wave_BT, atol=1e-5)


def test_griffin_lim_fits_phases_to_changed_magnitudes() -> None:
    spectrum_BKF = spectrum(noise(20_000), FAST)
    root_BKF = root(spectrum_BKF).flip(1)  # magnitudes that the phases do not fit
    phase_BKF = phase_of(spectrum_BKF)
    kept = speak(root_BKF, phase_BKF, 20_000, FAST)
    fitted = speak(root_BKF, phase_BKF, 20_000, FAST, "griffin_lim")
    assert distance_db(fitted, root_BKF**8, FAST) < distance_db(kept, root_BKF**8, FAST) - 3


def test_blocks_refine_as_well_as_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    spectrum_BKF = spectrum(noise(60_000), FAST)
    magnitude_BKF, phase_BKF = spectrum_BKF.abs().flip(1), phase_of(spectrum_BKF)
    whole = refine_blocks(magnitude_BKF, phase_BKF, FAST)
    monkeypatch.setattr(resynthesis, "BLOCK_FRAMES", 100)
    blocks = refine_blocks(magnitude_BKF, phase_BKF, FAST)
    assert blocks.shape == whole.shape
    assert not torch.equal(blocks, whole)
    found = [
        distance_db(speak(magnitude_BKF ** (1 / 8), phase, 60_000, FAST), magnitude_BKF, FAST)
        for phase in (whole, blocks)
    ]
    assert found[1] < found[0] + 0.5


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 44100, 48000])
@pytest.mark.parametrize("channels", [1, 2])
def test_no_change_gives_the_recording_back_to_the_bit(rate: int, channels: int) -> None:
    recording = np.stack([tone(rate + 7, rate, 300 + 100 * c) for c in range(channels)], axis=1)
    before = tone(round((rate + 7) * 22050 / rate))
    mixed, gain = mix(recording, rate, before, before)
    assert np.array_equal(mixed, recording)
    assert gain == 1


@pytest.mark.parametrize("rate", [16000, 22050, 48000])
def test_the_change_is_added_to_every_channel_at_the_recordings_rate(rate: int) -> None:
    seconds = 1.0
    recording = np.stack([tone(rate, rate, 300), tone(rate, rate, 500)], axis=1)
    before = np.zeros(22050, np.float32)
    mixed, gain = mix(recording, rate, before, tone(round(22050 * seconds), 22050, 1000))
    assert mixed.shape == recording.shape
    assert gain == 1
    inner = slice(rate // 10, -rate // 10)  # a resampler rings at the ends
    expected = recording + tone(rate, rate, 1000)[:, None]
    assert np.abs(mixed - expected)[inner].max() < 1e-3


def test_what_would_clip_is_made_softer_and_told() -> None:
    loud = 2.5 * tone(1000)
    fitted, gain = fit(3 * loud)
    assert np.abs(fitted).max() <= 1
    assert gain == pytest.approx(FULL_SCALE / (3 * np.abs(loud).max()))
    assert fit(loud)[1] == 1
    assert np.array_equal(fit(loud)[0], loud)
    recording = np.full((22050, 1), 0.9, np.float32)
    mixed, gain = mix(recording, 22050, np.zeros(22050, np.float32), np.full(22050, 0.9, np.float32))
    assert gain == pytest.approx(FULL_SCALE / 1.8)
    assert mixed.max() == pytest.approx(FULL_SCALE)
