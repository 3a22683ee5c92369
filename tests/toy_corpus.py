"""A packed corpus of short tones on disk: the pitch of a clip tells its gender, a formant its emotion."""

from pathlib import Path

import numpy as np
import pandas as pd
import torch

from affekt.core.files import save_array, save_table
from affekt.corpora.table import EMOTIONS, GENDERS, SAMPLE_RATE, UNLABELLED
from affekt.features.mel import log_mel
from affekt.features.mfcc import mfcc
from affekt.features.packed import Packed, frame_table

F0_HZ = {"f": 220.0, "m": 110.0}
LOWEST_HZ, RATIO = 400.0, 1.45  # formant of the first emotion, and from one to the next
SAMPLES = (3000, 9000)
N_MFCC = 13


def make_corpus(
    root: Path, speakers: int = 8, emotions: int = 8, repetitions: int = 1, folds: int = 4, labelled: bool = True
) -> tuple[Path, Path]:
    """Write prepared/ and features/ under a folder, a clip for each speaker, emotion and repetition; returns both."""
    rng = np.random.default_rng(0)
    rows, waves = [], []
    for speaker in range(speakers):
        gender = GENDERS[speaker % 2]
        for emotion in range(emotions):
            for repetition in range(repetitions):
                waves.append(tone(F0_HZ[gender], LOWEST_HZ * RATIO**emotion, int(rng.integers(*SAMPLES)), rng))
                rows.append(row_of(speaker, gender, EMOTIONS[emotion], repetition, speakers, folds))
    audio = np.round(np.concatenate(waves) * 32767).astype(np.int16)
    clips = pd.DataFrame(rows)
    lengths = np.array([len(wave) for wave in waves])
    clips["offset"], clips["frames"], clips["rate"] = np.cumsum(lengths) - lengths, lengths, SAMPLE_RATE
    if not labelled:
        clips["emotion"] = UNLABELLED
    prepared, features = root / "prepared", root / "features"
    save_table(prepared / "clips.parquet", clips)
    save_array(prepared / "audio.npy", audio)
    mels = [log_mel(torch.from_numpy(wave)).T for wave in waves]
    save_table(features / "frames.parquet", frame_table(clips))
    save_array(features / "mel.npy", torch.cat(mels).numpy())
    save_array(features / "mfcc.npy", torch.cat([mfcc(mel.T, N_MFCC).T for mel in mels]).contiguous().numpy())
    f0 = [np.full(len(mel), F0_HZ[str(row["gender"])], np.float32) for mel, row in zip(mels, rows, strict=True)]
    save_array(features / "f0.npy", np.concatenate(f0))
    save_array(features / "speaker.npy", np.zeros((len(rows), 256), np.float32))
    return prepared, features


def row_of(speaker: int, gender: str, emotion: str, repetition: int, speakers: int, folds: int) -> dict[str, object]:
    """The columns of a clip that do not depend on its samples."""
    return {
        "clip_id": f"toy-{speaker:02}-{EMOTIONS.index(emotion)}-{repetition}",
        "corpus": "toy",
        "speaker": f"toy-{speaker:02}",
        "gender": gender,
        "emotion": emotion,
        "half": "a" if speaker < speakers // 2 else "b",
        "fold": speaker * folds // speakers,
    }


def tone(f0_hz: float, formant_hz: float, samples: int, rng: np.random.Generator) -> np.ndarray:
    """Harmonics of f0, the loudest near the formant, and noise; float32 within [-1, 1]."""
    time = np.arange(samples) / SAMPLE_RATE
    harmonics = np.arange(1, int(10000 / f0_hz)) * f0_hz
    level = 0.02 + np.exp(-0.5 * (12 * np.log2(harmonics / formant_hz) / 4) ** 2)
    wave = (level[:, None] * np.sin(2 * np.pi * harmonics[:, None] * time)).sum(0)
    wave = wave / np.abs(wave).max() * rng.uniform(0.2, 0.9)
    return (wave + 0.003 * rng.normal(size=samples)).clip(-1, 1).astype(np.float32)


def load_corpus(root: Path, **how: object) -> Packed:
    """Make a corpus and open it."""
    return Packed.load(*make_corpus(root, **how))  # type: ignore[arg-type]
