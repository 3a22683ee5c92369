"""A synthetic repository of two stages and one that is made for each of two items; a tracker that keeps all."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from affekt.core.stage import Stage

PARAMS = Path(__file__).parents[2] / "params.yaml"
GRAPH = """\
stages:
  first:
    desc: Make data from a source
    cmd: python -m pipeline.first
    deps:
      - data/${corpus.name}.txt
      - pipeline/first.py
    params: [seed, generation]
    outs:
      - data/made
  second:
    desc: Measure the data
    cmd: python -m pipeline.second
    deps:
      - data/made
      - pipeline/second.py
    params: [vocoding]
    outs:
      - reports/parts/second
    metrics:
      - reports/metrics/second.json: {cache: false}
  third:
    matrix:
      network: [mel_cnn, mel_lstm]
    desc: Make one thing for each network
    cmd: python -m pipeline.third ${item.network}
    deps:
      - data/${corpus.name}.txt
      - pipeline/third.py
    params: [seed, "networks.${item.network}"]
    outs:
      - models/${item.network}
"""


def make_repo(root: Path) -> Path:
    """Make a repository with a source file and empty scripts; returns its root."""
    for folder in ("data", "pipeline"):
        (root / folder).mkdir(parents=True)
    (root / "params.yaml").write_text(PARAMS.read_text())
    (root / "dvc.yaml").write_text(GRAPH)
    (root / "data" / "demo.txt").write_text("source")
    (root / "data" / "other.txt").write_text("not declared")
    for name in ("__init__", "first", "second", "third"):
        (root / "pipeline" / f"{name}.py").write_text("")
    return root


def edit(path: Path, before: str, after: str) -> None:
    """Replace the one place of a text in a file."""
    text = path.read_text()
    assert text.count(before) == 1, before
    path.write_text(text.replace(before, after))


def make_first(stage: Stage) -> None:
    """The script of `first`."""
    out = stage.out("made")
    out.mkdir(parents=True)
    (out / "text").write_text(stage.dep("demo").read_text() + " made")


def make_second(stage: Stage) -> None:
    """The script of `second`."""
    text = (stage.dep("made") / "text").read_text()
    stage.out("second.json").write_text("{}")
    stage.out("second").mkdir()
    (stage.out("second") / "part").write_text(text)


def make_third(stage: Stage) -> None:
    """The script of `third`."""
    out = stage.out(stage.item or "")
    out.mkdir(parents=True)
    (out / "text").write_text(f"{stage.item} of {stage.dep('demo').read_text()}")


def make_data(root: Path) -> None:
    """Run `first`."""
    Stage(root, "first").execute(make_first)


def tree(root: Path, *parts: str) -> set[str]:
    """List the files below a folder."""
    folder = root.joinpath(*parts)
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


class SilentTracker:
    """Keeps what it is given."""

    all: list["SilentTracker"] = []  # noqa: RUF012 (reset by the fixture)

    def __init__(self, root: Path, name: str, tags: Mapping[str, str], params: Mapping[str, Any]):
        self.tags, self.params = dict(tags), dict(params)
        self.started = False
        self.artifacts: list[Path] = []
        self.logged: list[tuple[dict[str, float], int]] = []
        self.status = ""
        self.there: list[bool] = []  # whether each artifact was there at the end
        SilentTracker.all.append(self)

    def log(self, metrics: Mapping[str, float], step: int = 0) -> None:
        self.logged.append((dict(metrics), step))

    def start(self) -> None:
        self.started = True

    def finish(self, status: str, tags: Mapping[str, str]) -> None:
        self.status = status
        self.there = [path.exists() for path in self.artifacts]
        self.tags |= tags
