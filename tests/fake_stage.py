"""What the scripts of stages use of a stage, with paths under folders of a test's own; what they log is kept."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch


class FakeStage:
    """Deps are read from one folder, outs and work lie in another; no graph, no tracking."""

    device = torch.device("cpu")
    name = "fake"

    def __init__(self, deps: Path, root: Path, sections: Mapping[type, Any]) -> None:
        self.deps, self.root, self.sections = deps, root, sections
        self.outs, self.work = root / "outs", root / "work"
        self.logged: list[tuple[dict[str, Any], int]] = []
        self.artifacts: list[Path] = []
        self.outs.mkdir(parents=True)
        self.work.mkdir()

    def params(self, section: type) -> Any:
        return self.sections[section]

    def dep(self, name: str) -> Path:
        return self.deps / name

    def out(self, name: str) -> Path:
        return self.outs / name

    def seed(self, *labels: object) -> int:
        return 7 + len("".join(map(str, labels)))

    def log(self, metrics: dict[str, Any], step: int = 0) -> None:
        self.logged.append((metrics, step))

    def metrics(self, metrics: dict[str, Any]) -> None:
        self.log(metrics)

    def artifact(self, path: Path) -> None:
        self.artifacts.append(path)

    def progress(self, items: Iterable[Any], what: str, total: int | None = None, initial: int = 0) -> Iterable[Any]:
        return iter(items)

    def bytes_of_outs(self) -> dict[Path, bytes]:
        """What the outs hold, by path. Checkpoints in `work` may differ: safetensors orders their metadata at will."""
        return {path.relative_to(self.outs): path.read_bytes() for path in self.outs.rglob("*") if path.is_file()}
