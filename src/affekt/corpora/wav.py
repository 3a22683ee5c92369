"""Writing audio as the project keeps it."""

from pathlib import Path

import numpy as np

from affekt.core.files import atomic_path
from affekt.corpora.table import SAMPLE_RATE


def write_wav(path: Path, samples: np.ndarray) -> None:
    """Write mono float samples at 22,050 Hz as a 16-bit WAV, whole or not at all; beyond -1 to 1 they are clipped."""
    import soundfile

    with atomic_path(path) as temporary:
        soundfile.write(temporary, np.clip(samples, -1, 1), SAMPLE_RATE, subtype="PCM_16", format="WAV")
