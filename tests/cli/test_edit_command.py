"""`affekt maximise FILE` edits a recording by a mask or in the prior, within bounds, and never over something."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from affekt.cli import editing
from affekt.cli.main import main
from affekt.corpora.table import EMOTIONS

Record = Callable[..., Path]
SMALL = ["--emotion", "sad", "--steps", "2"]


@pytest.fixture
def quick(trained: Path) -> Path:
    """A clone whose inversions are short."""
    params = (trained / "params.yaml").read_text()
    params = params.replace("candidates: 256", "candidates: 8").replace("invert_steps: 200", "invert_steps: 3")
    (trained / "params.yaml").write_text(params)
    return trained


def samples_of(path: Path) -> np.ndarray:
    return np.asarray(soundfile.read(path, always_2d=True)[0])


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize(("rate", "channels", "seconds"), [(22050, 1, 1.0), (48000, 2, 0.8), (8000, 1, 5.0)])
def test_a_mask_keeps_rate_channels_and_length(
    quick: Path, record: Record, capsys: pytest.CaptureFixture[str], rate: int, channels: int, seconds: float
) -> None:
    path = record("me.wav", seconds, rate=rate, channels=channels)
    assert main(["maximise", str(path), *SMALL, "--rms-db", "4"]) == 0
    out, err = capsys.readouterr()
    assert err == "", "no progress bar in a pipe"
    folder = quick / "me-sad"
    names = {f"{name}.{kind}" for name in ("before", "after") for kind in ("wav", "png")}
    assert set(files_of(folder)) == names | {"mask.png", "scores.json"}
    for name in ("before", "after"):
        info = soundfile.info(folder / f"{name}.wav")
        assert (info.samplerate, info.channels, info.frames) == (rate, channels, soundfile.info(path).frames)
    assert np.array_equal(samples_of(folder / "before.wav"), samples_of(path))
    assert not np.array_equal(samples_of(folder / "after.wav"), samples_of(path))
    with Image.open(folder / "mask.png") as mask, Image.open(folder / "after.png") as after:
        assert mask.size == after.size

    scores = json.loads((folder / "scores.json").read_text())
    assert (scores["file"], scores["emotion"], scores["how"], scores["bound_db"]) == ("me.wav", "sad", "mask", 4.0)
    assert 0 < scores["rms_db"] <= 4.001
    for row in scores["versions"]:
        assert 0 < row["recogniser"] < 1
        assert 0 < row["judge"] < 1
        assert row["judge_emotion"] in EMOTIONS
        assert row["statement"] in ("dogs", "kids")
        assert row["name"] in out
    before, after = scores["versions"]
    assert (before["drift_nats"], before["content_kept"]) == (0.0, 1.0)
    assert after["drift_nats"] > 0


def test_silence_around_the_sound_stays(quick: Path, record: Record) -> None:
    path = record("me.wav", 1.0, pad_s=0.5)
    assert main(["maximise", str(path), *SMALL]) == 0
    change = samples_of(quick / "me-sad" / "after.wav") - samples_of(path)
    assert np.abs(change[: round(0.4 * 22050)]).max() == 0
    assert np.abs(change[round(0.6 * 22050) : round(1.4 * 22050)]).max() > 1e-3


def test_a_recording_beyond_full_scale_is_brought_to_it(quick: Path, record: Record) -> None:
    voice = samples_of(record("me.wav", 1.0))
    soundfile.write("high.wav", 1.5 * voice / np.abs(voice).max(), 22050, subtype="FLOAT")
    assert main(["maximise", "high.wav", *SMALL]) == 0
    before = samples_of(quick / "high-sad" / "before.wav")
    assert np.abs(before - voice / np.abs(voice).max()).max() < 1e-4, "not clipped"


@pytest.mark.parametrize("seconds", [1.0, 4.0])
def test_a_latent_speaks_the_recording_anew(quick: Path, record: Record, seconds: float) -> None:
    path = record("me.wav", seconds, rate=16000)
    assert main(["maximise", str(path), *SMALL, "--how", "latent", "-o", "out"]) == 0
    scores = json.loads((quick / "out" / "scores.json").read_text())
    names = [row["name"] for row in scores["versions"]]
    assert names == ["before", "prior", "after"]
    assert scores["windows"] == (1 if seconds == 1.0 else 3)
    assert 0 < scores["inversion_nats"] != scores["inversion_nats_before"]
    lengths = [soundfile.info(quick / "out" / f"{name}.wav").frames for name in names]
    assert lengths[1] == lengths[2]
    assert 0 <= lengths[0] - lengths[1] < 256, "whole hops"
    assert {soundfile.info(quick / "out" / f"{name}.wav").samplerate for name in names} == {22050}
    assert "mask.png" not in files_of(quick / "out")


@pytest.mark.parametrize("how", ["mask", "latent"])
def test_the_same_words_give_the_same_files_and_another_seed_does_not(quick: Path, record: Record, how: str) -> None:
    path = record("me.wav", 1.0)
    for folder, seed in (("a", "5"), ("b", "5"), ("c", "6")):
        assert main(["maximise", str(path), *SMALL, "--how", how, "--seed", seed, "-o", folder]) == 0
    assert files_of(quick / "a") == files_of(quick / "b")
    assert files_of(quick / "a")["after.wav"] != files_of(quick / "c")["after.wav"]


def test_nothing_is_overwritten_without_force(quick: Path, record: Record, capsys: pytest.CaptureFixture[str]) -> None:
    path = record("me.wav", 1.0)
    (quick / "me-sad").mkdir()
    (quick / "me-sad" / "after.wav").write_text("precious")
    assert main(["maximise", str(path), *SMALL]) == 2
    assert "me-sad is not empty" in capsys.readouterr().err
    assert files_of(quick / "me-sad") == {"after.wav": b"precious"}
    assert main(["maximise", str(path), *SMALL, "--force"]) == 0
    assert soundfile.info(quick / "me-sad" / "after.wav").frames == 22050


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["nowhere.wav", *SMALL], "nowhere.wav: there is no such file"),
        (["text.wav", *SMALL], "text.wav: cannot be read as sound"),
        (["short.wav", *SMALL], "s of sound, and 0.5 s to 60 s can be edited"),
        (["whole.wav", *SMALL], "whole.wav: has samples of up to 8000, and full scale is 1"),
        (["me.wav", "--emotion", "glad"], "--emotion glad: known are"),
        (["me.wav", "--emotion", "sad", "--steps", "0"], "--steps 0: must be at least 1"),
        (["me.wav", *SMALL, "--rms-db", "0"], "--rms-db 0: must be above 0"),
        (["me.wav", *SMALL, "--rms-db", "nan"], "--rms-db nan: must be above 0"),
        (["me.wav", *SMALL, "--how", "latent", "--rms-db", "3"], "--rms-db is of --how mask"),
        (["me.wav", *SMALL, "--seeds", "2"], "--seeds goes without FILE"),
    ],
)
def test_impossible_wishes_are_faults_and_leave_nothing(
    quick: Path, record: Record, capsys: pytest.CaptureFixture[str], words: list[str], part: str
) -> None:
    record("me.wav", 1.0)
    record("short.wav", 0.2)
    (quick / "text.wav").write_text("no sound")
    soundfile.write("whole.wav", 8000 * np.sign(np.sin(np.arange(22050) / 20)), 22050, subtype="FLOAT")
    assert main(["maximise", *words]) == 2
    err = capsys.readouterr().err
    assert part in err
    assert err.count("\n") == 1
    assert not [path for path in quick.iterdir() if path.is_dir() and path.name != "models"]


def test_a_recording_that_is_too_long_is_refused(
    quick: Path, record: Record, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(editing, "LONGEST_S", 2.0)
    assert main(["maximise", str(record("me.wav", 3.0)), *SMALL]) == 2
    assert "0.5 s to 2 s can be edited" in capsys.readouterr().err
    assert not (quick / "me-sad").exists()


@pytest.mark.parametrize(("how", "name"), [("mask", "judge"), ("mask", "content_b"), ("latent", "gan")])
def test_a_model_that_is_missing_is_named(
    quick: Path, record: Record, capsys: pytest.CaptureFixture[str], how: str, name: str
) -> None:
    (quick / "models" / name / "weights.safetensors").unlink()
    assert main(["maximise", str(record("me.wav", 1.0)), *SMALL, "--how", how]) == 2
    assert f"no trained {name} in" in capsys.readouterr().err
