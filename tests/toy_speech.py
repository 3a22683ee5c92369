"""A packed corpus of spoken statements with known timing: sounds one after another, each voice in its own tempo."""

from pathlib import Path

import numpy as np
import pandas as pd
import torch

from affekt.core.files import save_array, save_table
from affekt.corpora.table import EMOTIONS, GENDERS, SAMPLE_RATE
from affekt.features.mel import HOP_LENGTH
from affekt.features.mfcc import mfcc
from affekt.features.packed import Packed, frame_table

SOUNDS = 6  # in a statement
SPEAKERS = 8
FRAMES = (70, 130)


def mel_of(statement: int, edges: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Raw log mel (F, 80) of a statement whose sound i lies between frames edges[i] and edges[i + 1]."""
    shapes = np.random.default_rng(100 + statement).normal(0, 1, (SOUNDS, 6))
    bands = np.linspace(0, 1, 80)
    sounds = sum(shapes[:, [k]] * np.cos(np.pi * (k + 1) * bands) for k in range(6))
    middles = (edges[:-1] + edges[1:]) / 2
    at = np.interp(np.arange(int(edges[-1])), middles, np.arange(SOUNDS))
    low = np.minimum(at.astype(int), SOUNDS - 2)
    part = (at - low)[:, None]
    mel = sounds[low] * (1 - part) + sounds[low + 1] * part
    return (mel - 5 + rng.normal(0, 0.5) * bands + rng.normal(0, 0.2, mel.shape)).astype(np.float32)


def random_edges(frames: int, rng: np.random.Generator) -> np.ndarray:
    """Borders of sounds of unequal length, up to twice as long as each other, about."""
    lengths = rng.uniform(0.7, 1.4, SOUNDS)
    return np.concatenate([[0], np.cumsum(lengths) / lengths.sum()]) * frames


def make_speech(root: Path, statements: int = 2, emotions: int = 3, repetitions: int = 1) -> tuple[Path, Path]:
    """Write prepared/ and features/ under a folder, a clip for each speaker, emotion, statement and repetition."""
    rng = np.random.default_rng(0)
    rows, mels = [], []
    for speaker in range(SPEAKERS):
        for emotion in range(emotions):
            for statement in range(statements):
                for repetition in range(repetitions):
                    mels.append(mel_of(statement, random_edges(int(rng.integers(*FRAMES)), rng), rng))
                    rows.append(
                        {"clip_id": f"toy-{speaker}-{emotion}-{statement}-{repetition}", "corpus": "toy",
                         "speaker": f"toy-{speaker}", "gender": GENDERS[speaker % 2], "emotion": EMOTIONS[emotion],
                         "statement": f"s{statement}", "half": "a" if speaker < SPEAKERS // 2 else "b", "fold": 0}
                    )  # fmt: skip
    clips = pd.DataFrame(rows)
    samples = np.array([(len(mel) - 1) * HOP_LENGTH for mel in mels])
    clips["offset"], clips["frames"], clips["rate"] = np.cumsum(samples) - samples, samples, SAMPLE_RATE
    prepared, features = root / "prepared", root / "features"
    save_table(prepared / "clips.parquet", clips)
    save_array(prepared / "audio.npy", np.zeros(int(samples.sum()), np.int16))
    save_table(features / "frames.parquet", frame_table(clips))
    all_frames = np.concatenate(mels)
    save_array(features / "mel.npy", all_frames)
    save_array(features / "mfcc.npy", mfcc(torch.from_numpy(all_frames).T, 13).T.contiguous().numpy())
    save_array(features / "f0.npy", np.zeros(len(all_frames), np.float32))
    save_array(features / "speaker.npy", np.zeros((len(clips), 256), np.float32))
    return prepared, features


def load_speech(root: Path, **how: int) -> Packed:
    """Make a corpus and open it."""
    return Packed.load(*make_speech(root, **how))


def rows_of(packed: Packed, half: str) -> np.ndarray:
    """Rows of one half of the speakers."""
    return np.flatnonzero(packed.clips["half"].to_numpy() == half)
