"""What it costs to start: each stage's script, and DVC and Snakemake with nothing to do.

    .venv/bin/python bench/startup.py --out startup.json

A stage's start-up is what passes before its first line of work: the interpreter, the imports, the stage's set-up
(params, graph, hashes of its deps) and, where it computes on one, the device. DVC and Snakemake are measured on a copy
of the graph whose commands only make the outs, so that no stage can run by mistake. The least of several runs counts.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))  # the copy of the graph is the tests' own

from graph_copy import ENVIRONMENT, TOOLS, make_copy, run_tool  # noqa: E402

START_STAGE = """
import importlib, sys
from pathlib import Path
name = sys.argv[1]
importlib.import_module(f"pipeline.{name}")
from affekt.core.stage import Stage
stage = Stage(Path.cwd(), name)
if "compute" in stage.spec.params:
    stage.device
"""


def least_seconds(command: list[str], folder: Path, runs: int) -> float | None:
    """Return the least wall-clock seconds of several runs, or None where the command fails (outs not made yet)."""
    seconds = []
    for _ in range(runs):
        started = time.perf_counter()
        done = subprocess.run(command, cwd=folder, env=ENVIRONMENT, capture_output=True, check=False)
        seconds.append(time.perf_counter() - started)
        if done.returncode != 0:
            return None
    return round(min(seconds), 3)


def measure_stages(runs: int) -> dict[str, float | None]:
    """Measure each script in pipeline/: its import, and its start-up where the deps of its stage are there."""
    figures: dict[str, float | None] = {}
    for script in sorted((ROOT / "pipeline").glob("[a-z]*.py")):
        importing = [sys.executable, "-c", f"import pipeline.{script.stem}"]
        figures[f"stage/{script.stem}/import_s"] = least_seconds(importing, ROOT, runs)
        starting = [sys.executable, "-c", START_STAGE, script.stem]
        figures[f"stage/{script.stem}/start_s"] = least_seconds(starting, ROOT, runs)
    return figures


def measure_tools(runs: int) -> dict[str, float | None]:
    """Measure DVC and Snakemake with nothing to do."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = make_copy(Path(temporary) / "copy")
        run_tool(folder, "snakemake", "--quiet")
        commands = {
            "dvc/version_s": ["dvc", "--version"],
            "dvc/status_s": ["dvc", "status"],
            "dvc/repro_s": ["dvc", "repro"],
            "snakemake/dry_run_s": ["snakemake", "-n"],
        }
        figures = {
            name: least_seconds([str(TOOLS / tool), *arguments], folder, runs)
            for name, (tool, *arguments) in commands.items()
        }
    version, repro = figures["dvc/version_s"], figures["dvc/repro_s"]
    if version and repro:
        figures["dvc/repro_over_version"] = round(repro / version, 2)
    return figures


def main() -> None:
    """Measure, print and, where asked, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="write the figures there, as one flat JSON object")
    parser.add_argument("--runs", type=int, default=3, help="runs of each command (default 3)")
    arguments = parser.parse_args()
    figures = measure_tools(arguments.runs) | measure_stages(arguments.runs)
    for name, value in figures.items():
        print(f"{name:32} {'not made yet' if value is None else value}")
    if arguments.out:
        arguments.out.write_text(json.dumps(figures, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
