"""Segments come from all corpora alike, from their clips alone, and without the corpora entering memory."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from affekt.core.files import save_array, save_table
from affekt.training.segments import FULL_SCALE, PackedAudio, Segments, training_half

MEASURE = """
import sys
from pathlib import Path
import torch
from affekt.training.segments import Segments, training_half
segments = Segments([training_half(Path(sys.argv[1]))])
for step in range(20):
    segments.draw(8, 16000, torch.Generator().manual_seed(step))
print(Path("/proc/self/status").read_text())
"""


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def constant(level: int, *frames: int) -> PackedAudio:
    offsets = np.concatenate([[0], np.cumsum(frames)[:-1]])
    return PackedAudio(np.full(sum(frames), level, np.int16), offsets, np.array(frames))


def test_every_sample_is_as_likely() -> None:
    segments = Segments([constant(1, 1_000, 3_000), constant(2, 12_000)])
    assert len(segments) == 3
    level_B = segments.draw(4_000, 10, rng())[:, 0] * FULL_SCALE
    assert float((level_B == 2).float().mean()) == pytest.approx(0.75, abs=0.03)


def test_starts_reach_both_ends_and_no_further() -> None:
    ramp_T = np.arange(100, dtype=np.int16)
    drawn_BT = Segments([PackedAudio(ramp_T, np.array([20]), np.array([50]))]).draw(2_000, 10, rng()) * FULL_SCALE
    assert set(drawn_BT[:, 0].int().tolist()) == set(range(20, 61))
    assert torch.equal(drawn_BT.diff(dim=1), torch.ones(2_000, 9))


def test_a_segment_never_runs_into_the_next_clip() -> None:
    audio_T = np.concatenate([np.full(30, 5, np.int16), np.full(30, 9, np.int16)])
    for segment_T in Segments([PackedAudio(audio_T, np.array([0, 30]), np.array([30, 30]))]).draw(200, 40, rng()):
        assert len(set(segment_T[:30].tolist())) == 1
        assert not segment_T[30:].any()


def write_corpus(folder: Path, samples: int) -> Path:
    """Two clips of equal length, one of each half; the zeros of the file take no room on the disk."""
    folder.mkdir()
    audio_T = np.lib.format.open_memmap(folder / "audio.npy", "w+", np.int16, (samples,))
    audio_T[: samples // 2 : 997] = 7
    audio_T.flush()
    clips = {"clip_id": ["x", "y"], "half": ["b", "a"], "offset": [0, samples // 2], "frames": [samples // 2] * 2}
    save_table(folder / "clips.parquet", pd.DataFrame(clips))
    return folder


def test_only_half_a_is_drawn(tmp_path: Path) -> None:
    audio_T = np.concatenate([np.full(500, 3, np.int16), np.full(500, 4, np.int16)])
    save_array(tmp_path / "audio.npy", audio_T)
    save_table(tmp_path / "clips.parquet", pd.DataFrame({"half": ["a", "b"], "offset": [0, 500], "frames": [500, 500]}))
    drawn_BT = Segments([training_half(tmp_path)]).draw(50, 100, rng()) * FULL_SCALE
    assert (drawn_BT == 3).all()


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's count of anonymous memory")
def test_memory_does_not_grow_with_the_corpus(tmp_path: Path) -> None:
    """Anonymous memory, that is without the pages of mapped files, which the system takes back when it wants."""
    used = []
    for name, samples in (("small", 1_000_000), ("large", 200_000_000)):  # 2 MB and 400 MB
        command = [sys.executable, "-c", MEASURE, str(write_corpus(tmp_path / name, samples))]
        status = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        used.append(int(re.search(r"RssAnon:\s+(\d+) kB", status)[1]))  # type: ignore[index]
    assert used[1] - used[0] < 20_000
