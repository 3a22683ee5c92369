"""`affekt translate` says any recording in another emotion, keeps silence around it, and overwrites nothing."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from torch import Tensor

from affekt.cli import converting, translating
from affekt.cli.converting import BEND, FADE, join_mels, level, put_back
from affekt.cli.main import main
from affekt.cli.recordings import Recording
from affekt.core.files import write_json
from affekt.corpora.table import EMOTIONS
from affekt.features.mel import log_mel
from affekt.models.codegan import CodeGenerator
from affekt.models.io import save_model

Record = Callable[..., Path]
HAPPY = ["--to", "happy"]
OPTIMISE = [*HAPPY, "--method", "optimise", "--steps", "2"]


def samples_of(path: Path) -> np.ndarray:
    return np.asarray(soundfile.read(path)[0])


def write(name: str, samples: np.ndarray, rate: int = 22050, subtype: str = "FLOAT") -> Path:
    soundfile.write(name, samples, rate, subtype=subtype)
    return Path(name)


def words_of(method: str) -> list[str]:
    return OPTIMISE if method == "optimise" else [*HAPPY, "--method", method]


@pytest.mark.parametrize("method", ["translator", "codegan", "optimise"])
def test_each_method_writes_a_sound_beside_the_recording_and_tells_what_is_heard(
    trained: Path, record: Record, capsys: pytest.CaptureFixture[str], method: str
) -> None:
    (trained / "mine").mkdir()
    path = record("mine/me.wav", 1.0)
    assert main(["translate", str(path), *words_of(method)]) == 0
    out, err = capsys.readouterr()
    assert err == "", "no progress bar in a pipe"
    target = trained / "mine" / "me.happy.wav"
    head, _, before, after, last = out.splitlines()
    assert last == str(target)
    info = soundfile.info(target)
    assert (info.samplerate, info.channels, info.subtype) == (22050, 1, "PCM_16")
    assert 0.5 <= info.frames / 22050 <= 2.0
    assert 0.01 < np.abs(samples_of(target)).max() <= 1
    assert "same voice" in head
    for row, version in ((before, "before"), (after, "after")):
        wanted, name, *_ = row.split()
        assert (wanted, name) == ("happy", version)
        assert any(emotion in row.split()[2:] for emotion in EMOTIONS)
        assert "dogs" in row or "kids" in row
    assert before.split()[-2:] == ["1.00", "1.00"], "the recording is its own voice, and lasts a second"


@pytest.mark.parametrize(("rate", "channels", "seconds"), [(8000, 1, 1.0), (96000, 2, 0.6), (22050, 1, 9.0)])
def test_recordings_of_any_rate_channels_and_length_become_one_sound(
    trained: Path, record: Record, rate: int, channels: int, seconds: float
) -> None:
    path = record("me.wav", seconds, rate=rate, channels=channels)
    assert main(["translate", str(path), *HAPPY, "--strength", "0"]) == 0
    info = soundfile.info(trained / "me.happy.wav")
    assert (info.samplerate, info.channels) == (22050, 1)
    assert abs(info.frames - seconds * 22050) < 256, "whole hops, as nothing changes"


@pytest.mark.parametrize("seconds", [1.0, 9.0])
def test_strength_0_gives_the_vocoded_recording(trained: Path, record: Record, seconds: float) -> None:
    path = record("me.wav", seconds)
    assert main(["translate", str(path), *HAPPY, "--strength", "0"]) == 0
    assert main(["vocode", str(path)]) == 0
    same, vocoded = samples_of(trained / "me.happy.wav"), samples_of(trained / "me.vocoded.wav")
    assert len(same) == len(vocoded)
    error = (same - vocoded)[FADE:-FADE]
    # The vocoder fits phases by search: a mel without its offset of 1e-3 is spoken with slightly other ones.
    assert np.sqrt(np.mean(error**2)) < 0.1 * np.sqrt(np.mean(vocoded**2))


def test_silence_around_the_sound_stays(trained: Path) -> None:
    rng = np.random.default_rng(0)
    sound = rng.uniform(-0.3, 0.3, 22050) * np.sin(np.linspace(0, np.pi, 22050))
    path = write("me.wav", np.pad(sound, (11025, 5000)))
    assert main(["translate", str(path), *HAPPY]) == 0
    made = samples_of(trained / "me.happy.wav")
    assert np.abs(made[:9000]).max() < 1e-3
    assert np.abs(made[-3000:]).max() < 1e-3
    assert np.abs(made[12000:-6000]).max() > 0.01


def test_an_offset_of_the_microphone_leaves_no_click(trained: Path, record: Record) -> None:
    path = record("me.wav", 1.0, pad_s=0.5)
    plain = samples_of(path)
    write("offset.wav", plain + 0.3)
    for name in ("me", "offset"):
        assert main(["translate", f"{name}.wav", *HAPPY, "--strength", "0"]) == 0
    made, same = (samples_of(trained / f"{name}.happy.wav") for name in ("offset", "me"))
    assert len(made) == len(same)
    assert np.abs(made - same).max() < 0.01


def test_all_emotions_come_of_one_pass_into_a_folder(
    trained: Path, record: Record, capsys: pytest.CaptureFixture[str]
) -> None:
    path = record("me.wav", 1.0)
    assert main(["translate", str(path), "--to", "all", "-o", "all"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert {file.name for file in (trained / "all").iterdir()} == {f"me.{emotion}.wav" for emotion in EMOTIONS}
    assert len({file.read_bytes() for file in (trained / "all").iterdir()}) == len(EMOTIONS)
    assert out[-8:] == [f"all/me.{emotion}.wav" for emotion in EMOTIONS]
    assert len(out) == 2 + 2 * 8 + 8
    assert main(["translate", str(path), "--to", "sad", "-o", "one.wav"]) == 0
    together, alone = samples_of(trained / "all" / "me.sad.wav"), samples_of(trained / "one.wav")
    assert len(together) == len(alone)
    assert np.abs(together - alone).max() < 0.01


def test_the_same_words_give_the_same_bytes_and_others_do_not(trained: Path, record: Record) -> None:
    path = record("me.wav", 1.0)
    runs = {
        "translator": [HAPPY, HAPPY, [*HAPPY, "--strength", "2"], [*HAPPY, "--intensity", "normal"]],
        "optimise": [[*OPTIMISE, "--seed", seed] for seed in ("5", "5", "6")],
    }
    for method, wishes in runs.items():
        made = []
        for i, wish in enumerate(wishes):
            assert main(["translate", str(path), *wish, "-o", f"{method}{i}.wav"]) == 0
            made.append((trained / f"{method}{i}.wav").read_bytes())
        assert made[0] == made[1]
        assert len(set(made)) == len(wishes) - 1


KINDS = {  # what converters may meet: finite sound must come of it
    "noise": lambda t: np.random.default_rng(0).standard_normal(len(t)) * 0.1,
    "music": lambda t: 0.1 * (np.sin(2 * np.pi * 2093 * t) + np.sin(2 * np.pi * 2637 * t)),
    "click": lambda t: np.where((t > 0.4) & (t < 0.6), np.random.default_rng(0).uniform(-1, 1, len(t)), 0.0),
    "loud": lambda t: np.sign(np.sin(2 * np.pi * 150 * t)),
    "quiet": lambda t: 3e-4 * np.sin(2 * np.pi * 150 * t),
}


@pytest.mark.parametrize(
    ("kind", "method"),
    [*((kind, "translator") for kind in KINDS), ("noise", "codegan"), ("click", "optimise"), ("quiet", "optimise")],
)
def test_what_is_no_speech_becomes_finite_sound(
    trained: Path, capsys: pytest.CaptureFixture[str], kind: str, method: str
) -> None:
    path = write("me.wav", KINDS[kind](np.arange(22050) / 22050))
    assert main(["translate", str(path), *words_of(method), "-o", "out.wav"]) == 0
    made = samples_of(trained / "out.wav")
    assert np.isfinite(made).all()
    assert np.abs(made).max() <= 1
    err = capsys.readouterr().err
    assert ("no voice is heard" in err) == (kind in ("noise", "click")), err


def test_a_long_pause_stays_a_pause(trained: Path, record: Record) -> None:
    voice = samples_of(record("voice.wav", 2.0))
    path = write("me.wav", np.concatenate([voice, np.zeros(9 * 22050), voice]))
    assert main(["translate", str(path), *HAPPY, "--method", "codegan"]) == 0
    made = samples_of(trained / "me.happy.wav")
    assert abs(len(made) - 13 * 22050) < 256
    assert np.abs(made[7 * 22050 : 8 * 22050]).max() < 1e-3


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["nowhere.wav", *HAPPY], "nowhere.wav: there is no such file"),
        (["text.wav", *HAPPY], "text.wav: cannot be read as sound"),
        (["silent.wav", *HAPPY], "silent.wav: is silent"),
        (["offset.wav", *HAPPY], "offset.wav: is silent"),
        (["opposite.wav", *HAPPY], "opposite.wav: is silent (peak below -80 dB of full scale, channels together)"),
        (["nan.wav", *HAPPY], "nan.wav: holds NaN or infinite samples"),
        (["one.wav", *HAPPY], "one.wav: is too short"),
        (["short.wav", *HAPPY], "short.wav: holds 0.20 s of sound, and 0.25 s to 120 s can be converted"),
        (["me.wav", "--to", "glad"], "--to glad: known are neutral, calm"),
        (["me.wav", "--to", "all", "--method", "codegan"], "--to all is of --method translator"),
        (["me.wav", "--to", "all", "-o", "x.wav"], "-o x.wav is one file"),
        (["me.wav", *HAPPY, "--strength", "-1"], "--strength -1: must be from 0 to 3"),
        (["me.wav", *HAPPY, "--strength", "nan"], "--strength nan: must be from 0 to 3"),
        (["me.wav", *HAPPY, "--steps", "3"], "--steps is of --method optimise"),
        (["me.wav", *HAPPY, "--seed", "3"], "--seed is of --method optimise"),
        (["me.wav", *OPTIMISE[:-1], "0"], "--steps 0: must be at least 1"),
        (["me.wav", *OPTIMISE, "--strength", "1"], "--strength is of --method translator"),
        (["me.wav", *OPTIMISE, "--intensity", "strong"], "--intensity is of --method translator"),
        (["me.wav", *HAPPY, "-o", "me.wav", "--force"], "-o me.wav is the recording itself"),
        (["me.wav", *HAPPY, "-o", "text.txt"], "-o text.txt is a file, but neither a .wav nor a folder"),
        (["me.wav", *HAPPY, "-o", "me.mp3"], "-o me.mp3: only WAV is written"),
        (["me.wav", *HAPPY, "-o", "models", "--force"], "models/me.happy.wav is a folder"),
        (["me.wav", *HAPPY, "-o", "text.txt/new"], "text.txt/new: nothing can be written there (Not a directory"),
        (["me.wav", *HAPPY, "-o", "text.txt/x.wav"], "text.txt: nothing can be written there (Not a directory"),
        (["whole.wav", *HAPPY], "whole.wav: has samples of up to 9000, and full scale is 1"),
    ],
)
def test_impossible_wishes_are_faults_and_leave_nothing(
    trained: Path, record: Record, capsys: pytest.CaptureFixture[str], words: list[str], part: str
) -> None:
    record("me.wav", 1.0)
    record("short.wav", 0.2)
    write("silent.wav", np.zeros(22050))
    write("offset.wav", np.full(22050, 0.5))
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 22050)
    write("opposite.wav", np.stack([noise, -noise], 1))
    write("nan.wav", np.where(np.arange(22050) == 700, np.nan, 0.1))
    write("one.wav", np.ones(1))
    write("whole.wav", 9000 * np.sin(np.arange(22050) / 20))
    (trained / "models" / "me.happy.wav").mkdir()
    for name in ("text.wav", "text.txt"):
        (trained / name).write_text("no sound")
    there = {path: path.stat().st_mtime_ns for path in trained.iterdir()}
    assert main(["translate", *words]) == 2
    err = capsys.readouterr().err
    assert part in err
    assert err.count("\n") == 1
    assert {path: path.stat().st_mtime_ns for path in trained.iterdir()} == there


def test_too_much_sound_is_refused(
    trained: Path, record: Record, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(converting, "LONGEST_S", 2.0)
    assert main(["translate", str(record("me.wav", 3.0)), *HAPPY]) == 2
    assert "holds 3.00 s of sound, and 0.25 s to 2 s can be converted" in capsys.readouterr().err
    assert not (trained / "me.happy.wav").exists()


def test_a_recording_somewhat_beyond_full_scale_is_brought_to_it(trained: Path, record: Record) -> None:
    plain = samples_of(record("plain.wav", 1.0))
    plain = plain / np.abs(plain).max()
    for name, gain in (("one", 1.0), ("two", 2.0)):
        path = write(f"{name}.wav", gain * plain)
        assert main(["translate", str(path), *HAPPY, "--strength", "0"]) == 0
    one, two = (samples_of(trained / f"{name}.happy.wav") for name in ("one", "two"))
    assert np.abs(one - two).max() < 0.02


def level_db(samples: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(np.square(samples))))


@pytest.mark.parametrize("method", ["translator", "codegan", "optimise"])
def test_what_is_quieter_comes_out_quieter(trained: Path, record: Record, method: str) -> None:
    voice = samples_of(record("voice.wav", 1.0))
    made = {}
    for name, gain in (("loud", 1.0), ("quiet", 0.1)):
        path = write(f"{name}.wav", gain * voice)
        assert main(["translate", str(path), *words_of(method)]) == 0
        made[name] = level_db(samples_of(trained / f"{name}.happy.wav")[FADE:-FADE])
        if method != "translator":  # which makes an emotion louder or quieter
            # A mel tells a harmonic sound's level from that of the noise of an untrained network by 2 dB.
            assert abs(made[name] - level_db(gain * voice)) < 3, name
    assert abs(made["loud"] - made["quiet"] - 20) < 2


def test_each_part_and_each_pause_keeps_its_level(trained: Path, record: Record) -> None:
    voice = samples_of(record("voice.wav", 3.0))
    pause = 3e-4 * np.random.default_rng(0).standard_normal(9 * 22050)
    whole = np.concatenate([voice, pause, 0.2 * voice])
    assert main(["translate", str(write("me.wav", whole)), *HAPPY, "--method", "codegan"]) == 0
    made = samples_of(trained / "me.happy.wav")
    for start, stop in ((0.2, 2.8), (6.0, 9.0), (12.2, 14.8)):
        span = slice(round(start * 22050), round(stop * 22050))
        assert abs(level_db(made[span]) - level_db(whole[span])) < 2, start


def test_models_of_different_runs_are_a_fault(
    trained: Path, record: Record, capsys: pytest.CaptureFixture[str]
) -> None:
    config = {"size": 4, "emotions": 8, "channels": 8}
    save_model(trained / "models" / "codegan", CodeGenerator(**config), config, {})
    path = record("me.wav", 1.0)
    for words in (["translate", *HAPPY, "--method", "codegan"], ["clone", "--emotion", "sad"]):
        assert main([*words, str(path)]) == 2
        err = capsys.readouterr().err
        assert "models/codegan: changes codes of 4 numbers" in err
        assert "speechsplit have 6" in err
        assert "`dvc repro codegan`" in err
        assert err.count("\n") == 1


def test_only_emotions_that_were_learnt_are_made(
    trained: Path, record: Record, capsys: pytest.CaptureFixture[str]
) -> None:
    path = record("me.wav", 1.0)
    for name in ("translator", "codegan"):
        write_json(trained / "models" / name / "emotions.json", ["neutral", "happy", "sad"])
    calm = ["translate", str(path), "--to", "calm"]
    clone = ["clone", str(path), "--emotion", "calm"]
    for words in (calm, [*calm, "--method", "codegan"], [*calm, *OPTIMISE[2:]], clone):
        assert main(words) == 2
        assert "learnt are neutral, happy, sad" in capsys.readouterr().err
    assert main(["translate", str(path), "--to", "all", "-o", "all"]) == 0
    assert {file.name for file in (trained / "all").iterdir()} == {f"me.{e}.wav" for e in ("neutral", "happy", "sad")}


@pytest.mark.parametrize("content", [None, "{}", "[]", '["glad"]'])
def test_a_model_that_does_not_tell_what_it_learnt_is_to_be_trained_anew(
    trained: Path, record: Record, capsys: pytest.CaptureFixture[str], content: str | None
) -> None:
    path = record("me.wav", 1.0)
    wishes = {"translator": ["translate", *HAPPY], "codegan": ["clone", "--emotion", "sad"]}
    for name, words in wishes.items():
        told = trained / "models" / name / "emotions.json"
        told.unlink()
        if content is not None:
            told.write_text(content)
        assert main([*words, str(path)]) == 2
        err = capsys.readouterr().err
        assert f"{name}/emotions.json: does not tell which emotions were learnt" in err
        assert f"`dvc repro {name}`" in err


def test_the_source_is_heard_once_and_seconds_are_those_of_the_file(
    trained: Path, record: Record, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[int] = []
    hear = translating.hear
    monkeypatch.setattr(translating, "hear", lambda listener, sound_T: heard.append(1) or hear(listener, sound_T))
    path = record("me.wav", 1.0, pad_s=1.0)
    assert main(["translate", str(path), "--to", "all", "--strength", "0", "-o", "all"]) == 0
    assert len(heard) == 1 + len(EMOTIONS)
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[2:-8]]
    assert [row[0] for row in rows] == [emotion for emotion in EMOTIONS for _ in range(2)]
    for row in rows:
        length = soundfile.info(path if row[1] == "before" else f"all/me.{row[0]}.wav").frames / 22050
        assert row[-1] == f"{length:.2f}"
        assert length > 2.9


@pytest.mark.parametrize("command", ["translate", "clone"])
def test_help_tells_how_to_get_models_of_real_voices(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([command, "--help"])
    words = " ".join(capsys.readouterr().out.replace("\\\n", "").split())
    stages = "translator speechsplit codegan voicegan vocoder judge content@b"
    recognisers = "recogniser@mel_cnn recogniser@mel_wavenet recogniser@mel_lstm"
    assert f"affekt preset ravdess && dvc repro {stages} {recognisers}" in words
    if command == "translate":
        assert "`codegan` and `optimise` keep both" in words
        for key in ("strength", "steps"):
            assert f"(default: conversion.{key} of params.yaml)" in words


def test_nothing_is_overwritten_without_force(
    trained: Path, record: Record, capsys: pytest.CaptureFixture[str]
) -> None:
    path = record("me.wav", 1.0)
    (trained / "me.sad.wav").write_text("precious")
    for wanted in ("sad", "all"):
        assert main(["translate", str(path), "--to", wanted]) == 2
        assert "me.sad.wav exists" in capsys.readouterr().err
    assert {file.name for file in trained.glob("*.wav")} == {"me.wav", "me.sad.wav"}
    assert main(["translate", str(path), "--to", "sad", "--force"]) == 0
    assert soundfile.info(trained / "me.sad.wav").frames > 0


@pytest.mark.parametrize(
    ("method", "name"),
    [
        ("translator", "translator"),
        ("translator", "judge"),
        ("codegan", "codegan"),
        ("optimise", "recogniser_mel_lstm"),
    ],
)
def test_a_model_that_is_missing_is_named(
    trained: Path, record: Record, capsys: pytest.CaptureFixture[str], method: str, name: str
) -> None:
    (trained / "models" / name / "weights.safetensors").unlink()
    assert main(["translate", str(record("me.wav", 1.0)), *words_of(method)]) == 2
    assert f"no trained {name} in" in capsys.readouterr().err


def random_mel(frames: int, seed: int) -> Tensor:
    return torch.rand(80, frames, generator=torch.Generator().manual_seed(seed))


def test_parts_that_say_their_shared_frame_alike_are_laid_beside_each_other() -> None:
    whole = random_mel(200, 0)
    joined = join_mels([whole[:, :60], whole[:, 59:120], whole[:, 119:]])
    assert torch.equal(joined, whole)


def test_parts_that_differ_go_over_into_each_other_without_a_step() -> None:
    joined = join_mels([torch.full((80, 40), -3.0), torch.full((80, 50), -1.0), torch.full((80, 30), -6.0)])
    assert joined.shape == (80, 118)
    assert float(joined.diff(dim=1).abs().max()) <= 2.5 / BEND + 1e-6
    for frame, value in ((0, -3.0), (39 - BEND, -3.0), (39, -2.0), (39 + BEND, -1.0), (88, -3.5), (117, -6.0)):
        assert torch.allclose(joined[:, frame], torch.tensor(value)), frame


def test_a_sound_is_put_back_between_the_silence_of_the_recording() -> None:
    mono_T = np.linspace(-0.5, 0.5, 9000, dtype=np.float32)
    recording = Recording(mono_T[:, None], 22050, mono_T, 3000, 6000)
    back_T = put_back(recording, torch.zeros(2048))
    assert len(back_T) == 9000 - 3000 + 2048
    assert np.array_equal(back_T[:3000], mono_T[:3000])
    assert np.array_equal(back_T[-3000:], mono_T[-3000:])
    assert np.abs(back_T[3000 + FADE : -3000 - FADE]).max() == 0
    assert np.abs(np.diff(back_T)).max() < 0.01
    assert np.abs(put_back(recording, torch.full((2048,), 3.0))).max() <= 1


def test_the_level_of_a_mel_is_that_of_its_sound() -> None:
    rng = np.random.default_rng(0)
    white = torch.from_numpy(rng.standard_normal((1, 22050)).astype(np.float32) * 0.1)
    noise, low = (torch.nn.functional.avg_pool1d(white, size, 1, size // 2)[0] for size in (5, 15))
    quiet = level(log_mel(0.1 * noise)) - level(log_mel(noise))
    assert abs(float(quiet) - np.log(0.1)) < 0.01
    wanted = torch.log(low.square().mean() / noise.square().mean()) / 2
    assert abs(float(level(log_mel(low)) - level(log_mel(noise)) - wanted)) < 0.06, "half a decibel"
