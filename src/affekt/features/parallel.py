"""Clips in which one speaker says one statement in several emotions, frame by frame beside each other.

Each clip is warped to the reference of its speaker and statement (features/alignment.py), and so any clip of a group to
any other of it by way of the reference: one warp a clip, not one a pair.

Axes: B clips, G members of a group, F frames, M mel bands.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from affekt.core.errors import UserError
from affekt.corpora.table import EMOTIONS
from affekt.features.alignment import describe, find_references, place_frames
from affekt.features.continuous import without_gaps
from affekt.features.packed import Packed

SMOOTH = 9  # frames (0.1 s) over which a warp is averaged: one of dynamic programming goes by steps
LEAST_SLOPE = 0.1  # of a warp: no time stands still


@dataclass(frozen=True)
class Parallel:
    """Whole clips on the device, their f0, and where each of their frames lies in their group's statement."""

    mel_BFM: Tensor  # raw log mels (clips, longest, 80), silence beyond a clip's end
    f0_BF: Tensor  # Hz, 0 where unvoiced
    melody_BF: Tensor  # f0 without gaps
    place_BF: Tensor  # 0 at a clip's first frame, 1 at its last, rising strictly
    frames_B: Tensor
    group_B: np.ndarray  # index of (speaker, statement)
    emotion_B: np.ndarray  # index of EMOTIONS
    intensity_B: np.ndarray  # 1 where strong

    @classmethod
    def of(cls, packed: Packed, rows: np.ndarray, device: torch.device) -> "Parallel":
        """Take these rows of a packed corpus and align each to its speaker's reference of its statement."""
        if len(rows) == 0:
            raise UserError("a translator has no clips to learn from: check the splits of the corpus")
        clips = packed.clips.iloc[rows]
        keys = (clips["speaker"] + " " + clips["statement"]).to_numpy(str)
        names, group_B = np.unique(keys, return_inverse=True)
        mel_BFM, frames_B = packed.padded(rows)
        f0_BF, melody_BF, place_BF = (torch.zeros(mel_BFM.shape[:2]) for _ in range(3))
        for group in range(len(names)):
            members = np.flatnonzero(group_B == group)
            (reference,) = find_references(packed, rows[members]).values()
            target_DF = describe(packed.mel[packed.span(reference)])
            for i in members:
                span, n = packed.span(int(rows[i])), int(frames_B[i])
                place_BF[i, :n] = torch.from_numpy(rising(place_frames(packed.mel[span], target_DF)))
                f0_BF[i, :n] = torch.from_numpy(packed.f0[span].copy())
                melody_BF[i, :n] = torch.from_numpy(without_gaps(packed.f0[span]))
        return cls(
            mel_BFM=mel_BFM.to(device),
            f0_BF=f0_BF.to(device),
            melody_BF=melody_BF.to(device),
            place_BF=place_BF.to(device),
            frames_B=frames_B.to(device),
            group_B=group_B,
            emotion_B=clips["emotion"].map(EMOTIONS.index).to_numpy(np.int64),
            intensity_B=(clips["intensity"] == "strong").to_numpy(np.int64),
        )

    def choose(self, source: int, emotion: int, intensity: int, pick: float) -> int:
        """Choose a clip of the source's group with this emotion, of this intensity if there is one; pick in [0, 1).

        Where the speaker does not say the statement so, the clip itself.
        """
        members = np.flatnonzero((self.group_B == self.group_B[source]) & (self.emotion_B == emotion))
        alike = members[self.intensity_B[members] == intensity]
        members = alike if len(alike) else members
        return int(members[int(pick * len(members))]) if len(members) else source


def rising(place_F: np.ndarray) -> np.ndarray:
    """Smooth a warp and make it rise strictly from 0 to 1; float32 (F,)."""
    padded = np.pad(place_F.astype(np.float64), SMOOTH // 2, mode="reflect", reflect_type="odd")
    smooth = np.convolve(padded, np.full(SMOOTH, 1 / SMOOTH), mode="valid")
    step = np.maximum(np.diff(smooth), LEAST_SLOPE / len(place_F))
    whole = np.concatenate([[0.0], np.cumsum(step)])
    return (whole / whole[-1]).astype(np.float32)
