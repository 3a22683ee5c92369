"""`affekt dream` adds a dream to recordings of every kind, tells what it did, and never writes over something."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from PIL import Image
from torch import nn

from affekt.cli.main import main
from affekt.models.io import save_model
from affekt.models.mel_networks import MfccCNN
from affekt.models.spectrogram_net import SpectrogramResNet

Record = Callable[..., Path]
SMALL = ["-n", "2", "-i", "2", "--tile", "64"]


@pytest.fixture
def networks(trained: Path) -> Path:
    """The clone with a gender network and one that names emotion and gender."""
    built: dict[str, tuple[type[nn.Module], dict[str, int]]] = {
        "gender_fast": (SpectrogramResNet, {"n_fft": 512, "hop_length": 128, "channels": 2}),
        "mfcc_cnn": (MfccCNN, {"channels": 4, "layers": 2, "classes": 16}),
    }
    for name, (network, config) in built.items():
        torch.manual_seed(0)
        save_model(trained / "models" / name, network(**config), config, {})
    return trained


def samples_of(path: Path) -> np.ndarray:
    return np.asarray(soundfile.read(path, always_2d=True)[0])


@pytest.mark.usefixtures("networks")
@pytest.mark.parametrize(("rate", "channels", "seconds"), [(22050, 1, 1.0), (48000, 2, 0.7001), (8000, 1, 0.5)])
def test_rate_channels_and_length_are_the_recordings(
    record: Record, capsys: pytest.CaptureFixture[str], rate: int, channels: int, seconds: float
) -> None:
    path = record("me.wav", seconds, rate=rate, channels=channels)
    assert main(["dream", str(path), "-l", "block3", *SMALL]) == 0
    out, err = capsys.readouterr()
    target = path.with_name("me.block3.wav")
    assert re.fullmatch(
        rf"{re.escape(str(target))}: activation [\d.]+ -> [\d.]+, (fe)?male \d+ % -> (fe)?male \d+ %\n", out
    )
    assert err == "", "no progress bar in a pipe"
    before, after = soundfile.info(path), soundfile.info(target)
    assert (after.samplerate, after.channels, after.frames) == (rate, channels, before.frames)
    assert after.subtype == "PCM_16"
    change = samples_of(target) - samples_of(path)
    assert np.sqrt(np.mean(change**2)) > 1e-3
    if channels == 2:
        assert np.abs(change[:, 0] - change[:, 1]).max() <= 2**-15, "both channels get the same"


@pytest.mark.usefixtures("networks")
def test_no_iterations_give_the_recording_back(record: Record) -> None:
    path = record("me.wav", 1.0, rate=44100, channels=2)
    assert main(["dream", str(path), "-l", "block9", "-i", "0", "-o", "same"]) == 0
    assert np.array_equal(samples_of(path.with_name("same.wav")), samples_of(path)), "to the bit, as it has 16 of them"


@pytest.mark.usefixtures("networks")
@pytest.mark.parametrize("phase", ["griffin_lim", "vocoder"])
def test_other_phases_keep_the_length(record: Record, phase: str) -> None:
    path = record("me.wav", 0.6)
    words = [
        "dream",
        str(path),
        "-l",
        "stem",
        "--network",
        "mfcc_cnn",
        *SMALL,
        "--phase",
        phase,
        "-d",
        "out",
        "-o",
        "x",
    ]
    assert main(words) == 0
    assert soundfile.info("out/x.wav").frames == soundfile.info(path).frames


@pytest.mark.usefixtures("networks")
def test_noise_and_picture_are_the_same_every_time(capsys: pytest.CaptureFixture[str]) -> None:
    for name, seed in (("a", "0"), ("b", "0"), ("c", "1")):
        words = ["dream", "--noise", "0.5", "-l", "block2", *SMALL, "--seed", seed, "-o", f"{name}.wav", "--picture"]
        assert main(words) == 0
    made = {name: (Path(f"{name}.wav").read_bytes(), Path(f"{name}.png").read_bytes()) for name in "abc"}
    assert made["a"] == made["b"]
    assert made["a"][0] != made["c"][0]
    assert soundfile.info("a.wav").frames == 11025
    with Image.open("a.png") as picture:
        assert picture.size == (11025 // 128 + 1, 2 * 257)
    assert "a.wav: activation" in capsys.readouterr().out


def test_layers_are_listed(networks: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dream", "--list-layers", "--network", "gender_fast"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert rows[0] == ["network", "layer", "channels"]
    assert rows[2:] == [
        ["gender_fast", f"block{i}", str(2 * width)] for i, width in enumerate((1, 4, 4, 8, 8, 16, 16, 16, 16), 1)
    ] + [["gender_fast", "head", "2"]]
    (networks / "models" / "mfcc_cnn" / "weights.safetensors").unlink()
    assert main(["dream", "--list-layers"]) == 2
    out, err = capsys.readouterr()
    assert "gender_fast" in out
    assert "recogniser" in out
    assert "judge" not in out
    assert "no trained mfcc_cnn" in err


def test_a_bad_file_does_not_stop_the_others(
    networks: Path, record: Record, capsys: pytest.CaptureFixture[str]
) -> None:
    (networks / "text.wav").write_text("no sound")
    record("short.wav", 0.15)
    record("good.wav", 0.5)
    assert main(["dream", "text.wav", "short.wav", "good.wav", "-l", "block1", *SMALL, "-o", "x"]) == 2
    out, err = capsys.readouterr()
    assert [line.split(": ")[2] for line in err.splitlines()] == ["text.wav", "short.wav"]
    assert "lasts 0.15 s, and 0.25 s are needed" in err
    assert out.startswith("x_2.wav: ")
    assert {path.name for path in networks.glob("x_*")} == {"x_2.wav"}


def test_nothing_is_overwritten_without_force(
    networks: Path, record: Record, capsys: pytest.CaptureFixture[str]
) -> None:
    record("me.wav", 0.5)
    (networks / "me.block1.wav").write_text("precious")
    assert main(["dream", "me.wav", "-l", "block1", *SMALL]) == 2
    assert "me.block1.wav exists" in capsys.readouterr().err
    assert (networks / "me.block1.wav").read_text() == "precious"
    assert main(["dream", "me.wav", "-l", "block1", *SMALL, "--force"]) == 0
    assert soundfile.info(networks / "me.block1.wav").frames > 0


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["me.wav"], "-l LAYER is missing"),
        (["-l", "block1"], "give recordings, or --noise SECONDS"),
        (["me.wav", "-l", "block1", "--noise", "2"], "give recordings, or --noise SECONDS"),
        (["-l", "block1", "--noise", "-1"], "--noise -1: must be seconds"),
        (["-l", "block1", "--noise", "nan"], "--noise nan: must be seconds"),
        (["-l", "block1", "--noise", "0.1"], "--noise 0.1: 0.25 s are needed"),
        (["me.wav", "-l", "block10"], "layer block10: this network has block1, block2"),
        (["me.wav", "-l", "block1", "--channel", "7"], "layer block1 has channels 0 to 1"),
        (["me.wav", "-l", "block1", "--network", "gan"], "models/gan is no recogniser"),
        (["me.wav", "-l", "head", "--network", "judge"], "models/judge holds the judge, which nothing is optimised"),
        (["me.wav", "-l", "block1", "--network", "nothing"], "no trained nothing in"),
        (["me.wav", "-l", "block1", "-n", "0"], "--octaves 0: must be from 1"),
        (["me.wav", "-l", "block1", "-i", "-1"], "--iterations -1: must be from 0"),
        (["me.wav", "-l", "block1", "--step", "0"], "--step 0"),
        (["me.wav", "-l", "block1", "--step", "nan"], "--step nan"),
        (["me.wav", "-l", "block1", "--ratio", "1"], "--ratio 1.0: must be from 1.01"),
        (["me.wav", "-l", "block1", "--tile", "8"], "--tile 8: must be from 32"),
        (["me.wav", "-l", "block1", "-o", "a/b"], "the folder goes to -d"),
        (["me.wav", "other/me.wav", "-l", "block1", "-d", "out"], "2 of the files would be written to out"),
    ],
)
def test_impossible_wishes_are_faults_and_leave_nothing(
    networks: Path, record: Record, capsys: pytest.CaptureFixture[str], words: list[str], part: str
) -> None:
    record("me.wav", 0.5)
    assert main(["dream", *words]) == 2
    err = capsys.readouterr().err
    assert part in err
    assert err.count("\n") == 1
    assert {path.name for path in networks.iterdir()} == {"params.yaml", "models", "me.wav"}


@pytest.mark.usefixtures("networks")
def test_a_dream_that_would_clip_is_made_softer_and_told(record: Record, capsys: pytest.CaptureFixture[str]) -> None:
    path = record("me.wav", 0.5)
    soundfile.write(path, 0.999 * samples_of(path) / np.abs(samples_of(path)).max(), 22050)
    assert main(["dream", str(path), "-l", "block2", "-n", "3", "-i", "6", "--step", "0.05"]) == 0
    assert re.search(r"made softer by \d+\.\d dB, as it would clip", capsys.readouterr().out)
    peak = np.abs(samples_of(path.with_name("me.block2.wav"))).max()
    assert 0.99 < peak < 1
