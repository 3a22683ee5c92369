"""Random segments of packed audio, read from the disk as they are drawn.

Axes: B batch, T samples.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from affekt.core.files import load_array, load_table

FULL_SCALE = 32768


@dataclass(frozen=True)
class PackedAudio:
    """Clips back to back in one array of int16, which may be a memory map; `offsets` and `frames` in samples."""

    audio_T: np.ndarray
    offsets: np.ndarray
    frames: np.ndarray


def training_half(folder: Path) -> PackedAudio:
    """The clips of half a of a prepared corpus; their audio stays on the disk."""
    clips = load_table(folder / "clips.parquet")
    clips = clips[clips["half"] == "a"]
    return PackedAudio(load_array(folder / "audio.npy"), clips["offset"].to_numpy(), clips["frames"].to_numpy())


class Segments:
    """Draws segments of several corpora, each sample of which is as likely to be heard as any other."""

    def __init__(self, corpora: Sequence[PackedAudio]):
        self.corpora = corpora
        self.source_N = np.repeat(np.arange(len(corpora)), [len(corpus.offsets) for corpus in corpora])
        self.offset_N = np.concatenate([np.asarray(corpus.offsets, np.int64) for corpus in corpora])
        self.frames_N = np.concatenate([np.asarray(corpus.frames, np.int64) for corpus in corpora])
        self.ends_N = torch.from_numpy(self.frames_N.cumsum())

    def __len__(self) -> int:
        return len(self.offset_N)

    def draw(self, count: int, samples: int, rng: torch.Generator) -> Tensor:
        """Draw `count` segments as (B, T) in -1..1; a clip shorter than a segment is followed by silence."""
        heard_B = torch.rand(count, generator=rng, dtype=torch.float64) * self.ends_N[-1]
        clip_B = torch.searchsorted(self.ends_N, heard_B.long(), right=True).tolist()
        start_B = torch.rand(count, generator=rng, dtype=torch.float64).tolist()
        segments_BT = np.zeros((count, samples), np.float32)
        for segment_T, clip, start in zip(segments_BT, clip_B, start_B, strict=True):
            frames, length = int(self.frames_N[clip]), min(samples, int(self.frames_N[clip]))
            first = int(self.offset_N[clip]) + int(start * (frames - length + 1))
            segment_T[:length] = self.corpora[self.source_N[clip]].audio_T[first : first + length]
        return torch.from_numpy(segments_BT / FULL_SCALE)
