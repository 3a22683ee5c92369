"""One pass gives what each feature gives alone, whatever the number of workers."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from affekt.core.errors import UserError
from affekt.core.files import read_json, save_array, save_table, sha256_file
from affekt.core.params import FeaturesParams
from affekt.features.extract import GROUP, extract
from affekt.features.f0 import track_f0
from affekt.features.mel import SAMPLE_RATE, log_mel
from affekt.features.mfcc import mfcc
from affekt.features.packed import Packed
from affekt.features.speaker import embed_speakers, load_encoder

PARAMS = FeaturesParams(n_mfcc=13, f0_min_hz=70.0, f0_max_hz=500.0, workers=1)
FILES = ("mel.npy", "mfcc.npy", "f0.npy", "speaker.npy", "frames.parquet", "stats.json")


def prepare(folder: Path, lengths: list[int]) -> Path:
    """Clips of two harmonics at other pitches, halves in turn."""
    count = len(lengths)
    time = [np.arange(length) / SAMPLE_RATE for length in lengths]
    tones = [np.sin(np.outer([1, 2, 3], 2 * np.pi * (100 + 5 * i) * t)).sum(0) for i, t in enumerate(time)]
    save_array(folder / "audio.npy", np.concatenate([(4000 * tone).astype(np.int16) for tone in tones]))
    clips = pd.DataFrame(
        {
            "clip_id": [f"clip-{i:02d}" for i in range(count)],
            "offset": np.cumsum([0, *lengths[:-1]]),
            "frames": lengths,
            "rate": SAMPLE_RATE,
            "half": ["ab"[i % 2] for i in range(count)],
        }
    )
    save_table(folder / "clips.parquet", clips)
    return folder


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """Prepared clips of two groups, and their features by one worker and by two."""
    root = tmp_path_factory.mktemp("extract")
    prepared = prepare(root / "prepared", [6000 + 97 * i for i in range(GROUP + 3)])
    extract(prepared, root / "one", PARAMS)
    extract(prepared, root / "two", PARAMS.model_copy(update={"workers": 2}))
    return prepared, root / "one", root / "two"


def test_same_to_the_bit_for_any_number_of_workers(folders: tuple[Path, Path, Path]) -> None:
    _, one, two = folders
    assert sorted(path.name for path in one.iterdir()) == sorted(FILES)
    assert [sha256_file(one / name) for name in FILES] == [sha256_file(two / name) for name in FILES]


def test_each_clip_has_its_features(folders: tuple[Path, Path, Path]) -> None:
    packed = Packed.load(*folders[:2])
    encoder = load_encoder()
    for i in (0, 7, GROUP, GROUP + 2):
        waveform, rows = packed.waveform(i), packed.span(i)
        mel = log_mel(torch.from_numpy(waveform))
        torch.testing.assert_close(packed.clip_mel(i), mel, atol=1e-4, rtol=0)
        np.testing.assert_allclose(packed.mfcc[rows].T, mfcc(mel, 13), atol=1e-3)
        np.testing.assert_array_equal(packed.f0[rows], track_f0(waveform, 70.0, 500.0))
        assert packed.f0[rows].max() == pytest.approx(100 + 5 * i, rel=0.01)
        np.testing.assert_allclose(packed.speaker[i], embed_speakers(encoder, [waveform])[0], atol=1e-5)


def test_statistics_are_of_half_a(folders: tuple[Path, Path, Path]) -> None:
    packed = Packed.load(*folders[:2])
    stats = read_json(folders[1] / "stats.json")
    half = np.concatenate([packed.mel[packed.span(i)] for i in range(0, len(packed), 2)])
    np.testing.assert_allclose(stats["half_a/mel_mean"], half.mean(0, dtype=np.float64), atol=1e-6)
    np.testing.assert_allclose(stats["half_a/mel_sd"], half.std(0, dtype=np.float64), atol=1e-6)
    assert stats["clips"] == GROUP + 3
    assert stats["half_a/clips"] == (GROUP + 4) // 2
    assert stats["half_a/frames"] == len(half)
    assert stats["voiced"] > 0.7


def test_a_bad_clip_ends_the_pass(tmp_path: Path) -> None:
    prepared = prepare(tmp_path / "prepared", [6000, 400])
    with pytest.raises(UserError, match="400 samples is too short"):
        extract(prepared, tmp_path / "out", PARAMS)
