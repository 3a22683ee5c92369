"""A copy of the repository that runs its real graph at a tiny size, for the tests of the pipeline as a whole."""

import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from affekt.core.files import sha256_tree
from affekt.core.graph import StageSpec, load_graph
from affekt.core.params import read_yaml

ROOT = Path(__file__).parents[1]
TOOLS = Path(sys.executable).parent
OWN_SETTINGS = ("AFFEKT_", "DVC_", "MLFLOW_", "SNAKEMAKE_")  # of the person who tests: not for the copies
POLL_S = 0.002
LIMIT_S = 2400  # far more than a tiny run takes; a test that hangs ends
# Small, but trainings that are killed take more steps than lie between two checkpoints: half the speakers say 60 clips,
# so an epoch of batches of 2 has 30 steps; in a fold of the benchmark about 45.
NETWORK = {"channels": 4, "layers": 1, "epochs": 1}
TINY: dict[str, dict[str, object]] = {
    "compute": {"device": "cpu", "threads": 1},
    "corpus": {"name": "demo"},
    "demo": {"voices": 8, "statements": 1, "repetitions": 1},
    "features": {"workers": 1},
    # Aids that are off already are no variants of the ablation: fewer trainings.
    "training": {
        "batch": 2, "crop_frames": 32, "bf16": False, "weight_decay": 0.0, "label_smoothing": 0.0, "noise": 0.0,
    },
    "recognisers": {
        "mel_cnn": {**NETWORK, "epochs": 6}, "mel_wavenet": NETWORK, "mel_lstm": NETWORK, "audio_wavenet": NETWORK,
        "audio_lstm": NETWORK,
    },
    "judge": {"channels": 4, "epochs": 6},
    "content": {"channels": 4, "segments": 4, "steps": 20},
    "networks": {
        "mel_cnn": {**NETWORK, "epochs": 3}, "mel_wavenet": NETWORK, "mel_lstm": NETWORK,
        "audio_wavenet": NETWORK, "audio_lstm": NETWORK, "mfcc_cnn": NETWORK,
    },
    "benchmark": {"seeds": 1, "folds": 2, "workers": 1},
    "leakage": {"folds": 1},
    "ablation": {"seeds": 2, "epochs": 1},
    "reading": {"name": "demo_reading", "speakers": 12, "utterances": 1},
    "gender": {"channels": 2, "steps": 10, "crop_frames": 32, "folds": 1},
    "dream": {
        "clips": 2, "seconds": 0.4, "octaves": 2, "iterations": 1, "tile_frames": 64, "jitter_frames": 4,
        "grid_layers": ["block2"], "grid_octaves": [1], "grid_steps": [0.01],
    },
    "gan": {"latent": 16, "channels": 4, "steps": 180, "batch": 2, "bf16": False},
    "cgan": {"latent": 16, "channels": 4, "steps": 20, "batch": 2, "bf16": False},
    "published_gan": {"channels": 4, "steps": 12, "batch": 2, "bf16": False},
    "vocoder": {
        "channels": 8, "blocks": 1, "steps": 180, "batch": 2, "segment_frames": 16, "critic_channels": 2, "bf16": False,
        "warmup": 0.75,
    },
    "waveglow": {
        "channels": 4, "layers": 1, "flows": 2, "condition": 4, "steps": 180, "batch": 2, "segment_frames": 16,
        "bf16": False,
    },
    "generation": {"samples": 16},
    "vocoding": {"clips": 2, "griffin_lim_iterations": 4},
    "maximise": {
        "seeds": 2, "compared": 2, "steps": 120, "audio_steps": 2, "emotions": ["happy", "sad"], "transforms": 1,
    },
    "tradeoff": {"seeds": 2, "steps": 2, "prior_weights": [0.0, 1.0]},
    "content_fixed": {"seeds": 2, "steps": 2},
    "mask": {"clips": 2, "rms_db": [3.0, 6.0], "steps": 2},
    "inversion": {"candidates": 2, "invert_steps": 1, "steps": 1},
    "translator": {"channels": 4, "steps": 20, "batch": 2, "crop_frames": 32, "critic_channels": 4, "bf16": False},
    "speechsplit": {"channels": 16, "decoder": 16, "steps": 20, "batch": 2, "crop_frames": 32},
    "codegan": {"channels": 8, "steps": 10, "batch": 4, "crop_steps": 4},
    "voicegan": {"latent": 4, "width": 8, "steps": 10, "batch": 4},
    "jury": {"channels": 4, "epochs": 1},
    "conversion": {"speakers": 2, "steps": 1},
    "disentangling": {"pairs": 2},
    "voices": {"samples": 8, "decoded": 2},
    "report": {"examples": 1},
}  # fmt: skip


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


