"""The stage dreams every block on clips of both genders, measures each, and writes what the page shows."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch
from fake_stage import FakeStage

from affekt.core.files import read_json, save_array, save_table
from affekt.core.params import DreamParams
from affekt.models.io import save_model
from affekt.models.spectrogram_net import SpectrogramResNet
from pipeline import dream

PARAMS = DreamParams(
    network="gender_fast", clips=2, seconds=0.5, octaves=2, ratio=1.4, iterations=2, step=0.01, tile_frames=64,
    jitter_frames=16, jitter_bins=0, grid_layers=["block2", "block5"], grid_octaves=[1, 2], grid_steps=[0.005],
)  # fmt: skip


@pytest.fixture(scope="module")
def stages(tmp_path_factory: pytest.TempPathFactory) -> tuple[FakeStage, FakeStage]:
    """Two runs of the stage on the same corpus of four clips, one shorter than the half second asked for."""
    root = tmp_path_factory.mktemp("stage")
    torch.manual_seed(0)
    config: dict[str, Any] = {"n_fft": 512, "hop_length": 128, "channels": 2}
    save_model(root / "gender_fast", SpectrogramResNet(**config), config, {})
    frames = np.array([12000, 12000, 12000, 10000])
    rng = np.random.default_rng(0)
    clips = pd.DataFrame(
        {
            "clip_id": ["a", "b", "c", "d"],
            "speaker": ["s1", "s1", "s2", "s3"],
            "gender": ["f", "f", "f", "m"],
            "frames": frames,
            "offset": np.cumsum(frames) - frames,
        }
    )
    (root / "prepared").mkdir()
    save_table(root / "prepared" / "clips.parquet", clips)
    save_array(root / "prepared" / "audio.npy", (3000 * rng.standard_normal(frames.sum())).astype(np.int16))
    both = FakeStage(root, root / "one", {DreamParams: PARAMS}), FakeStage(root, root / "two", {DreamParams: PARAMS})
    for stage in both:
        dream.main(stage)  # type: ignore[arg-type]
    return both


def test_every_block_and_every_point_of_the_grid_is_measured(stages: tuple[FakeStage, FakeStage]) -> None:
    metrics = read_json(stages[0].out("dream.json"))
    assert metrics["dream/clips"] == 2
    assert metrics["dream/seconds"] == pytest.approx(10000 / 22050), "as long as the shortest chosen clip"
    assert metrics["dream/snr_zero_db"] > 100
    names = [f"block{i}" for i in range(1, 10)] + [
        f"grid/{layer}/octaves_{octaves}/step_0.005" for layer in ("block2", "block5") for octaves in (1, 2)
    ]
    figures = {"activation_before", "activation_after", "activation_rose", "gender_before", "gender_after"}
    for name in names:
        assert {key.rpartition("/")[2] for key in metrics if key.startswith(f"dream/{name}/")} == figures | {
            "peak",
            "snr_db",
        }
    assert len(metrics) == 3 + 7 * len(names)
    assert all(np.isfinite(value) for value in metrics.values())


def test_sounds_spectrograms_and_index_are_there(stages: tuple[FakeStage, FakeStage]) -> None:
    parts = stages[0].out("dream")
    index = read_json(parts / "index.json")
    assert (index["clips"], index["gender"]) == (["a", "d"], ["f", "m"])
    assert len(index["sounds"]) == 2 + 9 * 2 + 4
    for row in index["sounds"]:
        info = soundfile.info(parts / row["audio"])
        assert (info.samplerate, info.frames) == (22050, 10000)
        assert np.abs(soundfile.read(parts / row["audio"])[0]).max() < 1
        root_KF = np.load(parts / row["spectrogram"], allow_pickle=False)
        assert root_KF.shape == (257, 10000 // 128 + 1)
        assert np.isfinite(root_KF).all()
        assert root_KF.min() >= 0
        if row["dream"] != "before":
            assert [len(octave) for octave in row["activation"]] == [3] * row["octaves"]
    assert stages[0].artifacts == [parts]


def test_two_runs_give_the_same_bytes(stages: tuple[FakeStage, FakeStage]) -> None:
    first, second = (stage.bytes_of_outs() for stage in stages)
    assert len(first) > 10
    assert first == second
