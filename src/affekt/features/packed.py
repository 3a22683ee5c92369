"""Clips and their features as long arrays with a table of offsets, memory-mapped.

Axes: B clips, M mel bands, F frames, T samples.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from affekt.core.errors import UserError
from affekt.core.files import load_array, load_table
from affekt.features.mel import LOG_FLOOR, N_MELS, frames_of

if TYPE_CHECKING:
    import pandas as pd

_INT16_SCALE = np.float32(1 / 32768)


@dataclass(frozen=True)
class Packed:
    """A prepared corpus and its features; row i of every table and array of offsets is clip i."""

    clips: "pd.DataFrame"  # data/prepared/clips.parquet
    audio: np.ndarray  # int16 (samples,)
    mel: np.ndarray  # float32 (frames, N_MELS), raw log mel
    mfcc: np.ndarray  # float32 (frames, n_mfcc)
    f0: np.ndarray  # float32 (frames,), Hz, 0 where unvoiced
    speaker: np.ndarray  # float32 (clips, EMBEDDING_SIZE), unit vectors
    offsets: np.ndarray  # int64 (clips,), first frame
    frames: np.ndarray  # int64 (clips,)

    @classmethod
    def load(cls, prepared: Path, features: Path) -> "Packed":
        """Open data/prepared and data/features; a UserError says when they are not of the same clips."""
        clips = load_table(prepared / "clips.parquet")
        table = load_table(features / "frames.parquet")
        arrays = {name: load_array(features / f"{name}.npy") for name in ("mel", "mfcc", "f0", "speaker")}
        frames = table["frames"].to_numpy(np.int64)
        lengths = {name: len(array) for name, array in arrays.items()}
        total = int(frames.sum())
        expected = {"mel": total, "mfcc": total, "f0": total, "speaker": len(clips)}
        if clips["clip_id"].tolist() != table["clip_id"].tolist() or lengths != expected:
            raise UserError(f"{features}: holds the features of other clips than {prepared}; run `dvc repro`")
        offsets = table["offset"].to_numpy(np.int64)
        return cls(clips, load_array(prepared / "audio.npy"), offsets=offsets, frames=frames, **arrays)

    @classmethod
    def join(cls, parts: Sequence["Packed"]) -> "Packed":
        """Put corpora one after another; the rows of the second follow those of the first.

        Nothing long is copied: of what it holds per sample or frame only spans of single clips can be read.
        """
        import pandas as pd

        if len(parts) == 1:
            return parts[0]
        samples = np.cumsum([0, *(len(part.audio) for part in parts)])
        frames = np.cumsum([0, *(len(part.mel) for part in parts)])
        clips = [part.clips.assign(offset=part.clips["offset"] + at) for part, at in zip(parts, samples, strict=False)]
        offsets = [part.offsets + at for part, at in zip(parts, frames, strict=False)]
        arrays: dict[str, Any] = {
            n: Chain([getattr(part, n) for part in parts]) for n in ("audio", "mel", "mfcc", "f0")
        }
        arrays |= {name: np.concatenate([getattr(part, name) for part in parts]) for name in ("speaker", "frames")}
        return cls(pd.concat(clips, ignore_index=True), offsets=np.concatenate(offsets), **arrays)

    def __len__(self) -> int:
        return len(self.frames)

    def span(self, i: int) -> slice:
        """The rows of clip i in mel, mfcc and f0."""
        return slice(int(self.offsets[i]), int(self.offsets[i] + self.frames[i]))

    def clip_mel(self, i: int) -> Tensor:
        """Raw log mel of clip i, a copy, (N_MELS, F)."""
        return torch.from_numpy(self.mel[self.span(i)].T.copy())

    def waveform(self, i: int) -> np.ndarray:
        """Samples of clip i as float32 in [-1, 1)."""
        return waveform_of(self.audio, int(self.clips["offset"].iloc[i]), int(self.clips["frames"].iloc[i]))

    def padded(self, rows: Sequence[int] | np.ndarray) -> tuple[Tensor, Tensor]:
        """Clips side by side, raw log mel, followed by silence, (B, F, N_MELS); and their frames, int64 (B,)."""
        frames_B = torch.from_numpy(self.frames[rows].astype(np.int64))
        mel_BFM = torch.full((len(rows), int(frames_B.max()), N_MELS), math.log(LOG_FLOOR))
        for mel_FM, i in zip(mel_BFM, rows, strict=True):
            mel_FM[: int(self.frames[i])] = torch.from_numpy(self.mel[self.span(i)].copy())
        return mel_BFM, frames_B


class Chain:
    """Long arrays one after another, each left where it is; a slice lies within one of them."""

    def __init__(self, parts: Sequence[np.ndarray]):
        self._parts = parts
        self._starts = np.cumsum([0, *(len(part) for part in parts)])

    def __len__(self) -> int:
        return int(self._starts[-1])

    def __getitem__(self, rows: slice) -> np.ndarray:
        index = int(np.searchsorted(self._starts, rows.start, side="right")) - 1
        start = int(self._starts[index])
        assert rows.stop <= self._starts[index + 1], "a clip lies in one corpus"
        return self._parts[index][rows.start - start : rows.stop - start]


def waveform_of(audio: np.ndarray, offset: int, samples: int) -> np.ndarray:
    """A clip of the packed int16 audio as float32 in [-1, 1)."""
    return audio[offset : offset + samples].astype(np.float32) * _INT16_SCALE


def frame_table(clips: "pd.DataFrame") -> "pd.DataFrame":
    """The table of clip_id, offset and frames that belongs to a clip table."""
    frames = clips["frames"].map(frames_of).to_numpy(np.int64)
    offsets = np.cumsum(frames) - frames
    return clips[["clip_id"]].assign(offset=offsets, frames=frames).reset_index(drop=True)
