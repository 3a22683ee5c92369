"""A synthetic repository of two stages."""

from pathlib import Path

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
"""


def make_repo(root: Path) -> Path:
    """Make a repository with a source file and empty scripts; returns its root."""
    for folder in ("data", "pipeline"):
        (root / folder).mkdir(parents=True)
    (root / "params.yaml").write_text(PARAMS.read_text())
    (root / "dvc.yaml").write_text(GRAPH)
    (root / "data" / "demo.txt").write_text("source")
    (root / "data" / "other.txt").write_text("not declared")
    for name in ("__init__", "first", "second"):
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
