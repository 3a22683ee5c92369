"""A few synthetic clips under the demo's names, as bench/speech.py packs them: no eSpeak, milliseconds."""

from itertools import islice
from pathlib import Path

import numpy as np

from affekt.corpora.demo import design
from affekt.corpora.wav import write_wav
from affekt.features.mel import SAMPLE_RATE
from bench.speech import Speech, pack


def make_speech(folder: Path, clips: int = 6, shortest_s: float = 0.8) -> Speech:
    """Buzzes with noise, each a tenth of a second longer than the one before."""
    rng = np.random.default_rng(0)
    for i, name in enumerate(islice(design([1], ["01"], 1), clips)):
        time = np.arange(round((shortest_s + 0.1 * i) * SAMPLE_RATE)) / SAMPLE_RATE
        buzz = sum(np.sin(2 * np.pi * (110 + 10 * i) * k * time) / k for k in range(1, 20))
        path = folder / f"{name.path}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_wav(path, 0.1 * buzz + 0.01 * rng.standard_normal(len(time)))
    return pack(sorted(folder.rglob("*.wav")), folder)
