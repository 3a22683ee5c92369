"""A person's own recordings: any sound is heard, any fault is one line."""

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from affekt.cli.hearing import classify, is_loud, window_bounds
from affekt.cli.main import main
from affekt.corpora.table import EMOTIONS
from affekt.models.io import load_model
from affekt.models.mel_networks import MelCNN

Record = Callable[..., Path]


def heard(capsys: pytest.CaptureFixture[str], *paths: Path, code: int = 0) -> list[dict]:
    assert main(["recognise", "--json", *map(str, paths)]) == code
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(
    ("name", "seconds", "how"),
    [
        ("short.wav", 0.5, {}),
        ("eight_bit.wav", 2.0, {"subtype": "PCM_U8", "rate": 8000}),
        ("studio.wav", 3.0, {"rate": 96000, "channels": 2, "subtype": "PCM_24"}),
        ("cd.flac", 2.0, {"rate": 44100, "channels": 2}),
        ("phone.ogg", 2.0, {"rate": 48000}),
        ("float.wav", 2.0, {"rate": 16000, "subtype": "FLOAT"}),
        ("long.wav", 60.0, {"rate": 44100}),
    ],
)
@pytest.mark.usefixtures("trained")
def test_any_format_rate_and_length_is_heard(
    record: Record, capsys: pytest.CaptureFixture[str], name: str, seconds: float, how: dict
) -> None:
    path = record(name, seconds, **how)
    (verdict,) = heard(capsys, path)
    assert verdict["file"] == str(path)
    assert verdict["seconds"] == pytest.approx(seconds, abs=0.15)
    assert list(verdict["probabilities"]) == list(EMOTIONS)
    assert sum(verdict["probabilities"].values()) == pytest.approx(1)
    assert verdict["emotion"] == max(verdict["probabilities"], key=verdict["probabilities"].get)
    windows = verdict["windows"]
    assert len(windows) == (30 if seconds == 60 else 1)
    assert windows[0]["start_s"] == pytest.approx(0, abs=0.1)
    assert windows[-1]["end_s"] == pytest.approx(seconds, abs=0.1)
    assert all(a["end_s"] == b["start_s"] for a, b in pairwise(windows))
    for emotion in EMOTIONS:
        mean = np.mean([window["probabilities"][emotion] for window in windows])
        assert verdict["probabilities"][emotion] == pytest.approx(mean)


@pytest.mark.usefixtures("trained")
def test_silence_around_the_voice_changes_only_the_times(record: Record, capsys: pytest.CaptureFixture[str]) -> None:
    bare, padded = heard(capsys, record("bare.wav", 3.0), record("padded.wav", 3.0, pad_s=5.0))
    assert padded["emotion"] == bare["emotion"]
    for emotion, probability in bare["probabilities"].items():
        assert padded["probabilities"][emotion] == pytest.approx(probability, abs=0.02)
    assert padded["windows"][0]["start_s"] == pytest.approx(5.0, abs=0.1)


@pytest.mark.usefixtures("trained")
def test_a_long_pause_is_silence_and_does_not_count(record: Record, capsys: pytest.CaptureFixture[str]) -> None:
    path = record("pause.wav", 6.0)
    voice, rate = soundfile.read(path)
    soundfile.write(path, np.concatenate([voice, np.zeros(10 * rate), voice]), rate)
    (verdict,) = heard(capsys, path)
    silent = [window for window in verdict["windows"] if window["emotion"] == "silence"]
    assert 3 <= len(silent) <= 5
    assert all(window["probabilities"] == {} and 6 <= window["start_s"] < 16 for window in silent)
    assert sum(verdict["probabilities"].values()) == pytest.approx(1)


