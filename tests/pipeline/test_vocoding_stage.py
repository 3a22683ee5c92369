"""WaveGlow trains on half a alone, and every vocoder is measured on half b."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch
from fake_stage import FakeStage

from affekt.core.files import read_json, save_array, save_table
from affekt.core.params import Section, VocodingParams, WaveGlowParams
from affekt.evaluate.vocoding import SYSTEMS
from affekt.features.mel import HOP_LENGTH, SAMPLE_RATE
from affekt.models.io import load_model, save_model
from affekt.models.vocoder import IstftVocoder
from affekt.models.waveglow import WaveGlow
from pipeline import vocoding, waveglow

SECTIONS: dict[type, Section] = {
    VocodingParams: VocodingParams(clips=2, griffin_lim_iterations=4),
    WaveGlowParams: WaveGlowParams(
        channels=4, layers=1, flows=2, condition=4, sigma=0.5, steps=50, batch=2, segment_frames=16, lr=0.01, bf16=False
    ),
}
SAMPLES = 20_000


def voice(f0_hz: float, level: float) -> np.ndarray:
    t = np.arange(SAMPLES) / SAMPLE_RATE
    sound = sum(np.sin(2 * np.pi * k * f0_hz * t) / k for k in range(1, 30)) * (0.6 + 0.4 * np.sin(2 * np.pi * 3 * t))
    return np.round(level * sound * 32767).astype(np.int16)


def write_corpus(folder: Path, loud_b: float) -> None:
    """Two speakers in each half, one emotion each."""
    halves = ["a", "b", "a", "b"]
    clips = pd.DataFrame(
        {
            "clip_id": list("wxyz"),
            "speaker": ["s1", "s2", "s3", "s4"],
            "half": halves,
            "emotion": ["happy", "sad", "sad", "happy"],
            "statement": "kids",
            "intensity": "normal",
            "offset": np.arange(4) * SAMPLES,
            "frames": SAMPLES,
        }
    )
    folder.mkdir(parents=True)
    save_table(folder / "clips.parquet", clips)
    audio = [voice(110 + 20 * i, 0.1 if half == "a" else loud_b) for i, half in enumerate(halves)]
    save_array(folder / "audio.npy", np.concatenate(audio))


def train(root: Path, loud_b: float) -> Path:
    """The folder of models/ that the stage writes."""
    for name in ("prepared", "reading_prepared"):
        write_corpus(root / "deps" / name, loud_b)
    stage = FakeStage(root / "deps", root, SECTIONS)
    waveglow.main(stage)  # type: ignore[arg-type]
    loss = [metrics["loss/waveglow"] for metrics, _ in stage.logged]
    assert np.mean(loss[-2:]) < loss[0]  # of other segments each
    return stage.out("waveglow")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(tmp_path_factory.mktemp("trained"), loud_b=0.1)


def test_the_network_is_kept_with_its_size_and_sigma(trained: Path) -> None:
    network = load_model(trained, WaveGlow, torch.device("cpu"))
    assert network.sigma == 0.5
    assert len(network.couplings) == 2
    assert read_json(trained / "history.json")["step"] == [9.0, 19.0, 29.0, 39.0, 49.0]


def test_it_trains_on_half_a_alone(trained: Path, tmp_path: Path) -> None:
    """Other sounds of half b leave every weight as it is."""
    again = train(tmp_path, loud_b=0.02)
    assert (again / "weights.safetensors").read_bytes() == (trained / "weights.safetensors").read_bytes()


@pytest.fixture(scope="module")
def measured(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[FakeStage, FakeStage]:
    """Two runs of the measurement on the same clips and networks."""
    root = tmp_path_factory.mktemp("measured")
    write_corpus(root / "deps" / "prepared", 0.1)
    (root / "deps" / "waveglow").symlink_to(trained)
    torch.manual_seed(0)
    config = {"channels": 8, "blocks": 1}
    save_model(root / "deps" / "vocoder", IstftVocoder(**config), config, {})
    both = FakeStage(root / "deps", root / "one", SECTIONS), FakeStage(root / "deps", root / "two", SECTIONS)
    for stage in both:
        vocoding.main(stage)  # type: ignore[arg-type]
    return both


def test_every_system_has_every_measure_and_no_clock_is_read(measured: tuple[FakeStage, FakeStage]) -> None:
    metrics = read_json(measured[0].out("vocoding.json"))
    assert metrics["vocoder/clips"] == 2
    for system in SYSTEMS:
        found = {key.rpartition("/")[2] for key in metrics if key.startswith(f"vocoder/{system}/")}
        assert found - {"iterations", "pesq_undefined", "stoi_undefined", "f0_cents_undefined"} >= {
            "mel_l1", "stft", "voicing_error", "mos",
        }  # fmt: skip
        assert "x_realtime" not in found
    assert all(np.isfinite(value) for value in metrics.values())
    assert metrics["vocoder/istft/mel_l1"] < metrics["vocoder/waveglow/mel_l1"], "twelve steps are no training"
    assert measured[0].logged == [(metrics, 0)]


def test_the_sounds_are_of_half_b_and_each_systems_own(measured: tuple[FakeStage, FakeStage]) -> None:
    parts = measured[0].out("vocoding")
    index = read_json(parts / "index.json")
    assert [row["clip_id"] for row in index] == ["x", "z"]
    for row in index:
        sounds = {name: soundfile.read(parts / row[name])[0] for name in ("real", *SYSTEMS)}
        assert {len(sound) for sound in sounds.values()} == {SAMPLES // HOP_LENGTH * HOP_LENGTH}
        assert len({sound.tobytes() for sound in sounds.values()}) == 1 + len(SYSTEMS)
    assert measured[0].artifacts == [parts]


def test_two_runs_give_the_same_bytes(measured: tuple[FakeStage, FakeStage]) -> None:
    first, second = (stage.bytes_of_outs() for stage in measured)
    assert len(first) > 8
    assert first == second
