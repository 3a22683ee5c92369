"""The judge hears other speakers than the recogniser; that nothing trains on it is tests/test_architecture.py's."""

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_judge_and_recogniser_train_on_other_halves() -> None:
    halves = {}
    for stage in ("recogniser", "judge"):
        tree = ast.parse((ROOT / f"pipeline/{stage}.py").read_text(encoding="utf-8"))
        texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
        halves[stage] = texts & {"a", "b"}
    assert halves == {"recogniser": {"a"}, "judge": {"b"}}
