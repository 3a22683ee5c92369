"""A melody without gaps: f0 where there is none is read between its neighbours. Axes: B clips, F frames."""

import numpy as np

NO_VOICE_HZ = 150.0  # a clip that is nowhere voiced has a melody all the same, which nothing hears


def without_gaps(f0_F: np.ndarray) -> np.ndarray:
    """Return f0 in Hz with unvoiced frames (0) filled along the logarithm, constant at both ends; float32 (F,)."""
    voiced = np.flatnonzero(f0_F > 0)
    if len(voiced) == 0:
        return np.full(len(f0_F), NO_VOICE_HZ, np.float32)
    octave_F = np.interp(np.arange(len(f0_F)), voiced, np.log2(f0_F[voiced]))
    return np.exp2(octave_F).astype(np.float32)
