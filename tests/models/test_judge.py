"""The judge is used in no loss: nothing that trains or optimises imports it, nor does its training see half a."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# The command line and the recognition, generation and maximise stages ask the judge; these never may.
TRAINS_OR_OPTIMISES = sorted(
    [*(ROOT / "src/affekt/training").glob("*.py"), *(ROOT / "src/affekt/optimise").glob("*.py")]
    + [ROOT / f"pipeline/{stage}.py" for stage in ("recogniser", "gan", "vocoder")]
)


def imports(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


@pytest.mark.parametrize("path", TRAINS_OR_OPTIMISES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_nothing_that_trains_or_optimises_imports_the_judge(path: Path) -> None:
    assert "affekt.models.judge" not in imports(path)


def test_judge_and_recogniser_train_on_other_halves() -> None:
    halves = {}
    for stage in ("recogniser", "judge"):
        tree = ast.parse((ROOT / f"pipeline/{stage}.py").read_text(encoding="utf-8"))
        texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
        halves[stage] = texts & {"a", "b"}
    assert halves == {"recogniser": {"a"}, "judge": {"b"}}
