"""Players' sound files: 16-bit WAV, all at one loudness, so that the ear compares voices and not levels."""

from pathlib import Path

import numpy as np

from affekt.core.errors import UserError

LEVEL_DBFS = -23.0  # RMS of every player
PEAK = 0.97  # no sample goes above this
FADE_S = 0.005  # at both ends, against clicks
SILENCE_DBFS = -60.0  # quieter than this cannot be meant to be heard


def rms_dbfs(samples: np.ndarray) -> float:
    """Root mean square of samples in -1..1, in dB below full scale; -inf for digital silence."""
    power = float(np.mean(np.square(samples, dtype=np.float64))) if samples.size else 0.0
    return 10 * float(np.log10(power)) if power > 0 else float("-inf")


def level(samples: np.ndarray, rate: int) -> np.ndarray:
    """Samples at the page's loudness, with short fades."""
    samples = np.asarray(samples, dtype=np.float64)
    loudness = rms_dbfs(samples)
    if loudness > SILENCE_DBFS - 40:  # digital silence stays silent: check.py reports it
        samples = samples * 10 ** ((LEVEL_DBFS - loudness) / 20)
    samples = samples * min(1.0, PEAK / max(float(np.max(np.abs(samples))), 1e-9))
    ramp = np.linspace(0, 1, min(int(FADE_S * rate), len(samples)))
    samples[: len(ramp)] *= ramp
    samples[len(samples) - len(ramp) :] *= ramp[::-1]
    return samples


def save_player(path: Path, samples: np.ndarray, rate: int) -> None:
    """Write samples (-1..1, mono) as a levelled 16-bit WAV."""
    import soundfile

    if samples.size == 0 or not np.isfinite(samples).all():
        raise UserError(f"{path.name}: the audio for this player is empty or not finite")
    whole = np.round(level(samples, rate) * 32767).astype(np.int16)
    soundfile.write(path, whole, rate, format="WAV", subtype="PCM_16")


def copy_player(source: Path, target: Path) -> None:
    """Write a stage's WAV as a player file of the page."""
    import soundfile

    if not source.is_file():
        raise UserError(f"{source} is missing: rerun the stage that writes it (`dvc repro`)")
    samples, rate = soundfile.read(source, dtype="float64", always_2d=True)
    save_player(target, samples.mean(axis=1), rate)
