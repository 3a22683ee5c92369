"""From any sound file to the project's audio: mono, 22,050 Hz, trimmed, 16 bits."""

import struct
from pathlib import Path

import numpy as np

from affekt.core.errors import UserError
from affekt.corpora.table import SAMPLE_RATE

SHORTEST_S = 0.1  # below this there is not one voiced syllable
SILENT_PEAK = 1e-4  # -80 dBFS, three steps of 16 bits
_ENERGY_FRAME = 1024  # samples at 22,050 Hz, the mel's window
_ENERGY_HOP = 256
_UNKNOWN_SIZES = (0, 0xFFFFFFFF, 0x7FFFFFFF, 0x7FFFF000, 0x7FFFFFFE)  # data chunk of a WAV written to a pipe


class BadAudio(UserError):  # noqa: N818 (a finding about a file, not a failure of the program)
    """A sound file that cannot be used; `reason` is the message without the path."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.reason = reason


def read_audio(path: Path) -> np.ndarray:
    """Read a sound file of any rate, width and channels as mono float32 at 22,050 Hz.

    Raises BadAudio, a UserError, when it is missing, empty, no sound, truncated, silent, not finite or too short.
    """
    samples, rate = decode(path)
    return resample(to_mono(samples), rate)


def decode(path: Path) -> tuple[np.ndarray, int]:
    """Decode a whole file to float32 (samples, channels) and its rate in Hz, checked as `read_audio` tells."""
    import soundfile

    path = Path(path)
    if not path.is_file():
        raise BadAudio(path, "there is no such file; give the path of a sound file")
    if path.stat().st_size == 0:
        raise BadAudio(path, "is empty (0 bytes); record or copy it again")
    try:
        with soundfile.SoundFile(path) as file:
            declared = _declared_frames(path, file.frames)
            samples = file.read(dtype="float32", always_2d=True)
            rate = int(file.samplerate)
    except (soundfile.LibsndfileError, OverflowError, MemoryError) as error:
        reason = str(getattr(error, "error_string", error)).strip().rstrip(".")
        raise BadAudio(path, f"cannot be read as sound ({reason}); give a WAV or FLAC file") from None
    _check_samples(path, samples, rate, declared)
    return samples, rate


def _check_samples(path: Path, samples: np.ndarray, rate: int, declared: int) -> None:
    if len(samples) < declared:
        raise BadAudio(
            path, f"is truncated: {len(samples)} of the {declared} samples its header tells; copy it again whole"
        )
    if len(samples) == 0:
        raise BadAudio(path, "holds no sample; record or copy it again")
    if not np.isfinite(samples).all():
        raise BadAudio(path, "holds NaN or infinite samples; export it again")
    if len(samples) < SHORTEST_S * rate:
        raise BadAudio(path, f"is too short: {len(samples) / rate:.3f} s, at least {SHORTEST_S} s are needed")
    if np.abs(samples).max() < SILENT_PEAK:
        raise BadAudio(path, "is silent (peak below -80 dB of full scale); record it again")


def _declared_frames(path: Path, frames: int) -> int:
    """Samples per channel that the header promises; libsndfile silently shortens a truncated WAV to what is there."""
    with open(path, "rb") as file:
        if file.read(4) != b"RIFF" or file.read(8)[4:] != b"WAVE":
            return frames
        block_align = 0
        while len(header := file.read(8)) == 8:
            name, size = struct.unpack("<4sI", header)
            if name == b"fmt ":
                block_align = struct.unpack_from("<H", file.read(size).ljust(14, b"\0"), 12)[0]
                file.seek(size % 2, 1)
            elif name == b"data":
                # Compressed WAVs have blocks of many samples: only for plain samples is the division their number.
                plain = block_align and size not in _UNKNOWN_SIZES and _is_plain(path)
                return max(frames, size // block_align) if plain else frames
            else:
                file.seek(size + size % 2, 1)
    return frames


def _is_plain(path: Path) -> bool:
    import soundfile

    return str(soundfile.info(path).subtype).startswith(("PCM", "FLOAT", "DOUBLE", "ULAW", "ALAW"))


def to_mono(samples: np.ndarray) -> np.ndarray:
    """Average the channels: (samples, channels) to (samples,)."""
    if samples.shape[1] == 1:
        return samples[:, 0]
    return samples.mean(axis=1, dtype=np.float64).astype(np.float32)


def resample(samples: np.ndarray, rate: int) -> np.ndarray:
    """Resample mono float32 from `rate` to 22,050 Hz (soxr, HQ: 100 dB of alias rejection)."""
    import soxr

    if rate == SAMPLE_RATE:
        return samples
    return soxr.resample(samples, rate, SAMPLE_RATE, quality="HQ").astype(np.float32, copy=False)


def trim(samples: np.ndarray, trim_db: float, margin_s: float) -> np.ndarray:
    """Cut both ends where the frame energy is `trim_db` below the loudest frame's, keeping `margin_s` of them."""
    start, stop = trim_bounds(samples, trim_db, margin_s)
    return samples[start:stop]


def trim_bounds(samples: np.ndarray, trim_db: float, margin_s: float) -> tuple[int, int]:
    """Return the first sample that `trim` keeps and the one after the last."""
    padded = np.pad(samples, _ENERGY_FRAME // 2)
    power = np.concatenate([[0.0], np.cumsum(np.square(padded, dtype=np.float64))])
    starts = np.arange(0, len(samples), _ENERGY_HOP)  # frame i is centred on sample starts[i]
    energy = power[starts + _ENERGY_FRAME] - power[starts]
    loud = np.flatnonzero(energy > energy.max() * 10.0 ** (-trim_db / 10.0))
    if len(loud) == 0:  # all frames silent
        return 0, len(samples)
    margin = round(margin_s * SAMPLE_RATE)
    first, last = int(starts[loud[0]]), int(starts[loud[-1]])
    return max(0, first - margin), min(len(samples), last + _ENERGY_HOP + margin)


def to_int16(samples: np.ndarray) -> np.ndarray:
    """Round float samples to 16 bits; int16 / 32768 comes back unchanged, overshoots of resampling are clipped."""
    return np.clip(np.rint(samples * 32768.0), -32768, 32767).astype(np.int16)
