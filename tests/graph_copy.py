"""A copy of the repository's graph with commands that only make the declared outs, for the tests of the graph."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

ROOT = Path(__file__).parents[1]
PARTS = ("dvc.yaml", "params.yaml", "Snakefile", "profiles", "environment.yaml", "environment.post-deploy.sh")
SOURCES = (".dvcignore", ".gitignore", "src/affekt", "pipeline", "data/corpora")
TOOLS = Path(sys.executable).parent
ENVIRONMENT = os.environ | {"DVC_NO_ANALYTICS": "1", "PATH": f"{TOOLS}{os.pathsep}{os.environ['PATH']}"}
TEMPLATE = re.compile(r"\$\{.*?\}")  # its dot begins no suffix
COUNTED = re.compile(r"^(\w+) +\d+$", re.MULTILINE)  # a row of Snakemake's table of jobs


def make_copy(folder: Path) -> Path:
    """Copy the graph and its sources to a new folder, a git and DVC repository; returns the folder."""
    folder.mkdir()
    for name in (*PARTS, *SOURCES):
        source, target = ROOT / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, target)
    subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
    (folder / ".dvc").mkdir()
    (folder / ".dvc" / "config").write_text("[core]\n    analytics = false\n")
    yaml = YAML()
    graph = yaml.load(folder / "dvc.yaml")
    for name, stage in graph["stages"].items():
        stage["cmd"] = " && ".join(make_out(path, name) for path in out_paths(stage))
    yaml.dump(graph, folder / "dvc.yaml")
    return folder


def out_paths(stage: dict[str, Any]) -> list[str]:
    """List the paths that an entry of dvc.yaml writes."""
    entries = [entry for key in ("outs", "metrics", "plots") for entry in stage.get(key, [])]
    return [next(iter(entry)) if isinstance(entry, dict) else entry for entry in entries]


def make_out(path: str, stage: str) -> str:
    """Return a shell command that makes an out of fixed content."""
    if Path(TEMPLATE.sub("filled", path)).suffix:
        return f"mkdir -p {Path(path).parent} && echo {stage} > {path}"
    return f"mkdir -p {path} && echo {stage} > {path}/content"


def run_tool(folder: Path, *command: str) -> str:
    """Run one of the tools of this environment in a folder; its output is shown when it fails."""
    result = subprocess.run(
        [str(TOOLS / command[0]), *command[1:]],
        cwd=folder, env=ENVIRONMENT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout
    return result.stdout


def snakemake_would_run(output: str) -> set[str]:
    """Read from the output of `snakemake -n` which rules would run."""
    if "Nothing to be done" in output:
        return set()
    table = output[output.index("Job stats:") :].split("\n\n")[0]
    return set(COUNTED.findall(table)) - {"all", "total"}
