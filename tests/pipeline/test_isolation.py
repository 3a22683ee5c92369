"""Each stage, where nothing but its declared deps exists, makes the outs that it makes in the whole repository."""

import shutil
from pathlib import Path

import pytest
from small_copy import ROOT, Process, graph_of, hash_outs

from affekt.core.graph import CODE_ROOTS

pytestmark = pytest.mark.slow

STAGES = sorted(graph_of(ROOT))
# Runs a stage as `python -m` does, and notes every file that Python opens.
PROBE = """
import runpy, sys
opened = set()
sys.addaudithook(lambda event, arguments: opened.add(str(arguments[0])) if event == "open" else None)
(name, _, item), notes = sys.argv[1].partition("@"), sys.argv[2]
sys.argv[1:] = [item] if item else []
runpy.run_module(f"pipeline.{name}", run_name="__main__")
with open(notes, "w") as file:
    file.write("\\n".join(opened))
"""
# Another person, time of day and tracking server (one that is away): outs that depended on them would differ.
ELSEWHERE = {
    "USER": "somebody",
    "LOGNAME": "somebody",
    "TZ": "Pacific/Kiritimati",
    "COLUMNS": "40",
    "MLFLOW_TRACKING_URI": "http://127.0.0.1:9",
}


def isolate(run: Path, stage: str, folder: Path) -> None:
    """Copy the declared deps of a stage, and the two files that declare them, to a folder."""
    for name in ("dvc.yaml", "params.yaml", *graph_of(run)[stage].deps):
        source, target = run / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target)
        else:
            shutil.copy2(source, target)
        if name.startswith(CODE_ROOTS) and name.endswith(".py"):
            mark_packages(source, target, len(Path(name).parents) - 2 - name.startswith("src/"))


def mark_packages(source: Path, target: Path, depth: int) -> None:
    """Make the __init__.py of the packages above a file: they are not declared because they are empty."""
    for level in range(depth + 1):
        original = source.parents[level] / "__init__.py"
        if original.exists():
            assert original.read_bytes() == b"", f"{original} holds code, so dvc.yaml has to declare it"
            (target.parents[level] / "__init__.py").touch()


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_needs_only_what_it_declares(stage: str, first_run: Path, tmp_path: Path) -> None:
    folder, notes = tmp_path / "isolated", tmp_path / "opened.txt"
    isolate(first_run, stage, folder)
    Process(folder, "python", "-c", PROBE, stage, str(notes), **ELSEWHERE).finish()
    assert hash_outs(folder, stage) == hash_outs(first_run, stage)
    opened = {Path(name) for name in notes.read_text().splitlines()}
    assert folder / "src/affekt/core/stage.py" in opened
    assert [path for path in opened if path.is_relative_to(first_run)] == []
    # A developer's repository is installed editable, and its own code must not have helped.
    ours = [ROOT / name for name in ("src", "pipeline", "data", "models", "reports", "params.yaml", "dvc.yaml")]
    assert [path for path in opened if any(path.is_relative_to(place) for place in ours)] == []
