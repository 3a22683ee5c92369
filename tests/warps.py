"""The frames of one parallel clip that say what another's do, one pair at a time: what batches are held against."""

import numpy as np

from affekt.features.parallel import Parallel


def warped_times(clips: Parallel, source: int, target: int) -> np.ndarray:
    """Return the frame of `target` that says what each frame of `source` says, float64 (F,), rising."""
    place_F, onto_F = (clips.place_BF[i, : int(clips.frames_B[i])].cpu().numpy() for i in (source, target))
    return np.interp(place_F, onto_F, np.arange(len(onto_F), dtype=np.float64))


def even_times(clips: Parallel, source: int, target: int) -> np.ndarray:
    """Return the frames of `target`, stretched evenly to the length of `source`; float64 (F,)."""
    frames, onto = (int(clips.frames_B[i]) for i in (source, target))
    return np.linspace(0, onto - 1, frames)
