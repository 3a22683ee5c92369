"""`affekt clone` lets voices of nobody say a recording, the same every time, and never over something."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from affekt.cli import cloning
from affekt.cli.clone import FAKE_NEUTRAL, share_of
from affekt.cli.cloning import draw_voices, flatten_around, mean_melody
from affekt.cli.main import main
from affekt.core.errors import UserError
from affekt.models.conversion import flatten_melody
from affekt.models.io import load_model
from affekt.models.speechsplit import STEP, Codes
from affekt.models.voicegan import VoiceGenerator

Record = Callable[..., Path]


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def figures_of(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "voices.json").read_text())
    return found


@pytest.mark.parametrize(("rate", "channels", "seconds"), [(22050, 1, 1.0), (8000, 1, 0.6), (96000, 2, 9.0)])
def test_voices_of_both_genders_and_their_figures(
    trained: Path, record: Record, capsys: pytest.CaptureFixture[str], rate: int, channels: int, seconds: float
) -> None:
    path = record("me.wav", seconds, rate=rate, channels=channels)
    assert main(["clone", str(path), "--voices", "3"]) == 0
    out, err = capsys.readouterr()
    assert err == "", "no progress bar in a pipe"
    folder = trained / "me-voices"
    assert set(files_of(folder)) == {"voice1.wav", "voice2.wav", "voice3.wav", "voices.json"}
    for i in (1, 2, 3):
        info = soundfile.info(folder / f"voice{i}.wav")
        assert (info.samplerate, info.channels, info.subtype) == (22050, 1, "PCM_16")
        assert abs(info.frames - seconds * 22050) < 256
        samples = soundfile.read(folder / f"voice{i}.wav")[0]
        assert 0.001 < np.abs(samples).max() <= 1
    told = figures_of(folder)
    assert (told["file"], told["seed"], told["emotion"], told["flatten"]) == ("me.wav", 0, None, 1.0)
    assert 100 < told["f0_median_hz"] < 180
    assert [row["gender"] for row in told["voices"]] == ["f", "m", "f"]
    for row in told["voices"]:
        assert row["name"] in out
        assert 0 < row["cosine_to_recording"] < 1
        assert 0 < row["cosine_to_drawn"] < 1
        assert row["f0_median_hz"] is None or 50 < row["f0_median_hz"] < 1000


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(trained: Path, record: Record) -> None:
    path = record("me.wav", 1.0)
    for folder, seed in (("a", "5"), ("b", "5"), ("c", "6")):
        assert main(["clone", str(path), "--voices", "2", "--gender", "f", "--seed", seed, "-o", folder]) == 0
    assert files_of(trained / "a") == files_of(trained / "b")
    sounds = {files_of(trained / folder)[f"voice{i}.wav"] for folder in ("a", "c") for i in (1, 2)}
    assert len(sounds) == 4
    assert {row["gender"] for row in figures_of(trained / "a")["voices"]} == {"f"}


def test_a_voice_is_the_same_however_many_are_drawn(trained: Path) -> None:
    device = torch.device("cpu")
    network = load_model(trained / "models" / "voicegan", VoiceGenerator, device)
    one_VE, three_VE = (draw_voices(network, ["f"] * count, 0, device) for count in (1, 3))
    assert torch.equal(one_VE[0], three_VE[0])
    assert not torch.allclose(three_VE[0], three_VE[1])
    assert not torch.allclose(one_VE, draw_voices(network, ["m"], 0, device))
    assert not torch.allclose(one_VE, draw_voices(network, ["f"], 1, device))
    assert torch.allclose(three_VE.norm(dim=1), torch.ones(3))


def test_an_emotion_and_a_flat_melody_change_what_is_said(trained: Path, record: Record) -> None:
    from affekt.models.codegan import CodeGenerator
    from affekt.models.io import save_model

    config = {"size": 6, "emotions": 8, "channels": 8}
    torch.manual_seed(0)
    network = CodeGenerator(**config)
    torch.nn.init.normal_(network.leave.weight)  # untrained it leaves codes alone
    save_model(trained / "models" / "codegan", network, config, {})
    path = record("me.wav", 1.0)
    wishes: dict[str, list[str]] = {
        "plain": [], "whole": ["--flatten", "1"], "flat": ["--flatten", "0"], "fake": ["--flatten", "fake-neutral"],
        "tenth": ["--flatten", "0.1"], "sad": ["--emotion", "sad"], "happy": ["--emotion", "happy"],
    }  # fmt: skip
    made = {}
    for name, wish in wishes.items():
        assert main(["clone", str(path), "--voices", "1", *wish, "-o", name]) == 0
        made[name] = files_of(trained / name)["voice1.wav"]
    assert made["fake"] == made["tenth"]
    assert len({made[name] for name in ("plain", "flat", "tenth", "sad", "happy")}) == 5
    assert figures_of(trained / "fake")["flatten"] == 0.1
    assert figures_of(trained / "sad")["emotion"] == "sad"


@pytest.mark.parametrize("kind", ["noise", "click"])
def test_what_has_no_voice_becomes_finite_sound(trained: Path, capsys: pytest.CaptureFixture[str], kind: str) -> None:
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 22050)
    click = np.pad(noise[: round(0.2 * 22050)], 9000)
    soundfile.write("me.wav", noise if kind == "noise" else click, 22050)
    assert main(["clone", "me.wav", "--voices", "1"]) == 0
    assert "me.wav: no voice is heard in it" in capsys.readouterr().err
    samples = soundfile.read(trained / "me-voices" / "voice1.wav")[0]
    assert np.isfinite(samples).all()
    assert np.abs(samples).max() <= 1
    assert figures_of(trained / "me-voices")["f0_median_hz"] is None


def test_a_full_folder_is_kept_without_force(trained: Path, record: Record, capsys: pytest.CaptureFixture[str]) -> None:
    path = record("me.wav", 1.0)
    (trained / "mine").mkdir()
    (trained / "mine" / "voice1.wav").write_text("precious")
    words = ["clone", str(path), "--voices", "1", "-o", "mine"]
    assert main(words) == 2
    assert "mine is not empty" in capsys.readouterr().err
    assert files_of(trained / "mine") == {"voice1.wav": b"precious"}
    assert main([*words, "--force"]) == 0
    assert soundfile.info(trained / "mine" / "voice1.wav").frames > 0


def test_force_takes_away_the_voices_of_the_run_before_and_nothing_else(trained: Path, record: Record) -> None:
    path = record("me.wav", 1.0)
    words = ["clone", str(path), "-o", "mine", "--voices"]
    assert main([*words, "3"]) == 0
    (trained / "mine" / "voice9.wav").write_text("my own")
    figures = figures_of(trained / "mine")
    figures["voices"] += [{"name": "../me"}, {"name": "notes"}, 7]
    (trained / "mine" / "voices.json").write_text(json.dumps(figures))
    (trained / "mine" / "notes.wav").write_text("my own")
    assert main([*words, "2", "--force"]) == 0
    assert set(files_of(trained / "mine")) == {"voice1.wav", "voice2.wav", "voice9.wav", "notes.wav", "voices.json"}
    assert path.exists()


@pytest.mark.parametrize("name", ["voice2", "voice3"])
def test_the_recording_itself_is_never_written_over(
    trained: Path, record: Record, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    assert main(["clone", str(record("me.wav", 1.0)), "-o", "mine", "--voices", "3"]) == 0
    there = files_of(trained / "mine")
    capsys.readouterr()
    (trained / "link").symlink_to("mine")
    for folder in ("mine", "link"):
        assert main(["clone", f"{folder}/{name}.wav", "-o", "mine", "--voices", "2", "--force"]) == 2
        assert f"mine: {name}.wav in it is the recording itself" in capsys.readouterr().err
    assert files_of(trained / "mine") == there


@pytest.mark.parametrize("wish", [[], ["--emotion", "sad", "--flatten", "0.5"]])
def test_each_voice_is_as_loud_as_the_recording(trained: Path, record: Record, wish: list[str]) -> None:
    voice = soundfile.read(record("voice.wav", 1.0))[0]
    for gain in (1.0, 0.1):
        soundfile.write("me.wav", gain * voice, 22050, subtype="FLOAT")
        assert main(["clone", "me.wav", "--voices", "2", "--force", *wish]) == 0
        for i in (1, 2):
            made = soundfile.read(trained / "me-voices" / f"voice{i}.wav")[0][256:-256]
            assert abs(10 * np.log10(np.mean(made**2) / np.mean((gain * voice) ** 2))) < 2


def codes_of(steps: int, seed: int) -> Codes:
    rng = torch.Generator().manual_seed(seed)
    content_BDS, pitch_BDS, rhythm_BDS = (torch.randn(1, size, steps, generator=rng) + seed for size in (6, 4, 2))
    return Codes(content_BDS, pitch_BDS, rhythm_BDS, torch.zeros(1, 256))


def test_a_melody_is_flattened_around_the_mean_of_all_parts() -> None:
    parts = [codes_of(5, 1), codes_of(20, 2)]
    mean_BD1 = mean_melody(parts)
    both = [part.pitch_BDS.mean(2, keepdim=True) for part in parts]
    assert torch.allclose(mean_BD1, (both[0] + 4 * both[1]) / 5, atol=1e-6), "a long part counts more"
    one, two = (flatten_around(part, mean_BD1, 0.0) for part in parts)
    assert torch.equal(one.pitch_BDS, mean_BD1.expand(-1, -1, 5))
    assert torch.equal(two.pitch_BDS, mean_BD1.expand(-1, -1, 20))
    assert two.rhythm_BDS is parts[1].rhythm_BDS
    for factor in (0.0, 0.1, 1.0):
        alone = flatten_around(parts[1], mean_melody(parts[1:]), factor).pitch_BDS
        told = flatten_melody(parts[1], torch.tensor([20 * STEP]), factor).pitch_BDS
        assert torch.allclose(alone, told, atol=1e-6), "as it is measured"


def test_a_long_recording_is_flattened_to_one_note(
    trained: Path, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[Codes] = []
    decode = cloning.decode_part
    monkeypatch.setattr(
        cloning, "decode_part", lambda model, codes, *rest: said.append(codes) or decode(model, codes, *rest)
    )
    assert main(["clone", str(record("me.wav", 9.0)), "--voices", "1", "--flatten", "0"]) == 0
    assert len(said) > 1
    notes = torch.cat([codes.pitch_BDS for codes in said], 2)
    assert float((notes - notes[:, :, :1]).abs().max()) < 1e-6


def test_voices_are_measured_and_written_one_by_one(
    trained: Path, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    embed = cloning.embed_speakers
    monkeypatch.setattr(cloning, "embed_speakers", lambda *args: asked.append(len(args[1])) or embed(*args))
    assert main(["clone", str(record("me.wav", 1.0)), "--voices", "3"]) == 0
    assert asked == [1, 1, 1]


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["me.wav", "-o", "me.wav/new"], "me.wav/new: nothing can be written there (Not a directory"),
        (["whole.wav"], "whole.wav: has samples of up to 30000, and full scale is 1"),
        (["nowhere.wav"], "nowhere.wav: there is no such file"),
        (["short.wav"], "short.wav: holds 0.20 s of sound, and 0.25 s to 120 s can be converted"),
        (["me.wav", "--voices", "0"], "--voices 0: must be from 1 to 100"),
        (["me.wav", "--emotion", "glad"], "--emotion glad: known are"),
        (["me.wav", "--flatten", "2"], "--flatten 2: must be a number from 0 to 1, or fake-neutral"),
        (["me.wav", "--flatten", "nan"], "--flatten nan: must be"),
        (["me.wav", "--flatten", "flat"], "--flatten flat: must be"),
    ],
)
def test_impossible_wishes_are_faults_and_leave_nothing(
    trained: Path, record: Record, capsys: pytest.CaptureFixture[str], words: list[str], part: str
) -> None:
    record("me.wav", 1.0)
    record("short.wav", 0.2)
    soundfile.write("whole.wav", np.full(22050, 3e4) * np.sign(np.sin(np.arange(22050) / 20)), 22050, subtype="FLOAT")
    assert main(["clone", *words]) == 2
    err = capsys.readouterr().err
    assert part in err
    assert err.count("\n") == 1
    assert not (trained / "me-voices").exists()


@pytest.mark.parametrize(("wish", "name"), [([], "voicegan"), ([], "speechsplit"), (["--emotion", "sad"], "codegan")])
def test_a_model_that_is_missing_is_named(
    trained: Path, record: Record, capsys: pytest.CaptureFixture[str], wish: list[str], name: str
) -> None:
    (trained / "models" / name / "weights.safetensors").unlink()
    assert main(["clone", str(record("me.wav", 1.0)), *wish]) == 2
    assert f"no trained {name} in" in capsys.readouterr().err


def test_shares_of_the_melody_are_numbers_or_fake_neutral() -> None:
    assert [share_of(word) for word in ("0", "0.25", "1")] == [0.0, 0.25, 1.0]
    assert {share_of(word) for word in ("fake-neutral", "fake neutral", "Fake-Neutral")} == {FAKE_NEUTRAL}
    with pytest.raises(UserError, match="--flatten inf"):
        share_of("inf")
