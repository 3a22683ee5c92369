"""`affekt recognise --network`: any recogniser of the registry names what it was trained to name."""

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from affekt.cli import networks
from affekt.cli.hearing import classify
from affekt.cli.main import main
from affekt.cli.networks import MODULES, VOICES, open_model
from affekt.core.errors import UserError
from affekt.corpora.table import EMOTIONS
from affekt.features.mel import log_mel
from affekt.models.io import save_model
from affekt.models.registry import CLASSES, NETWORKS

Record = Callable[..., Path]
CPU = torch.device("cpu")
KINDS = {name: "gender" if spec.labels == "gender" else "emotion" for name, spec in NETWORKS.items()}
NAMES = {name: tuple(VOICES.values()) if kind == "gender" else EMOTIONS for name, kind in KINDS.items()}


@pytest.fixture(scope="module")
def benchmark(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small network for each name of the registry."""
    folder = tmp_path_factory.mktemp("benchmark")
    for name, spec in NETWORKS.items():
        config = {"channels": 4, "classes": CLASSES[spec.labels], **dict(spec.config)}
        config |= {} if spec.input == "spectrogram" else {"layers": 1}
        torch.manual_seed(1)
        save_model(folder / name, spec.network(**config), config, {})
    return folder


@pytest.fixture
def clone(trained: Path, benchmark: Path) -> Path:
    """A clone whose benchmark has run too."""
    for name in NETWORKS:
        (trained / "models" / name).symlink_to(benchmark / name)
    return trained


@pytest.mark.usefixtures("clone")
@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_of_the_registry_hears_a_file(
    name: str, record: Record, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [record("short.wav", 0.5), record("long.ogg", 9.0, rate=44100)]
    assert main(["recognise", "--network", name, "--json", *map(str, paths)]) == 0
    for verdict, windows in zip(json.loads(capsys.readouterr().out), (1, 4), strict=True):
        assert list(verdict["probabilities"]) == list(NAMES[name])
        assert sum(verdict["probabilities"].values()) == pytest.approx(1)
        assert verdict[KINDS[name]] == max(verdict["probabilities"], key=verdict["probabilities"].get)
        assert len(verdict["windows"]) in (windows, windows + 1)
        for window in verdict["windows"]:
            assert window[KINDS[name]] in NAMES[name]
            assert sum(window["probabilities"].values()) == pytest.approx(1)


@pytest.mark.usefixtures("clone")
@pytest.mark.parametrize("name", ["audio_lstm", "gender_fast"])
def test_one_file_or_many_are_shown_on_a_terminal(
    name: str, record: Record, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [str(record("one.wav", 1.0)), str(record("two.wav", 2.0))]
    assert main(["recognise", "--network", name, *paths]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert rows[0].split()[2] == KINDS[name]
    assert [row.split()[0] for row in rows[-2:]] == paths
    for row in rows[-2:]:
        assert row.split()[3] in NAMES[name]
    assert main(["recognise", "--network", name, paths[0]]) == 0
    first, *bars = capsys.readouterr().out.splitlines()
    assert first.startswith(f"{paths[0]}: ")
    assert len(bars) == min(3, len(NAMES[name]))


def heard(path: Path, name: str, benchmark: Path) -> dict[str, float]:
    """The probabilities of a whole recording by a network."""
    wave = soundfile.read(path, dtype="float32")[0]
    return classify([wave], open_model(benchmark / name, CPU), CPU)[0]


@pytest.mark.parametrize("name", NETWORKS)
def test_padding_in_a_batch_changes_no_probability(name: str, benchmark: Path, record: Record) -> None:
    voice = soundfile.read(record("voice.wav", 3.0), dtype="float32")[0]
    model = open_model(benchmark / name, CPU)
    stretches = [voice, voice[:30000], voice[:12000]]
    for alone, row in zip(stretches, classify(stretches, model, CPU), strict=True):
        assert classify([alone], model, CPU)[0] == pytest.approx(row, abs=1e-4)


def test_an_emotion_is_the_sum_over_both_genders(benchmark: Path, record: Record) -> None:
    path = record("voice.wav", 1.5)
    wave_BT = torch.from_numpy(soundfile.read(path, dtype="float32")[0])[None]
    with torch.no_grad():
        both = open_model(benchmark / "mfcc_cnn", CPU)(log_mel(wave_BT)).softmax(-1)[0].reshape(8, 2)
    assert list(heard(path, "mfcc_cnn", benchmark).values()) == pytest.approx(both.sum(1).tolist(), abs=1e-5)


def test_the_networks_differ(benchmark: Path, record: Record) -> None:
    path = record("voice.wav", 1.5)
    found = {name: tuple(heard(path, name, benchmark).values()) for name in NETWORKS}
    assert len(set(found.values())) == len(NETWORKS)
    assert all(math.isfinite(p) and p > 0 for row in found.values() for p in row)


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["--network", "mel_gru"], "--network mel_gru: known are mel_cnn, mel_wavenet, mel_lstm, audio_wavenet"),
        (["--network", "mel_lstm"], "no trained mel_lstm in"),
    ],
)
def test_an_unknown_or_untrained_network_is_a_fault(
    trained: Path, record: Record, capsys: pytest.CaptureFixture[str], words: list[str], part: str
) -> None:
    assert main(["recognise", str(record("me.wav", 1.0)), *words]) == 2
    assert part in capsys.readouterr().err
    assert not (trained / "models" / "mel_lstm").exists()


def test_a_network_and_a_folder_together_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["recognise", "me.wav", "--network", "mel_cnn", "--model-dir", "models/recogniser_mel_cnn"])
    assert "not allowed with argument" in capsys.readouterr().err


def test_every_network_on_disk_has_its_module() -> None:
    assert {spec.network.__name__ for spec in NETWORKS.values()} <= set(MODULES)
    for name, module in MODULES.items():
        assert getattr(networks.importlib.import_module(module), name).__module__ == module


def test_a_folder_that_names_another_class_is_refused(tmp_path: Path) -> None:
    save_model(tmp_path / "m", torch.nn.Linear(2, 2), {"in_features": 2, "out_features": 2}, {})
    with pytest.raises(UserError, match=r"unknown network 'Linear'; known are MelCNN, "):
        open_model(tmp_path / "m", CPU)


def test_opened_models_are_frozen(benchmark: Path) -> None:
    model = open_model(benchmark / "audio_wavenet", CPU)
    assert not model.training
    assert not any(parameter.requires_grad for parameter in model.parameters())
    assert np.isfinite([float(p.abs().max()) for p in model.parameters()]).all()
