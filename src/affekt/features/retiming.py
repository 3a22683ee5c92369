"""Speaking faster and slower: frames read at other times. Axes: M mel bands, F frames, G frames of what comes out."""

import numpy as np
import torch
from torch import Tensor


def times_of(stretch_F: np.ndarray) -> np.ndarray:
    """Return where to read each frame of a clip whose frame t is to last exp(stretch_F[t]) frames; float64 (G,).

    Stretch is natural-log: 0 leaves the frames where they are. There is at least one frame.
    """
    length_F = np.exp(stretch_F.astype(np.float64))
    # The middle of frame t comes to lie at `middle_F[t]`; the first frame's at 0.
    middle_F = np.cumsum(length_F) - length_F / 2
    middle_F -= middle_F[0]
    frames = max(1, round(float(length_F.sum())))
    return np.interp(np.arange(frames), middle_F, np.arange(len(stretch_F), dtype=np.float64))


def read_frames(x_CF: Tensor, time_G: np.ndarray) -> Tensor:
    """Read the frames of anything (C, F) at fractional times, linearly; (C, G)."""
    low_G = np.floor(time_G).astype(np.int64)
    high_G = np.minimum(low_G + 1, x_CF.shape[-1] - 1)
    part_G = torch.from_numpy((time_G - low_G).astype(np.float32)).to(x_CF.device)
    low, high = (torch.from_numpy(index).to(x_CF.device) for index in (low_G, high_G))
    return x_CF[..., low] * (1 - part_G) + x_CF[..., high] * part_G
