"""Presets change values, nothing else."""

import difflib
import shutil
from pathlib import Path

import pytest

from affekt.cli.main import main
from affekt.cli.preset import apply_preset, preset_paths, read_yaml
from affekt.core.errors import UserError
from affekt.core.graph import flatten
from affekt.core.params import load_params

ROOT = Path(__file__).parents[2]
PRESETS = {path.stem: path for path in preset_paths(ROOT)}


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the committed params.yaml at the demo preset, and the presets; it is the current one."""
    shutil.copy(ROOT / "params.yaml", tmp_path)
    shutil.copytree(ROOT / "presets", tmp_path / "presets")
    apply_preset(PRESETS["demo"], tmp_path / "params.yaml")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_committed_params_are_the_demo_preset(tmp_path: Path) -> None:
    copy = Path(shutil.copy(ROOT / "params.yaml", tmp_path))
    assert apply_preset(PRESETS["demo"], copy) == []
    assert copy.read_bytes() == (ROOT / "params.yaml").read_bytes()


def test_demo_leads_back_from_every_preset(clone: Path) -> None:
    before = (clone / "params.yaml").read_bytes()
    demo = set(flatten(read_yaml(PRESETS["demo"])))
    for path in PRESETS.values():
        assert set(flatten(read_yaml(path))) <= demo
        apply_preset(path, clone / "params.yaml")
        apply_preset(PRESETS["demo"], clone / "params.yaml")
        assert (clone / "params.yaml").read_bytes() == before


def test_only_the_named_values_change_and_comments_stay(clone: Path) -> None:
    before = (clone / "params.yaml").read_text()
    assert main(["preset", "ravdess"]) == 0
    after = (clone / "params.yaml").read_text()
    values = flatten(read_yaml(PRESETS["ravdess"]))
    params = load_params(clone / "params.yaml")
    assert {key: flatten(params.model_dump())[key] for key in values} == values

    changed = [line for line in difflib.ndiff(before.splitlines(), after.splitlines()) if line[0] in "+-"]
    added = [line[2:] for line in changed if line[0] == "+"]
    removed = [line[2:] for line in changed if line[0] == "-"]
    assert 0 < len(added) == len(removed) <= len(values)
    comments = [[line.partition("#")[2] for line in lines] for lines in (removed, added)]
    assert comments[0] == comments[1]
    assert any(comments[0])


def test_a_list_stays_on_its_line(clone: Path) -> None:
    preset = clone / "presets" / "two.yaml"
    preset.write_text("maximise:\n  emotions: [sad, happy]\n")
    apply_preset(preset, clone / "params.yaml")
    assert "  emotions: [sad, happy]" in (clone / "params.yaml").read_text()


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("gan:\n  step: 5\n", "gan.step is not a key"),
        ("gan:\n  steps: -5\n", "gan.steps: got -5"),
        ("gan:\n  steps: many\n", "gan.steps: got 'many'"),
        ("maximise:\n  emotions: sad\n", "maximise.emotions is 'sad'"),
        ("maximise:\n  emotions: [glad]\n", "maximise.emotions"),
        ("gan: [\n", "not readable as YAML"),
        ("", "must hold sections"),
    ],
)
def test_a_wrong_preset_is_refused_and_nothing_is_written(clone: Path, text: str, part: str) -> None:
    preset = clone / "presets" / "wrong.yaml"
    preset.write_text(text)
    before = (clone / "params.yaml").read_bytes()
    with pytest.raises(UserError, match=part):
        apply_preset(preset, clone / "params.yaml")
    assert (clone / "params.yaml").read_bytes() == before
    assert sorted(path.name for path in clone.iterdir()) == ["params.yaml", "presets"]


def test_listing_tells_which_one_is_in_force(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["preset"]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert set(lines) == set(PRESETS)
    assert lines["demo"].endswith("[= params.yaml as it is]")
    assert "values differ" in lines["ravdess"]


def test_unknown_preset_and_foreign_folder_are_faults(
    clone: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["preset", "huge"]) == 2
    assert "presets/ has demo, ravdess" in capsys.readouterr().err
    monkeypatch.chdir(clone / "presets")
    assert main(["preset"]) == 0, "found from a folder below"
    monkeypatch.chdir("/")
    assert main(["preset"]) == 2
    assert "inside your clone" in capsys.readouterr().err
