from pathlib import Path

import numpy as np
import pytest
import torch

from affekt.core.errors import UserError
from affekt.core.files import load_array, save_array
from affekt.training.segments import Segments


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_segments_lie_within_the_given_clips_and_all_places_are_drawn() -> None:
    ramp_T = np.arange(1000, dtype=np.int16)
    segments = Segments(ramp_T, np.array([100, 600]), np.array([50, 200]), 40)
    drawn_BT = segments.draw(600, rng())
    assert drawn_BT.shape == (600, 40)
    assert drawn_BT.dtype == torch.float32
    ratio_B = drawn_BT[:, 39] / drawn_BT[:, 0]  # free of the gain; (start + 39) / start
    start_B = (39 / (ratio_B - 1)).round().long()
    assert set(start_B[start_B < 300].tolist()) == set(range(100, 111))
    assert start_B[start_B > 300].min() >= 600
    assert start_B[start_B > 300].max() <= 760
    level_B = drawn_BT[:, 0] * 32768 / start_B
    assert 0.5 < float(level_B.min()) < 0.55  # 6 dB down
    assert 1.9 < float(level_B.max()) < 2.0


def test_what_is_drawn_from_a_mapped_file_is_what_is_drawn_from_memory(tmp_path: Path) -> None:
    audio_T = np.random.default_rng(0).integers(-3000, 3000, 5000).astype(np.int16)
    save_array(tmp_path / "audio.npy", audio_T)
    mapped = load_array(tmp_path / "audio.npy")
    assert isinstance(mapped, np.memmap)
    both = [Segments(array, np.array([0, 3000]), np.array([3000, 2000]), 512) for array in (mapped, audio_T)]
    assert both[0].audio_T is mapped
    assert torch.equal(*(segments.draw(8, rng()) for segments in both))
    assert not torch.equal(*(both[0].draw(8, rng(seed)) for seed in (1, 2)))


def test_after_a_short_clip_follows_silence() -> None:
    segments = Segments(np.full(1000, 9000, np.int16), np.array([10]), np.array([30]), 100)
    drawn_BT = segments.draw(4, rng())
    assert (drawn_BT[:, :30] > 0.1).all()
    assert not drawn_BT[:, 30:].any()


def test_without_a_clip_there_is_nothing_to_draw() -> None:
    with pytest.raises(UserError, match="no clip to train on"):
        Segments(np.zeros(10, np.int16), np.array([]), np.array([]), 5)