class Process:
    """`python`, `dvc` or `snakemake`, started in a copy with that copy's code, as a process group of its own."""

    def __init__(self, folder: Path, *command: str, **environment: str):
        kept = {name: value for name, value in os.environ.items() if not name.startswith(OWN_SETTINGS)}
        # A file, since a pipe that nobody reads would fill up.
        self._output = tempfile.TemporaryFile("w+", dir=folder.parent)  # noqa: SIM115 (it lives as long as this)
        self._popen = subprocess.Popen(
            [str(TOOLS / command[0]), *command[1:]],
            cwd=folder, env={**kept, **environment_of(folder), **environment}, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=self._output, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def output(self) -> str:
        """Return what it printed so far."""
        self._output.seek(0)
        return self._output.read()

    def finish(self, code: int | None = 0) -> str:
        """Wait for its end and check its exit code (None: any but 0); return what it printed."""
        try:
            found = self._popen.wait(LIMIT_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        assert found != 0 if code is None else found == code, self.output()
        return self.output()

    def wait_until(self, happened: Callable[[], bool]) -> None:
        """Wait for something that it does; fail when it ends before."""
        deadline = time.monotonic() + LIMIT_S
        while not happened():
            assert self._popen.poll() is None, self.output()
            assert time.monotonic() < deadline
            time.sleep(POLL_S)

    def signal(self, number: int) -> None:
        """Send a signal to it and all that it started."""
        os.killpg(self._popen.pid, number)

    def kill(self) -> None:
        """Kill it and all that it started, if it still runs, as a machine that loses power would."""
        if self._popen.poll() is None:
            self.signal(signal.SIGKILL)
            self._popen.wait()


def environment_of(folder: Path) -> dict[str, str]:
    """The variables that make the tools of this environment work on a copy and nothing else."""
    return {
        "PATH": f"{TOOLS}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(folder / "src"),  # comes before the editable install
        "PYTHONDONTWRITEBYTECODE": "1",
        "DVC_NO_ANALYTICS": "1",
        "DVC_SITE_CACHE_DIR": str(folder / ".dvc" / "site"),
    }


def run(folder: Path, *command: str, code: int | None = 0) -> str:
    """Run a command to its end; return what it printed."""
    return Process(folder, *command).finish(code)


def graph_of(folder: Path) -> dict[str, StageSpec]:
    """Read the stages of a copy."""
    return load_graph(folder, read_yaml(folder / "params.yaml"))


def hash_outs(folder: Path, stage: str) -> dict[str, str]:
    """Hash each out of a stage."""
    return {out: sha256_tree(folder / out) for out in graph_of(folder)[stage].outs}


def read_lock(folder: Path) -> Any:
    """Read dvc.lock: the hashes of all that each stage read and wrote."""
    return read_yaml(folder / "dvc.lock")["stages"]


def copy_run(folder: Path, target: Path) -> Path:
    """Copy what was run elsewhere, but not DVC's cache, from which it would restore outs that are away."""
    left = shutil.ignore_patterns("cache", "tmp", "site", "mlartifacts", "work", "__pycache__")
    shutil.copytree(folder, target, ignore=left)
    # A new store would take seconds to make; only where the old one puts artifacts has to change.
    with contextlib.closing(sqlite3.connect(target / "mlflow.db")) as store, store:
        store.execute("UPDATE experiments SET artifact_location = ?", ((target / "mlartifacts").as_uri(),))
    return target
