"""Voice qualities that eSpeak has no parameter for, put on the finished speech."""

from dataclasses import dataclass

import numpy as np

from affekt.corpora.espeak import SAMPLE_RATE

_TILT_CENTRE_HZ = 1000.0  # unchanged by the tilt
_TILT_EDGES_HZ = (100.0, 8000.0)  # beyond these the tilt stays level
_BREATH_FROM_HZ = 1000.0
_ENVELOPE_S = 0.02  # smoothing of the speech's level, which the breath follows
_TREMOR_HZ = 6.0  # physiological tremor and vibrato lie between 4 and 8 Hz
_ROUGH_HZ = 60.0  # rate of the irregular periods; roughness is heard from 30 to 100 Hz
_ROUGH_CENTS = 80.0  # of pitch at full roughness
_ROUGH_DEPTH = 0.45  # of amplitude at full roughness
_PEAK = 0.98  # of full scale, never exceeded


@dataclass(frozen=True)
class Quality:
    """How finished speech is changed."""

    formant_factor: float  # spectrum, pitch and tempo together: the speech is played faster by this
    level_db: float  # RMS in dB of full scale
    tilt_db: float  # per octave around 1 kHz
    breath: float  # level of noise relative to the speech
    tremor_cents: float
    roughness: float  # 0-1


def finish(samples: np.ndarray, quality: Quality, rng: np.random.Generator) -> np.ndarray:
    """Return float32 speech at 22,050 Hz with the quality put on."""
    import soxr

    speech = soxr.resample(samples, SAMPLE_RATE * quality.formant_factor, SAMPLE_RATE, quality="HQ")
    speech = speech.astype(np.float64)
    roughness = _smooth_noise(len(speech), _ROUGH_HZ, rng)
    cents = quality.roughness * _ROUGH_CENTS * roughness
    phase = rng.uniform(0, 2 * np.pi)
    time = np.arange(len(speech)) / SAMPLE_RATE
    cents += quality.tremor_cents * np.sin(2 * np.pi * _TREMOR_HZ * time + phase)
    speech = _bend(speech, cents)
    speech *= 1 + quality.roughness * _ROUGH_DEPTH * roughness
    speech = _tilt(speech, quality.tilt_db)
    if quality.breath:
        speech += quality.breath * _breath(speech, rng)
    speech *= 10 ** (quality.level_db / 20) / max(float(np.sqrt(np.mean(speech**2))), 1e-9)
    return (speech * min(1.0, _PEAK / max(float(np.abs(speech).max()), 1e-9))).astype(np.float32)


def _smooth_noise(length: int, band_hz: float, rng: np.random.Generator) -> np.ndarray:
    """Noise below `band_hz`, of unit deviation, limited to three of them."""
    points = max(4, int(length / SAMPLE_RATE * band_hz * 2) + 2)
    noise = np.interp(np.linspace(0, points - 1, length), np.arange(points), rng.standard_normal(points))
    return np.clip(noise / max(float(noise.std()), 1e-9), -3, 3)


def _bend(samples: np.ndarray, cents: np.ndarray) -> np.ndarray:
    """Vary the speed by so many cents at each sample, and so the pitch; the length stays nearly the same."""
    if not cents.any():
        return samples
    position = np.cumsum(2 ** (cents / 1200))
    return np.interp(position - position[0], np.arange(len(samples)), samples)


def _tilt(samples: np.ndarray, db_per_octave: float) -> np.ndarray:
    size = _fast_size(len(samples))
    hz = np.fft.rfftfreq(size, 1 / SAMPLE_RATE)
    octaves = np.log2(np.clip(hz, *_TILT_EDGES_HZ) / _TILT_CENTRE_HZ)
    tilted = np.fft.irfft(np.fft.rfft(samples, size) * 10 ** (db_per_octave * octaves / 20), size)
    return tilted[: len(samples)]


def _breath(samples: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Noise above 1 kHz that follows the speech's level, as loud as the speech."""
    size = _fast_size(len(samples))
    spectrum = np.fft.rfft(rng.standard_normal(size))
    spectrum[np.fft.rfftfreq(size, 1 / SAMPLE_RATE) < _BREATH_FROM_HZ] = 0
    noise = np.fft.irfft(spectrum, size)[: len(samples)]
    width = int(_ENVELOPE_S * SAMPLE_RATE)
    power = np.cumsum(np.pad(samples**2, (width - width // 2, width // 2)))
    envelope = np.sqrt((power[width:] - power[:-width]).clip(0) / width)
    return noise / max(float(noise.std()), 1e-9) * envelope


def _fast_size(length: int) -> int:
    """A length that the FFT likes and whose padding keeps the end from wrapping into the beginning."""
    return 1 << int(length + 1024).bit_length()
