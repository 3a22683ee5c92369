"""Whole clips of a packed corpus side by side, with their labels.

Axes: B clips, F frames of the longest, M mel bands.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from affekt.core.errors import UserError
from affekt.corpora.table import EMOTIONS
from affekt.features.packed import Packed


@dataclass(frozen=True)
class Clips:
    """Whole clips side by side on the device."""

    mel_BFM: Tensor  # raw log-mels (clips, longest, 80)
    frames_B: Tensor
    label_B: Tensor

    @classmethod
    def of(cls, packed: Packed, rows: np.ndarray, device: torch.device) -> "Clips":
        """Take these rows of a packed corpus."""
        if len(rows) == 0:
            raise UserError("a recogniser has no clips: check the splits of the corpus")
        mel_BMF, frames_B = packed.padded(rows)
        labels = [EMOTIONS.index(emotion) for emotion in packed.clips["emotion"].iloc[rows]]
        return cls(
            mel_BMF.transpose(1, 2).contiguous().to(device), frames_B.to(device), torch.tensor(labels).to(device)
        )

    @classmethod
    def of_half(cls, packed: Packed, half: str, device: torch.device) -> "Clips":
        """Take the clips of one half of the speakers."""
        return cls.of(packed, np.flatnonzero(packed.clips["half"].to_numpy() == half), device)
