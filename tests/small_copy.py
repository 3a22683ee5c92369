"""A copy of the repository that runs its real graph at a tiny size, for the tests of the pipeline as a whole."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from ruamel.yaml import YAML

from affekt.core.files import sha256_tree
from affekt.core.graph import StageSpec, load_graph
from affekt.core.params import read_yaml

ROOT = Path(__file__).parents[1]
TOOLS = Path(sys.executable).parent
LIMIT_S = 300  # far more than a tiny run takes; a test that hangs ends
# Small, but each training takes more steps than lie between two checkpoints: half the speakers say 60 clips, so an
# epoch of batches of 2 has 30 steps.
TRAINED = {"channels": 4, "epochs": 6, "batch": 2, "crop_frames": 32, "bf16": False}
TINY: dict[str, dict[str, object]] = {
    "compute": {"device": "cpu", "threads": 1},
    "corpus": {"name": "demo"},
    "demo": {"voices": 8, "statements": 1, "repetitions": 1},
    "features": {"workers": 1},
    "recogniser": TRAINED,
    "judge": TRAINED,
    "gan": {"latent": 16, "channels": 4, "steps": 180, "batch": 2, "bf16": False},
    "vocoder": {"channels": 8, "blocks": 1, "steps": 180, "batch": 2, "segment_frames": 16},
    "generation": {"samples": 16},
    "vocoding": {"clips": 2, "griffin_lim_iterations": 4},
    "maximise": {"seeds": 2, "steps": 120, "emotions": ["happy", "sad"], "transforms": 1},
    "report": {"examples": 1},
}


def copy_repository(folder: Path) -> Path:
    """Copy what git has or would take, as a repository of its own that nothing was run in; its numbers are tiny."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in listed.rstrip("\0").split("\0"):
        if (ROOT / name).is_file() and name != "dvc.lock":
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
    for section, values in TINY.items():
        change_params(folder, section, **values)
    return folder


def change_params(folder: Path, section: str, **values: object) -> None:
    """Change values of a section of params.yaml, as an editor would."""
    yaml = YAML()
    params = yaml.load(folder / "params.yaml")
    params[section].update(values)
    yaml.dump(params, folder / "params.yaml")


def start(folder: Path, *command: str) -> "subprocess.Popen[str]":
    """Start `python`, `dvc` or `snakemake` in a folder, with that folder's code, as a process group of its own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "AFFEKT_", "DVC_"))}
    environment = kept | {
        "PATH": f"{TOOLS}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(folder / "src"),  # before the editable install
        "PYTHONDONTWRITEBYTECODE": "1",
        "DVC_NO_ANALYTICS": "1",
        "DVC_SITE_CACHE_DIR": str(folder / ".dvc" / "site"),
    }
    return subprocess.Popen(
        [str(TOOLS / command[0]), *command[1:]],
        cwd=folder, env=environment, text=True, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def finish(process: "subprocess.Popen[str]", code: int = 0) -> str:
    """Wait for a process and its exit code; return what it printed."""
    try:
        output, _ = process.communicate(timeout=LIMIT_S)
    except subprocess.TimeoutExpired:
        kill(process)
        raise
    assert process.returncode == code, output
    return output


def run(folder: Path, *command: str, code: int = 0) -> str:
    """Run a command to its end; return what it printed."""
    return finish(start(folder, *command), code)


def kill(process: "subprocess.Popen[str]") -> None:
    """Kill a process and all that it started, as a machine that loses power would."""
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def wait_until(happened: Callable[[], bool], process: "subprocess.Popen[str]") -> None:
    """Wait for something that a running process does; fail when it ends first."""
    deadline = time.monotonic() + LIMIT_S
    while not happened():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.002)


def graph_of(folder: Path) -> dict[str, StageSpec]:
    """Read the stages of a copy."""
    return load_graph(folder, read_yaml(folder / "params.yaml"))


def hash_outs(folder: Path, stage: str) -> dict[str, str]:
    """Hash each out of a stage."""
    return {out: sha256_tree(folder / out) for out in graph_of(folder)[stage].outs}
