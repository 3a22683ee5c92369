"""results/<preset>.json: flat, complete, and only for the preset that ran."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from affekt.cli.main import main
from affekt.cli.preset import apply_preset, preset_paths
from affekt.cli.results import commit_of
from affekt.core.files import write_json

ROOT = Path(__file__).parents[2]
SUMMARY = {"recognise/conv/ua_mean": 0.58, "judge/ua": 0.6, "vocoder/istft/mel_l1": 0.2}


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with params.yaml at the demo preset, presets and a summary; no git, no MLflow."""
    shutil.copy(ROOT / "params.yaml", tmp_path)
    shutil.copytree(ROOT / "presets", tmp_path / "presets")
    apply_preset(next(path for path in preset_paths(ROOT) if path.stem == "demo"), tmp_path / "params.yaml")
    write_json(tmp_path / "reports" / "metrics" / "summary.json", SUMMARY)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_summary_speeds_and_provenance_are_joined(clone: Path) -> None:
    bench = {"vocoder/istft/x_realtime": 280, "vocoder/griffin_lim/x_realtime": 20.5, "vocoder/istft/seconds": 3}
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


def test_missing_and_unfit_files_are_faults(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_json(clone / "other.json", {"optimise/x_realtime": 3})
    assert main(["results", "--bench", "other.json"]) == 2
    assert "other.json has no vocoder/<name>/x_realtime" in capsys.readouterr().err
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
