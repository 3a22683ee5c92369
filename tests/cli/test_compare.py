"""Two states side by side, from a store that the stage runner's tracker wrote."""

import shutil
from pathlib import Path

import pytest

from affekt.cli.main import main
from affekt.cli.states import read_states
from affekt.core.files import write_json
from affekt.core.tracking import Tracker

OLD, NEW = "3f2a90b1c4d5e6f7", "3f77000000000000"
EMPTY_PARAMS = "seed: 0\n"  # only marks the root: the command reads states, not this file


def log_state(root: Path, name: str, params: dict[str, object], metrics: dict[str, float]) -> None:
    tags = {"affekt.state": name, f"affekt.state.{name}": "true", "affekt.commit": "c0ffee" * 6}
    stage = Tracker(root, "gan", {"affekt.kind": "stage", "affekt.stage": "gan", "affekt.item": "", **tags}, {})
    stage.log({"adv/generator": 1.0}, step=1)
    stage.finish("FINISHED", {})
    state = Tracker(root, f"state {name}", {"affekt.kind": "state", **tags}, params)
    state.log(metrics)
    state.finish("FINISHED", {})
    assert not state.failed
    assert not stage.failed


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("clone")
    (root / "params.yaml").write_text(EMPTY_PARAMS)
    same = {"corpus.name": "demo", "maximise.emotions": ["happy", "sad"]}
    metrics = {"judge/ua": 0.5, "recognise/conv/ua_mean": 0.25, "gone": 1.0}
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        log_state(root, OLD, {**same, "gan.steps": 500}, metrics)
        log_state(root, OLD, {**same, "gan.steps": 500}, metrics)  # rerun by hand: still one state
        shutil.copy(root / "mlflow.db", root / "one_state.db")
        log_state(root, NEW, {**same, "gan.steps": 900}, {"judge/ua": 0.75, "recognise/conv/ua_mean": 0.25})
    return root


@pytest.fixture
def here(store: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(store)
    return store


def test_states_hold_all_params_and_metrics_oldest_first(here: Path) -> None:
    old, new = read_states(here)
    assert (old.name, new.name) == (OLD, NEW)
    assert old.params == {"corpus.name": "demo", "maximise.emotions": "['happy', 'sad']", "gan.steps": "500"}
    assert new.metrics == {"judge/ua": 0.75, "recognise/conv/ua_mean": 0.25}


def test_last_two_are_compared_by_default(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare"]) == 0
    out = capsys.readouterr().out
    rows = [line.split() for line in out.splitlines()]
    assert ["gan.steps", "500", "900"] in rows
    assert ["judge/ua", "0.5", "0.75", "+0.25"] in rows
    assert ["gone", "1", "-"] in rows
    assert not any(row and row[0] in ("corpus.name", "recognise/conv/ua_mean") for row in rows)
    assert "1 metrics are equal." in out
    assert "mlflow ui --backend-store-uri sqlite:///mlflow.db" in out


def test_order_of_the_arguments_is_the_order_of_the_columns(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "last", "3f2a"]) == 0
    assert ["judge/ua", "0.75", "0.5", "-0.25"] in [line.split() for line in capsys.readouterr().out.splitlines()]


def test_list_shows_each_state(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[2:]] == [OLD[:10], NEW[:10]]
    assert all("demo" in line and "c0ffee" in line for line in lines[2:])


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["3f"], "2 states begin with '3f'"),
        (["abc"], "no state begins with 'abc'"),
        (["results/none.json"], "there is no file results/none.json"),
    ],
)
def test_unclear_states_are_faults(here: Path, capsys: pytest.CaptureFixture[str], words: list[str], part: str) -> None:
    assert main(["compare", *words]) == 2
    assert part in capsys.readouterr().err


def test_results_files_need_no_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_json(tmp_path / "a.json", {"judge/ua": 0.5, "provenance/commit": "abc"})
    write_json(tmp_path / "b.json", {"judge/ua": 0.5, "provenance/commit": "def", "new": 2})
    assert main(["compare", "a.json", "b.json"]) == 0
    out = capsys.readouterr().out
    rows = [line.split() for line in out.splitlines()]
    assert ["provenance/commit", "abc", "def"] in rows
    assert ["new", "-", "2"] in rows
    assert "mlflow" not in out
    write_json(tmp_path / "nested.json", {"judge": {"ua": 0.5}})
    assert main(["compare", "a.json", "nested.json"]) == 2
    assert "judge must be a number or text" in capsys.readouterr().err


def test_no_store_is_a_fault_and_makes_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text(EMPTY_PARAMS)
    assert main(["compare"]) == 2
    assert "run `make repro` first" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["params.yaml"]


def test_one_state_cannot_be_compared(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{here}/one_state.db")
    assert main(["compare"]) == 2
    assert f"only one state yet ({OLD[:10]}" in capsys.readouterr().err


def test_a_store_that_is_no_database_is_a_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text(EMPTY_PARAMS)
    (tmp_path / "mlflow.db").write_text("no database " * 100)
    assert main(["compare"]) == 2
    assert "cannot be read" in capsys.readouterr().err
