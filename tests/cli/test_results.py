"""results/<preset>.json: flat, complete, and only for the preset that ran."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from affekt.cli.main import main
from affekt.cli.preset import apply_preset, preset_paths
from affekt.cli.results import commit_of, owner_of
from affekt.core.files import sha256_tree, write_json
from affekt.core.graph import load_graph, look_up
from affekt.core.params import read_yaml
from affekt.core.tracking import Tracker

ROOT = Path(__file__).parents[2]
SUMMARY = {"recognise/conv/ua_mean": 0.58, "judge/ua": 0.6, "vocoder/istft/mel_l1": 0.2}


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with params.yaml at the demo preset, presets, a graph that ran and a summary; no git, no MLflow."""
    shutil.copy(ROOT / "params.yaml", tmp_path)
    shutil.copy(ROOT / "dvc.yaml", tmp_path)
    shutil.copytree(ROOT / "presets", tmp_path / "presets")
    apply_preset(next(path for path in preset_paths(ROOT) if path.stem == "demo"), tmp_path / "params.yaml")
    write_json(tmp_path / "reports" / "metrics" / "summary.json", SUMMARY)
    write_lock(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_lock(root: Path) -> None:
    """Say in dvc.lock, of which JSON is a part of YAML, that all stages ran with params.yaml as it is."""
    values = read_yaml(root / "params.yaml")
    stages = {
        name: {"params": {"params.yaml": {key: look_up(values, key) for key in spec.params}}}
        for name, spec in load_graph(root, values).items()
    }
    write_json(root / "dvc.lock", {"schema": "2.0", "stages": stages})


def test_summary_speeds_and_provenance_are_joined(clone: Path) -> None:
    bench = {"vocoder/istft/x_realtime": 280, "vocoder/griffin_lim/x_realtime": 20.5, "vocoder/istft/seconds": 3}
    bench["vocoder/waveglow/x_realtime"] = 7.5
    write_json(clone / "bench.json", bench)
    assert main(["results", "--bench", "bench.json"]) == 0
    results = json.loads((clone / "results" / "demo.json").read_text())
    provenance = {key for key in results if key.startswith("provenance/")}
    assert provenance == {f"provenance/{name}" for name in ("commit", "hardware", "seconds", "versions")}
    assert all(isinstance(results[key], str) for key in provenance)
    speeds = {key: value for key, value in bench.items() if key.endswith("x_realtime")}
    assert {key: value for key, value in results.items() if key not in provenance} == SUMMARY | speeds
    assert not (clone / "mlflow.db").exists()


def test_another_preset_than_the_one_that_ran_is_refused(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["results", "--preset", "ravdess"]) == 2
    assert "corpus.name is demo, not ravdess" in capsys.readouterr().err
    params = clone / "params.yaml"
    params.write_text(params.read_text().replace("name: demo ", "name: ravdess "))
    assert main(["results"]) == 2
    assert "does not have the values of preset demo (corpus.name is ravdess, not demo)" in capsys.readouterr().err
    assert not (clone / "results").exists()


def test_equal_presets_have_to_be_told_apart(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copy(clone / "presets" / "demo.yaml", clone / "presets" / "same.yaml")
    assert main(["results"]) == 2
    assert "has the values of several presets: --preset demo or same" in capsys.readouterr().err
    assert main(["results", "--preset", "same"]) == 0
    assert [path.name for path in (clone / "results").iterdir()] == ["same.json"]


@pytest.mark.parametrize("words", [[], ["--stages", "hearing"]])
def test_figures_of_other_parameters_are_refused(
    clone: Path, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    write_json(clone / "reports" / "metrics" / "hearing.json", {"recognise/mel_cnn/ua_mean": 0.5})
    params = clone / "params.yaml"
    params.write_text(params.read_text().replace("benchmark:\n  seeds: 1", "benchmark:\n  seeds: 2"))
    preset = clone / "presets" / "demo.yaml"
    preset.write_text(preset.read_text().replace("benchmark:\n  seeds: 1", "benchmark:\n  seeds: 2"))
    assert main(["results", *words]) == 2
    assert "stage benchmark@mel_cnn ran with another `benchmark` than params.yaml has" in capsys.readouterr().err
    (clone / "dvc.lock").unlink()
    assert main(["results", *words]) == 2
    assert "has not run: `dvc repro" in capsys.readouterr().err
    assert not (clone / "results").exists()


def test_a_stage_takes_the_place_of_all_that_it_measured_before(clone: Path) -> None:
    stays = {"recognise/judge/ua": 0.5, "recognise/mfcc_svm_a/ua": 0.4, "vocoder/istft/x_realtime": 9, "judge/ua": 0.5}
    gone = {
        "recognise/old_net/ua_mean": 0.1, "recognise/old_net/four/ua_mean": 0.2, "recognise/seeds": 9,
        "ablation/old_aid/ua": 0.4, "ablation/seeds": 9,
    }  # fmt: skip
    dreams = {"gender/old_net/accuracy": 0.3, "dream/grid/block2/octaves_9/step_0.1/activation_after": 7.0}
    write_json(clone / "results" / "demo.json", stays | gone | dreams)
    found = {"recognise/mel_cnn/ua_mean": 0.6, "recognise/mfcc_cnn/gender/accuracy": 0.9, "ablation/mixup/ua": 0.5}
    write_json(clone / "reports" / "metrics" / "hearing.json", found)
    assert main(["results", "--stages", "hearing"]) == 0
    results = json.loads((clone / "results" / "demo.json").read_text())
    expected = stays | dreams | found
    assert {key: value for key, value in results.items() if not key.startswith("provenance/")} == expected
    write_json(clone / "reports" / "metrics" / "dream.json", {"dream/block1/activation_after": 1.0})
    assert main(["results", "--stages", "dream"]) == 0
    results = json.loads((clone / "results" / "demo.json").read_text())
    assert {key for key in results if key.startswith("dream")} == {"dream/block1/activation_after"}
    write_json(clone / "reports" / "metrics" / "gender_recognition.json", {"gender/gender_fast/accuracy": 0.9})
    assert main(["results", "--stages", "gender_recognition"]) == 0
    results = json.loads((clone / "results" / "demo.json").read_text())
    assert {key for key in results if key.startswith("gender")} == {"gender/gender_fast/accuracy"}
    assert {f"provenance/{stage}/commit" for stage in ("hearing", "gender_recognition", "dream")} <= set(results)


def test_stages_that_are_given_together_share_what_is_said_of_their_origin(clone: Path) -> None:
    climbed = {"maximise/gan/mel_cnn/all/judge_after": 0.6}
    write_json(clone / "reports" / "metrics" / "maximise" / "mel_cnn.json", climbed)
    write_json(clone / "reports" / "metrics" / "dream.json", {"dream/block1/activation_after": 1.0})
    write_json(clone / "reports" / "metrics" / "mask.json", {"mask/clips": 50})
    assert main(["results", "--stages", "dream", "mask"]) == 0
    assert main(["results", "--stages", "maximise@mel_cnn", "mask"]) == 0
    results = json.loads((clone / "results" / "demo.json").read_text())
    told = {key.split("/")[1] for key in results if key.startswith("provenance/")}
    assert told == {"dream", "maximise@mel_cnn+mask"}
    assert climbed.items() <= results.items()


def test_a_stage_that_measures_nothing_is_refused(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["results", "--stages", "prepare"]) == 2
    assert "--stages prepare: it makes no file in reports/metrics" in capsys.readouterr().err
    assert main(["results", "--stages", "mask"]) == 2
    assert "mask.json: `dvc repro mask` first" in capsys.readouterr().err


def log_run(root: Path, stage: str, item: str, outs: dict[str, str], seconds: float) -> None:
    tags = {"affekt.kind": "stage", "affekt.stage": stage, "affekt.item": item, "affekt.state": "s"}
    tracker = Tracker(root, stage, tags, {})
    tracker.log({"training_seconds": seconds})
    tracker.finish("FINISHED", outs)
    assert not tracker.failed


def test_seconds_are_those_of_the_runs_that_made_what_is_there(clone: Path) -> None:
    for path, text in (("models/mel_lstm/weights", "now"), ("models/mel_cnn/weights", "now")):
        (clone / path).parent.mkdir(parents=True)
        (clone / path).write_text(text)
    tag, now = "affekt.out.models/mel_lstm", sha256_tree(clone / "models" / "mel_lstm")
    log_run(clone, "benchmark", "mel_lstm", {tag: now}, 5000)
    log_run(clone, "benchmark", "mel_lstm", {tag: now}, 7000)
    log_run(clone, "benchmark", "mel_lstm", {tag: "of another preset"}, 9000)
    log_run(clone, "benchmark", "mel_cnn", {"affekt.out.models/mel_cnn": "of another preset"}, 9000)
    write_json(clone / "reports" / "metrics" / "hearing.json", {"recognise/mel_lstm/ua_mean": 0.5})
    assert main(["results", "--stages", "hearing"]) == 0
    told = json.loads((clone / "results" / "demo.json").read_text())["provenance/hearing/seconds"]
    assert told.startswith("7000 (")
    assert "benchmark@mel_lstm 7000" in told
    assert "benchmark@mel_cnn unknown" in told


def test_missing_and_unfit_files_are_faults(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_json(clone / "other.json", {"optimise/x_realtime": 3})
    assert main(["results", "--bench", "other.json"]) == 2
    assert "other.json has no vocoder/<name>/x_realtime" in capsys.readouterr().err
    assert main(["results", "--stages", "listening"]) == 2
    assert "--stages listening: dvc.yaml has no such stage; known are fetch" in capsys.readouterr().err
    (clone / "reports" / "metrics" / "summary.json").unlink()
    assert main(["results"]) == 2
    assert "run `make repro` first" in capsys.readouterr().err


def test_commit_tells_changed_code_but_not_changed_params_or_the_readme(tmp_path: Path) -> None:
    assert commit_of(tmp_path) == "unknown"

    def git(*words: str) -> str:
        identity = ("-c", "user.name=t", "-c", "user.email=t@t")
        done = subprocess.run(["git", "-C", tmp_path, *identity, *words], capture_output=True, text=True, check=True)
        return done.stdout.strip()

    for name in ("params.yaml", "README.md", "code.py"):
        (tmp_path / name).write_text("a\n")
    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "first")
    head = git("rev-parse", "HEAD")
    (tmp_path / "params.yaml").write_text("b\n")
    (tmp_path / "README.md").write_text("b\n")
    assert commit_of(tmp_path) == head
    (tmp_path / "code.py").write_text("b\n")
    assert commit_of(tmp_path) == f"{head} (with changes)"


@pytest.mark.parametrize(
    ("key", "other"),
    [
        ("mask/6db/judge_after", "mask/9db/happy/judge_after"),
        ("tradeoff/views/0.1/fooled", "tradeoff/plain/10/fooled"),
        ("content_fixed/p_drift", "content_fixed/held/all/drift"),
        ("convert/pairs", "convert/codegan/happy/judge_accuracy"),
        ("disentangle/pairs", "disentangle/none/f0/to_a"),
        ("voices/samples", "voices/decoded/f0_women_hz"),
    ],
)
def test_rows_of_bounds_and_weights_that_are_gone_go_with_their_stage(key: str, other: str) -> None:
    assert owner_of(key) == owner_of(other)
