"""Recordings and mels become 16-bit WAVs beside them, and nothing is overwritten unasked."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from affekt.cli.main import main
from affekt.cli.vocode import LONGEST_S, METHODS, read_mel
from affekt.core.files import save_array
from affekt.features.mel import log_mel

Record = Callable[..., Path]


def mel_of(path: Path) -> np.ndarray:
    return log_mel(torch.from_numpy(soundfile.read(path, dtype="float32")[0])).numpy()


@pytest.mark.parametrize("method", ["istft", "waveglow", "griffin_lim"])
@pytest.mark.usefixtures("trained")
def test_a_recording_is_spoken_again_at_the_projects_rate(
    record: Record, capsys: pytest.CaptureFixture[str], method: str
) -> None:
    path = record("me.flac", 1.0, rate=48000, channels=2)
    assert main(["vocode", str(path), "--method", method]) == 0
    target = path.with_name("me.vocoded.wav")
    assert capsys.readouterr().out == f"{target}\n"
    info = soundfile.info(target)
    assert (info.samplerate, info.channels, info.subtype) == (22050, 1, "PCM_16")
    assert info.frames == 22050 // 256 * 256
    if method == "waveglow":  # untrained it gives noise of a known level: 0.6 / 16
        assert np.std(soundfile.read(target)[0]) == pytest.approx(0.6 / 16, rel=0.05)
        return
    # The untrained iSTFT vocoder is the pseudo-inverse: the others keep the mel where the voice is, within a neper.
    source_MF = read_mel(path).numpy()
    difference = np.abs(mel_of(target) - source_MF)[source_MF > -4]
    assert difference.mean() < 0.5


def test_a_mel_sounds_the_same_either_way_round(trained: Path, record: Record) -> None:
    mel_MF = mel_of(record("me.wav", 1.0))
    for name, mel in {"bands": mel_MF, "frames": mel_MF.T, "double": mel_MF.astype(np.float64)}.items():
        save_array(trained / f"{name}.npy", mel)
    assert main(["vocode", "bands.npy", "frames.npy", "double.npy", "-o", "spoken"]) == 0
    sounds = [(trained / "spoken" / f"{name}.vocoded.wav").read_bytes() for name in ("bands", "frames", "double")]
    assert sounds[0] == sounds[1] == sounds[2]


@pytest.mark.parametrize(
    ("mel", "part"),
    [
        (np.full((80, 80), -5.0, np.float32), "does not tell bands from frames"),
        (np.full((64, 100), -5.0, np.float32), "(80, frames)"),
        (np.full((1, 80, 100), -5.0, np.float32), "(80, frames)"),
        (np.full((80, 100), -5), "not int64"),
        (np.full((80, 100), -80.0, np.float32), "neither decibels"),
        (np.full((80, 100), np.nan, np.float32), "no natural-log mel"),
        (np.full((80, 3), -5.0, np.float32), "cannot be vocoded"),
        (np.full((0, 80), -5.0, np.float32), "no frame"),
    ],
)
def test_an_unclear_mel_is_refused(
    trained: Path, capsys: pytest.CaptureFixture[str], mel: np.ndarray, part: str
) -> None:
    save_array(trained / "mel.npy", mel)
    assert main(["vocode", "mel.npy"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("affekt: error: mel.npy: ")
    assert part in err
    assert err.count("\n") == 1
    assert not (trained / "mel.vocoded.wav").exists()


def test_a_pickle_is_no_mel(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.save(trained / "objects.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    (trained / "text.npy").write_text("mel")
    assert main(["vocode", "objects.npy", "text.npy"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(": ")[2] for line in lines] == ["objects.npy", "text.npy"]


def test_nothing_is_overwritten_without_force(
    trained: Path, record: Record, capsys: pytest.CaptureFixture[str]
) -> None:
    record("one.wav", 0.5)
    record("two.wav", 0.5)
    (trained / "one.vocoded.wav").write_text("precious")
    assert main(["vocode", "one.wav", "two.wav"]) == 2
    assert "one.vocoded.wav exists" in capsys.readouterr().err
    assert (trained / "one.vocoded.wav").read_text() == "precious"
    assert soundfile.info(trained / "two.vocoded.wav").frames > 0
    assert main(["vocode", "one.wav", "--force"]) == 0
    assert soundfile.info(trained / "one.vocoded.wav").frames > 0


def test_output_is_a_file_or_a_folder(trained: Path, record: Record, capsys: pytest.CaptureFixture[str]) -> None:
    record("one.wav", 0.5)
    record("one.flac", 0.5)
    assert main(["vocode", "one.wav", "-o", "new/place.wav"]) == 0
    assert (trained / "new" / "place.wav").is_file()
    assert main(["vocode", "one.wav", "one.flac", "-o", "both.wav"]) == 2
    assert "give a folder" in capsys.readouterr().err
    assert main(["vocode", "one.wav", "one.flac"]) == 2
    assert "2 of the files would be written to one.vocoded.wav" in capsys.readouterr().err
    assert not (trained / "one.vocoded.wav").exists()


def test_an_unusable_recording_leaves_nothing(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (trained / "text.wav").write_text("no sound")
    assert main(["vocode", "text.wav"]) == 2
    assert capsys.readouterr().err.startswith("affekt: error: text.wav: ")
    assert {path.name for path in trained.iterdir()} == {"params.yaml", "models", "text.wav"}


def test_each_method_speaks_by_its_own_model(trained: Path, record: Record, capsys: pytest.CaptureFixture[str]) -> None:
    record("me.wav", 0.5)
    for method in METHODS:
        assert main(["vocode", "me.wav", "--method", method, "-o", f"{method}.wav"]) == 0
    assert len({(trained / f"{method}.wav").read_bytes() for method in METHODS}) == len(METHODS)
    (trained / "models" / "waveglow" / "weights.safetensors").unlink()
    capsys.readouterr()
    assert main(["vocode", "me.wav", "--method", "waveglow"]) == 2
    assert "no trained waveglow" in capsys.readouterr().err


def test_a_folder_of_another_network_is_refused(
    trained: Path, record: Record, capsys: pytest.CaptureFixture[str]
) -> None:
    record("me.wav", 0.5)
    for file in ("weights.safetensors", "config.json"):
        (trained / "models" / "waveglow" / file).write_bytes((trained / "models" / "judge" / file).read_bytes())
    assert main(["vocode", "me.wav", "--method", "waveglow"]) == 2
    assert "holds a RecurrentRecogniser, which is no vocoder" in capsys.readouterr().err


def test_a_flow_takes_less_at_once_than_the_others(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frames = int((LONGEST_S["waveglow"] + 1) * 22050 / 256)
    save_array(trained / "long.npy", np.full((80, frames), -9.0, np.float32))
    assert main(["vocode", "long.npy", "--method", "waveglow"]) == 2
    assert "0.05 s to 60 s can" in capsys.readouterr().err


def test_without_a_vocoder_griffin_lim_still_speaks(
    trained: Path, record: Record, capsys: pytest.CaptureFixture[str]
) -> None:
    (trained / "models" / "vocoder" / "weights.safetensors").unlink()
    record("me.wav", 0.5)
    assert main(["vocode", "me.wav"]) == 2
    assert "no trained vocoder" in capsys.readouterr().err
    assert main(["vocode", "me.wav", "--method", "griffin_lim"]) == 0