def broken_files(folder: Path, record: Record) -> dict[str, str]:
    """Name of an unusable file -> what its message must say."""
    whole = record("whole.wav", 2.0).read_bytes()
    (folder / "empty.wav").write_bytes(b"")
    (folder / "text.wav").write_text("this is a letter, not a sound\n" * 20)
    (folder / "truncated.wav").write_bytes(whole[: len(whole) // 2])
    (folder / "header.wav").write_bytes(whole[:44])
    soundfile.write(folder / "silent.wav", np.zeros(22050), 22050)
    soundfile.write(folder / "click.wav", np.pad(np.full(200, 0.5), 30000), 22050)
    (folder / "folder.wav").mkdir()
    return {
        "empty.wav": "empty",
        "text.wav": "cannot be read",
        "truncated.wav": "truncated",
        "header.wav": "truncated",
        "silent.wav": "silent",
        "click.wav": "of sound",
        "folder.wav": "",
        "missing.wav": "no such file",
    }


def test_each_fault_is_one_line_and_the_others_are_heard(
    trained: Path, record: Record, capsys: pytest.CaptureFixture[str]
) -> None:
    faults = broken_files(trained, record)
    names = [*faults, "whole.wav"]
    assert main(["recognise", *names]) == 2
    out, err = capsys.readouterr()
    lines = err.splitlines()
    assert len(lines) == len(faults)
    for line, (name, part) in zip(lines, faults.items(), strict=True):
        assert line.startswith(f"affekt: error: {name}: ")
        assert part in line
    assert [line.split()[0] for line in out.splitlines()[2:]] == ["whole.wav"]

    entries = heard(capsys, *map(Path, names), code=2)
    assert [entry["file"] for entry in entries] == ["whole.wav", *faults]
    assert all(("error" in entry) == (entry["file"] in faults) for entry in entries)


@pytest.mark.usefixtures("trained")
def test_terminal_shows_three_emotions_then_the_windows(record: Record, capsys: pytest.CaptureFixture[str]) -> None:
    path = record("long.wav", 10.0)
    (verdict,) = heard(capsys, path)
    assert main(["recognise", str(path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{path}: {verdict['emotion']} ({verdict['seconds']:.1f} s of sound)"
    shown = [line.split()[0] for line in lines[1:4]]
    assert shown == sorted(EMOTIONS, key=lambda emotion: -verdict["probabilities"][emotion])[:3]
    assert [line.split()[2] for line in lines[-5:]] == [window["emotion"] for window in verdict["windows"]]


def test_no_model_says_how_to_get_one(trained: Path, record: Record, capsys: pytest.CaptureFixture[str]) -> None:
    path = record("me.wav", 1.0)
    assert main(["recognise", str(path), "--model-dir", str(trained / "nowhere")]) == 2
    assert capsys.readouterr().err.count("run `make repro` first") == 1
    assert main(["recognise", str(path), "--model-dir", str(trained / "models" / "vocoder")]) == 2
    assert "holds no recogniser" in capsys.readouterr().err
    (trained / "models" / "recogniser_mel_cnn" / "weights.safetensors").write_bytes(b"\x80\x04pickle")
    assert main(["recognise", str(path)]) == 2
    assert "weights.safetensors" in capsys.readouterr().err


def test_windows_cover_everything_in_equal_parts() -> None:
    assert window_bounds(4 * 22050, 22050) == [(0, 4 * 22050)]
    for seconds in (4.01, 7.3, 60, 3601.5):
        samples = round(seconds * 22050)
        bounds = window_bounds(samples, 22050)
        assert bounds[0][0] == 0
        assert bounds[-1][1] == samples
        lengths = np.array([end - start for start, end in bounds])
        assert lengths.min() >= 1.6 * 22050
        assert lengths.max() <= 2.6 * 22050
        assert np.ptp(lengths) <= 1


def test_loudness_of_a_window_is_relative_to_the_recording() -> None:
    sound = np.array([1.0, -0.5, 0.011, 0.009], np.float32)
    assert is_loud(sound[2:3], sound, 40.0)
    assert not is_loud(sound[3:], sound, 40.0)


def test_padding_in_a_batch_changes_no_probability(trained: Path, record: Record) -> None:
    voice = soundfile.read(record("voice.wav", 3.0), dtype="float32")[0]
    model = load_model(trained / "models" / "recogniser_mel_cnn", MelCNN, torch.device("cpu"))
    stretches = [voice, voice[:30000], voice[:12000]]
    together = classify(stretches, model, torch.device("cpu"))
    for alone, row in zip(stretches, together, strict=True):
        assert classify([alone], model, torch.device("cpu"))[0] == pytest.approx(row, abs=1e-5)
