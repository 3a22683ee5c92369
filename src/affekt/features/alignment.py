"""Where in its statement each frame of a clip lies: dynamic time warping to a reference clip of that statement.

Sakoe & Chiba (1978) on cepstra. Axes: B clips, M mel bands, F frames, D coefficients.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from affekt.core.errors import UserError
from affekt.features.mfcc import mfcc
from affekt.features.packed import Packed

COEFFICIENTS = 13
REACH = 3  # frames to either side, of the differences over time
STEP = 2  # frames: a path on every second one costs a quarter, and a part of a statement has 10 frames or more
SMALLEST = 1e-6  # length of a vector that is made a unit vector
OUTSIDE = -1  # the class of what lies beyond a clip


def find_references(packed: Packed, rows: np.ndarray) -> dict[str, int]:
    """Return a clip (its row) for each statement of these rows, in the order of the statements' names.

    It is the neutral clip of median length (the earlier one of two): spoken plainly, neither hurried nor drawn out, it
    has each sound, at about the share of time that others give to it, and the choice draws nothing. A statement that no
    one speaks in neutral takes it among all its clips.
    """
    statements = packed.clips["statement"].to_numpy()[rows]
    return {str(name): _medoid(packed, rows[statements == name]) for name in sorted(set(statements))}


def _medoid(packed: Packed, rows: np.ndarray) -> int:
    neutral = rows[(packed.clips["emotion"].iloc[rows] == "neutral").to_numpy()]
    candidates = neutral if len(neutral) else rows
    frames = packed.frames[candidates]
    return int(candidates[np.abs(frames[:, None] - frames[None]).sum(1).argmin()])


def describe(mel_FM: np.ndarray) -> np.ndarray:
    """Return cepstra of a raw log mel and their differences over time as unit vectors (2 D, F / STEP).

    The clip's mean is taken out: neither level nor microphone nor the average of a voice counts.
    """
    cepstrum_DF = mfcc(torch.from_numpy(np.array(mel_FM.T)), COEFFICIENTS).numpy()
    cepstrum_DF = cepstrum_DF - cepstrum_DF.mean(1, keepdims=True)
    frame = np.arange(cepstrum_DF.shape[1])
    after, before = np.minimum(frame + REACH, frame[-1]), np.maximum(frame - REACH, 0)
    found = np.concatenate([cepstrum_DF, cepstrum_DF[:, after] - cepstrum_DF[:, before]])[:, ::STEP]
    return found / np.maximum(np.linalg.norm(found, axis=0), SMALLEST)


def warp(clip_DF: np.ndarray, reference_DF: np.ndarray) -> np.ndarray:
    """Return for each column of a clip its place in the reference, in columns of it; float64 (F,), never falling.

    Columns are unit vectors, compared by their cosine. One that stays for several of the reference lies at their mean.
    """
    from librosa.sequence import dtw

    _, path = dtw(C=1 - clip_DF.T @ reference_DF)
    count = np.bincount(path[:, 0], minlength=clip_DF.shape[1])
    return np.bincount(path[:, 0], weights=path[:, 1], minlength=clip_DF.shape[1]) / count


def place_frames(mel_FM: np.ndarray, reference_DF: np.ndarray) -> np.ndarray:
    """Return the place of each frame of a raw log mel in its statement, from 0 (start) to 1 (end); float32 (F,)."""
    on_path = (warp(describe(mel_FM), reference_DF) + 0.5) / reference_DF.shape[1]
    frames = np.arange(len(mel_FM))
    return np.interp(frames, frames[::STEP], on_path).astype(np.float32)


@dataclass(frozen=True)
class Aligned:
    """Whole mels side by side on the device, with the statement of each clip and the place of each frame in it."""

    mel_BFM: Tensor  # raw log-mels (clips, longest, 80)
    frames_B: Tensor
    statement_B: Tensor  # int64, index of the statement
    place_BF: Tensor  # float32 in [0, 1)

    @classmethod
    def of(cls, packed: Packed, rows: np.ndarray, references: Mapping[str, int], device: torch.device) -> "Aligned":
        """Align these rows of a packed corpus to the references of their statements."""
        statements = packed.clips["statement"].iloc[rows].tolist()
        known = list(references)
        unknown = sorted(set(statements) - set(known))
        if unknown or not statements:
            what = f"statement {unknown[0]!r} is not among {', '.join(known)}" if unknown else "there is no clip"
            raise UserError(f"alignment: {what}; check the splits of the corpus: both halves need all statements")
        mel_BFM, frames_B = packed.padded(rows)
        of_statement = {name: describe(packed.mel[packed.span(row)]) for name, row in references.items()}
        place_BF = torch.zeros(mel_BFM.shape[:2])
        for place_F, row, name in zip(place_BF, rows, statements, strict=True):
            found = place_frames(packed.mel[packed.span(int(row))], of_statement[name])
            place_F[: len(found)] = torch.from_numpy(found)
        statement_B = torch.tensor([known.index(name) for name in statements])
        return cls(*(x.to(device) for x in (mel_BFM, frames_B, statement_B, place_BF)))

    def lengths(self) -> Tensor:
        """Frames of each clip."""
        return self.frames_B

    def whole(self, rows_B: Tensor) -> tuple[Tensor, Tensor]:
        """Return whole clips as a network takes them, padded to the longest, and their lengths."""
        frames_B = self.frames_B[rows_B]
        return self.mel_BFM[rows_B, : int(frames_B.max())].transpose(1, 2), frames_B


def classes_of(statement_B: Tensor, place_BF: Tensor, inside_BF: Tensor, segments: int) -> Tensor:
    """Return the class statement * segments + part of places in a statement (B, F); OUTSIDE where not `inside_BF`."""
    part_BF = (place_BF * segments).long().clamp(0, segments - 1)
    return torch.where(inside_BF, statement_B[:, None] * segments + part_BF, OUTSIDE)
