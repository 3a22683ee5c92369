"""`affekt maximise` writes what it says, the same every time, and never over something."""

import json
from pathlib import Path

import pytest
import soundfile
from PIL import Image

from affekt.cli.main import main
from affekt.corpora.table import EMOTIONS

SMALL = ["--seeds", "2", "--steps", "3"]


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_voices_pictures_and_scores(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["maximise", "--emotion", "happy", *SMALL]) == 0
    out, err = capsys.readouterr()
    assert err == "", "no progress bar in a pipe"
    folder = trained / "maximised-happy"
    names = {f"seed-{i:03}.{stage}.{kind}" for i in (0, 1) for stage in ("before", "after") for kind in ("wav", "png")}
    assert set(files_of(folder)) == names | {"scores.json"}
    # A climb leaves its start: untrained networks promise no more than that here.
    assert (folder / "seed-000.before.wav").read_bytes() != (folder / "seed-000.after.wav").read_bytes()
    for name in names:
        if name.endswith("wav"):
            info = soundfile.info(folder / name)
            assert (info.samplerate, info.channels, info.frames) == (22050, 1, 159 * 256)
        else:
            with Image.open(folder / name) as picture:
                assert picture.width / picture.height == 160 / 80

    scores = json.loads((folder / "scores.json").read_text())
    assert {key: scores[key] for key in ("emotion", "seed", "seeds", "steps")} == {
        "emotion": "happy",
        "seed": 0,
        "seeds": 2,
        "steps": 3,
    }
    assert [voice["name"] for voice in scores["voices"]] == ["seed-000", "seed-001"]
    for voice in scores["voices"]:
        for listener in ("recogniser", "judge"):
            for stage in ("before", "after"):
                assert 0 < voice[f"{listener}/{stage}"] < 1
                assert voice[f"{listener}/{stage}_emotion"] in EMOTIONS
        assert voice["name"] in out


def test_the_same_seed_gives_the_same_files_and_another_does_not(trained: Path) -> None:
    for folder, seed in (("a", "5"), ("b", "5"), ("c", "6")):
        assert main(["maximise", "--emotion", "sad", *SMALL, "--seed", seed, "-o", folder]) == 0
    assert files_of(trained / "a") == files_of(trained / "b")
    assert files_of(trained / "a")["seed-000.after.wav"] != files_of(trained / "c")["seed-000.after.wav"]


def test_a_full_folder_is_kept_without_force(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (trained / "mine").mkdir()
    (trained / "mine" / "letter.txt").write_text("precious")
    words = ["maximise", "--emotion", "happy", *SMALL, "-o", "mine"]
    assert main(words) == 2
    assert "mine is not empty" in capsys.readouterr().err
    assert files_of(trained / "mine") == {"letter.txt": b"precious"}
    assert main([*words, "--force"]) == 0
    assert files_of(trained / "mine")["letter.txt"] == b"precious"
    (trained / "file").write_text("x")
    assert main([*words[:-1], "file", "--force"]) == 2
    assert "file is no folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["--emotion", "glad"], "known are neutral, calm, happy"),
        (["--emotion", "happy", "--seeds", "0"], "--seeds 0: must be at least 1"),
        (["--emotion", "happy", "--steps", "-1"], "--steps -1: must be at least 1"),
        (["--emotion", "happy", "--how", "mask"], "--how needs a FILE"),
        (["--emotion", "happy", "--rms-db", "3"], "--rms-db needs a FILE"),
    ],
)
def test_impossible_wishes_are_faults(
    trained: Path, capsys: pytest.CaptureFixture[str], words: list[str], part: str
) -> None:
    assert main(["maximise", *words]) == 2
    assert part in capsys.readouterr().err
    assert {path.name for path in trained.iterdir()} == {"params.yaml", "models"}


@pytest.mark.parametrize("name", ["gan", "recogniser_mel_cnn", "judge", "vocoder"])
def test_a_missing_model_is_named(trained: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    (trained / "models" / name / "weights.safetensors").unlink()
    assert main(["maximise", "--emotion", "happy", *SMALL]) == 2
    err = capsys.readouterr().err
    assert f"no trained {name} in" in err
    assert "run `make repro` first" in err


@pytest.mark.parametrize(
    "words",
    [
        ("--prior", "cgan"),
        ("--recogniser", "mel_cnn", "mel_lstm"),
        ("--recogniser", "audio_wavenet"),
        ("--prior", "cgan", "--recogniser", "audio_wavenet"),
    ],
    ids=" ".join,
)
def test_other_priors_and_recognisers_find_other_voices(trained: Path, words: tuple[str, ...]) -> None:
    assert main(["maximise", "--emotion", "sad", *SMALL, "-o", "plain"]) == 0
    assert main(["maximise", "--emotion", "sad", *SMALL, "-o", "other", *words]) == 0
    assert files_of(trained / "plain").keys() == files_of(trained / "other").keys()
    assert files_of(trained / "plain")["seed-000.after.wav"] != files_of(trained / "other")["seed-000.after.wav"]
    scores = json.loads((trained / "other" / "scores.json").read_text())
    asked = dict(zip(("prior", "recogniser"), ("gan", "mel_cnn"), strict=True))
    if "cgan" in words:
        asked["prior"] = "cgan"
    if "--recogniser" in words:
        asked["recogniser"] = " ".join(words[words.index("--recogniser") + 1 :])
    assert {key: scores[key] for key in asked} == asked
    start = scores["voices"][0]["recogniser/before"]
    assert start != json.loads((trained / "plain" / "scores.json").read_text())["voices"][0]["recogniser/before"]


def test_recognisers_of_two_kinds_are_not_believed_together(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["maximise", "--emotion", "sad", *SMALL, "--recogniser", "mel_cnn", "audio_wavenet"]) == 2
    assert "some hear mels and some waveforms" in capsys.readouterr().err
    assert not (trained / "maximised-sad").exists()
