"""Code deps: exactly the files that a stage's script imports, and nothing else of dvc.yaml touched."""

import subprocess
import sys
from pathlib import Path

import pytest

from affekt.core.codedeps import code_deps, rewrite
from affekt.core.errors import UserError

ROOT = Path(__file__).parents[2]
FILES = {
    "src/affekt/__init__.py": "",
    "src/affekt/core/__init__.py": "",
    "src/affekt/core/params.py": "import os\n",
    "src/affekt/core/errors.py": "A = 1\n",
    "src/affekt/core/unused.py": "A = 1\n",
    "src/affekt/core/hinted.py": "A = 1\n",
    "src/affekt/features/__init__.py": "",
    "src/affekt/features/mel.py": "from ..core import errors\nfrom .stft import spectrum\n",
    "src/affekt/features/stft.py": "import affekt.core.params\nimport affekt.features.mel\n",
    "src/affekt/models/__init__.py": "FILLED = True\n",
    "src/affekt/models/gan.py": "import torch\n",
    "pipeline/__init__.py": "",
    "pipeline/train.py": (
        "from typing import TYPE_CHECKING\n"
        "from affekt.features import mel\n"
        "if TYPE_CHECKING:\n    from affekt.core import hinted\n"
        "def main():\n    from affekt.models.gan import Generator\n"
    ),
    "pipeline/other.py": "from affekt.core.errors import A\n",
}
TRAIN = [
    "pipeline/train.py",
    "src/affekt/core/errors.py",
    "src/affekt/core/params.py",
    "src/affekt/features/mel.py",
    "src/affekt/features/stft.py",
    "src/affekt/models/__init__.py",
    "src/affekt/models/gan.py",
]
GRAPH = """\
# the graph
vars: [{corpus: demo}]
stages:
  other:   # odd   spacing stays
    cmd: python -m pipeline.other
    deps:
      - data/${corpus}  # sourced
      - src/affekt/core/unused.py
      - pipeline/other.py
      - {path: data/b}
    # about the outs
    outs: ["data/c"]

  train:
    cmd: python -m pipeline.train ${item.name}
    matrix:
      name: [a, b]
    deps:
    - pipeline/train.py
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def test_transitive_function_level_and_relative_imports_count(tree: Path) -> None:
    assert code_deps(tree, "pipeline.train") == TRAIN
    assert code_deps(tree, "pipeline.other") == ["pipeline/other.py", "src/affekt/core/errors.py"]


def test_rewrite_touches_only_the_code_deps(tree: Path) -> None:
    exact = rewrite(GRAPH, tree)
    code = "".join(f"    - {path}\n" for path in TRAIN)
    wanted = GRAPH.replace("    - pipeline/train.py\n", code)
    wanted = wanted.replace("      - src/affekt/core/unused.py\n      - pipeline/other.py\n", "").replace(
        "      - {path: data/b}\n",
        "      - {path: data/b}\n      - pipeline/other.py\n      - src/affekt/core/errors.py\n",
    )
    assert exact == wanted
    assert rewrite(exact, tree) == exact


def test_a_stage_without_its_script_is_refused_by_name(tree: Path) -> None:
    with pytest.raises(UserError, match=r"pipeline\.absent"):
        rewrite(GRAPH.replace("pipeline.other", "pipeline.absent"), tree)


def test_command_shows_the_difference_and_mends_it(tree: Path) -> None:
    (tree / "dvc.yaml").write_text(GRAPH)
    command = [sys.executable, "-m", "affekt.core.codedeps"]
    check = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)
    assert check.returncode == 1
    assert "-      - src/affekt/core/unused.py" in check.stdout
    subprocess.run([*command, "--write"], cwd=tree, check=True)
    assert subprocess.run(command, cwd=tree, check=False).returncode == 0


def test_code_deps_of_the_real_graph_are_exact() -> None:
    text = (ROOT / "dvc.yaml").read_text()
    assert rewrite(text, ROOT) == text


IMPORT_EACH = """
import importlib, os, sys
from pathlib import Path
root = Path.cwd()
for name in sys.argv[1:]:
    if os.fork() == 0:  # each script in a process of its own
        importlib.import_module(f"pipeline.{name}")
        files = [getattr(module, "__file__", None) for module in sys.modules.values()]
        ours = [Path(file) for file in files if file and root in Path(file).parents and ".venv" not in file]
        print(name, *sorted(path.relative_to(root).as_posix() for path in ours if path.stat().st_size), flush=True)
        os._exit(0)
    assert os.wait()[1] == 0, name
"""


def test_nothing_is_imported_that_is_not_derived() -> None:
    """What Python loads at a script's top level must lie within what was read from the syntax trees."""
    names = sorted(path.stem for path in (ROOT / "pipeline").glob("*.py") if path.stem != "__init__")
    command = [sys.executable, "-c", IMPORT_EACH, *names]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = {line.split()[0]: set(line.split()[1:]) for line in result.stdout.splitlines()}
    assert sorted(loaded) == names
    for name in names:
        assert loaded[name] <= set(code_deps(ROOT, f"pipeline.{name}")), name
