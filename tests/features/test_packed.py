"""What was packed comes back, clip by clip and padded."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from affekt.core.errors import UserError
from affekt.core.files import save_array, save_table
from affekt.features.mel import LOG_FLOOR, N_MELS, frames_of
from affekt.features.packed import Packed, frame_table

SAMPLES = [2560, 1000, 5121]


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Three clips whose features are numbers of their own."""
    rng = np.random.default_rng(0)
    prepared, features = tmp_path / "prepared", tmp_path / "features"
    clips = pd.DataFrame(
        {"clip_id": ["a", "b", "c"], "offset": np.cumsum([0, *SAMPLES[:-1]]), "frames": SAMPLES, "rate": 22050}
    )
    save_table(prepared / "clips.parquet", clips)
    save_array(prepared / "audio.npy", rng.integers(-32768, 32767, sum(SAMPLES)).astype(np.int16))
    table = frame_table(clips)
    save_table(features / "frames.parquet", table)
    total = int(table["frames"].sum())
    for name, shape in {"mel": (total, N_MELS), "mfcc": (total, 13), "f0": (total,), "speaker": (3, 256)}.items():
        save_array(features / f"{name}.npy", rng.normal(size=shape).astype(np.float32))
    return prepared, features


def test_clips_lie_back_to_back(folders: tuple[Path, Path]) -> None:
    packed = Packed.load(*folders)
    assert len(packed) == 3
    assert packed.frames.tolist() == [frames_of(samples) for samples in SAMPLES] == [11, 4, 21]
    assert packed.offsets.tolist() == [0, 11, 15]
    assert isinstance(packed.mel, np.memmap)
    np.testing.assert_array_equal(np.concatenate([packed.clip_mel(i).T for i in range(3)]), packed.mel)


def test_waveform_is_the_audio(folders: tuple[Path, Path]) -> None:
    packed = Packed.load(*folders)
    waveform = packed.waveform(1)
    assert waveform.dtype == np.float32
    assert np.abs(waveform).max() <= 1
    np.testing.assert_array_equal(waveform * 32768, packed.audio[2560:3560])


def test_padded_is_followed_by_silence(folders: tuple[Path, Path]) -> None:
    packed = Packed.load(*folders)
    mel, frames = packed.padded([2, 1])
    assert mel.shape == (2, 21, N_MELS)
    assert mel.is_contiguous()
    assert frames.tolist() == [21, 4]
    assert torch.equal(mel[1, :4].T, packed.clip_mel(1))
    assert torch.equal(mel[1, 4:], torch.full((17, N_MELS), math.log(LOG_FLOOR)))


def test_features_of_other_clips_are_refused(folders: tuple[Path, Path]) -> None:
    prepared, features = folders
    save_array(features / "f0.npy", np.zeros(35, np.float32))
    with pytest.raises(UserError, match="features of other clips"):
        Packed.load(prepared, features)


def test_joined_corpora_lie_one_after_another(folders: tuple[Path, Path]) -> None:
    """Here twice the same one: rows from 3 on are those of the second."""
    packed = Packed.load(*folders)
    assert Packed.join([packed]) is packed
    both = Packed.join([packed, packed])
    assert len(both) == 6
    assert both.clips["clip_id"].tolist() == ["a", "b", "c"] * 2
    assert both.clips.index.tolist() == list(range(6))
    for i in range(6):
        np.testing.assert_array_equal(both.waveform(i), packed.waveform(i % 3))
        assert torch.equal(both.clip_mel(i), packed.clip_mel(i % 3))
        np.testing.assert_array_equal(both.f0[both.span(i)], packed.f0[packed.span(i % 3)])
        np.testing.assert_array_equal(both.mfcc[both.span(i)], packed.mfcc[packed.span(i % 3)])
    np.testing.assert_array_equal(both.speaker, np.tile(packed.speaker, (2, 1)))
    assert packed.clips["offset"].tolist() == [0, 2560, 3560], "the parts are as they were"
    for name in ("audio", "mel", "mfcc", "f0"):
        part, whole = getattr(packed, name), getattr(both, name)
        assert len(whole) == 2 * len(part)
        assert np.shares_memory(whole[len(part) : len(part) + 5], part), "nothing long is copied"
    with pytest.raises(AssertionError, match="a clip lies in one corpus"):
        both.audio[len(packed.audio) - 1 : len(packed.audio) + 1]
