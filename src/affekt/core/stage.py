"""The stage runner: declared inputs only, atomic outs, a work folder that survives, tracking.

A pipeline script is `def main(stage: Stage)` and `run(main)`. Paths come from dvc.yaml, by their last component, whole
or without suffix; parameters only through the sections that dvc.yaml declares for the stage.
"""

import errno
import fcntl
import hashlib
import inspect
import json
import logging
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NoReturn, TypeVar

from affekt.core import files, graph, seeds
from affekt.core.devices import limit_threads, set_up
from affekt.core.errors import StageError, UserError
from affekt.core.params import ComputeParams, Params, parse_params, read_yaml
from affekt.core.section import Section
from affekt.core.tracking import Tracker

if TYPE_CHECKING:
    import torch

S = TypeVar("S", bound=Section)
T = TypeVar("T")
EXIT_USER_ERROR = 2
KEY_LENGTH = 16  # hex digits of a key: 64 bits, enough for names that never meet by chance

logger = logging.getLogger("affekt.stage")

# By default OpenMP's threads spin while they wait for each other, and when other processes compete for the cores each
# barrier costs a slice of the scheduler: 50 times as long was measured. It decides how a thread waits, never what it
# computes. OpenMP reads it when torch is loaded, before `run` is called: hence here, since scripts import this file
# before their networks. For one that imports torch itself at its top it is too late: the caller's setting stays.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


class Stage:
    """What a pipeline script sees: declared params, deps and outs, seeds, device, progress, work folder, tracking."""

    def __init__(self, root: Path, name: str, item: str | None = None):
        self.root, self.name, self.item = root, name, item
        values = read_yaml(root / "params.yaml")
        self._params = parse_params(values, root / "params.yaml")
        self._graph = graph.load_graph(root, values)
        whole = name if item is None else f"{name}@{item}"
        if whole not in self._graph:
            raise StageError(f"dvc.yaml has no stage {whole}")
        self.spec = self._graph[whole]
        self.rank = int(os.environ.get("RANK", "0"))  # torchrun sets it; only rank 0 writes outs and tracks
        self.declared = {key: self._declared_value(key) for key in self.spec.params}
        self.dep_hashes = {dep: files.sha256_tree(root / dep) for dep in self.spec.deps}
        self.key = self._hash([name, item, self.spec.cmd, self.declared, self.dep_hashes])
        self.work = root / "work" / whole / self.key
        self.downloads = root / "work" / "downloads"  # outlives success and changed inputs: files by their checksum
        self._outs = self.work / ("outs" if self.rank == 0 else f"outs-{self.rank}")
        self._artifacts: list[Path] = []

    # -- inputs

    def params(self, section: type[S]) -> S:
        """Return the typed section of params.yaml; refused unless dvc.yaml declares it for this stage."""
        name = next(key for key, field in Params.model_fields.items() if field.annotation is section)
        if name not in self.spec.params:
            raise StageError(f"stage {self.name} reads the parameters `{name}`, which dvc.yaml does not declare for it")
        return getattr(self._params, name)

    def part(self, key: str, section: type[S]) -> S:
        """Return the typed part of a section that a dotted key names; refused unless dvc.yaml declares that key."""
        if key not in self.spec.params:
            raise StageError(f"stage {self.name} reads the parameters `{key}`, which dvc.yaml does not declare for it")
        found: Any = self._params
        for name in key.split("."):
            found = getattr(found, name)
        assert isinstance(found, section), f"{key} is a {type(found).__name__}"
        return found

    def seed(self, *labels: object) -> int:
        """Return the seed of (params.yaml's seed, stage, item, labels)."""
        return self.common_seed(self.item or "", *labels)

    def common_seed(self, *labels: object) -> int:
        """Return a seed that is the same for all items of a stage's matrix, so that they can be compared in pairs."""
        if "seed" not in self.spec.params:
            raise StageError(f"stage {self.name} draws random numbers, but dvc.yaml does not declare `seed` for it")
        return seeds.derive(self._params.seed, self.name, *labels)

    def dep(self, name: str) -> Path:
        """Return the path of the declared dep (data, not code) with this name."""
        return self.root / self._find(name, self.spec.data_deps(), "dep")

    @cached_property
    def device(self) -> "torch.device":
        """The device of `compute`, with its threads and deterministic algorithms set."""
        compute = self.params(ComputeParams)
        return set_up(compute.device, compute.threads)

    def kept(self, *parts: object) -> Path:
        """Return a work folder for a part of this stage, keyed by the deps and by what decides the part alone.

        It outlives success and changes of other parameters: a cross-validation with one more seed finds the folds
        that it has done. `make clean` removes it.
        """
        key = self._hash([self.name, self.dep_hashes, [str(part) for part in parts]])
        return self.root / "work" / "kept" / self.name / key

    # -- outputs

    def out(self, name: str) -> Path:
        """Return the temporary place of the declared out with this name; it is renamed when the stage is done."""
        path = self._outs / self._find(name, self.spec.outs, "out")
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def log(self, metrics: Mapping[str, Any], step: int = 0) -> None:
        """Log scalars of a step."""
        if self.rank == 0:
            self.tracker.log({key: float(value) for key, value in metrics.items()}, step)

    def metrics(self, metrics: Mapping[str, Any]) -> None:
        """Log final scalars; what is not a number (text) is left to the JSON outs."""
        self.log({key: value for key, value in metrics.items() if isinstance(value, int | float)})

    def artifact(self, path: Path) -> None:
        """Attach a file or folder of the outs to the tracking run, when the stage is done."""
        self._artifacts.append(path)

    def progress(self, items: Iterable[T], what: str, total: int | None = None, initial: int = 0) -> Iterator[T]:
        """Iterate with a progress bar on a terminal; quiet in a pipe and in all but the first process."""
        from tqdm import tqdm

        disable = None if self.rank == 0 else True  # None: only where stderr is no terminal
        return iter(
            tqdm(items, desc=f"{self.name}: {what}", total=total, initial=initial, disable=disable, leave=False)
        )

    @cached_property
    def tracker(self) -> Tracker:
        """The tracking run of this execution."""
        tags = {
            "affekt.kind": "stage",
            "affekt.stage": self.name,
            "affekt.item": self.item or "",
            "affekt.key": self.key,
            **self._state_tags(),
            **{f"affekt.dep.{dep}": self.dep_hashes[dep] for dep in self.spec.data_deps()},
        }
        return Tracker(self.root, self.name, tags, graph.flatten(self.declared))

    def log_state(self, metrics: Mapping[str, Any]) -> None:
        """Log one run that stands for the whole state of the pipeline: all params, all final metrics."""
        tags = {"affekt.kind": "state", **self._state_tags()}
        name = f"state {tags['affekt.state']}"
        state = Tracker(self.root, name, tags, graph.flatten(self._params.model_dump()))
        state.log({key: value for key, value in metrics.items() if isinstance(value, int | float)})
        state.finish("FINISHED", {})

    # -- the run

    def execute(self, main: Callable[["Stage"], None]) -> None:
        """Run the script in its work folder, then put its outs in place and track the execution."""
        self.work.mkdir(parents=True, exist_ok=True)
        with open(self.work.parent / ".lock", "w") as lock:
            self._lock(lock)
            files.remove(self._outs)
            started = time.monotonic()
            if self.rank == 0:
                self.tracker.start()
            try:
                main(self)
                hashes = self._hash_outs() if self.rank == 0 else {}
                wait_for_others()
                if self.rank == 0:
                    self._publish()
            except BaseException:
                if self.rank == 0:
                    self.tracker.finish("FAILED", {})
                raise
            if self.rank == 0:
                self._track(hashes)
                shutil.rmtree(self.work)
                logger.info("%s: done in %.1f s", self.name, time.monotonic() - started)

    def _hash_outs(self) -> dict[str, str]:
        missing = [out for out in self.spec.outs if not (self._outs / out).exists()]
        if missing:
            raise StageError(f"stage {self.name} did not make {', '.join(missing)}, which dvc.yaml declares")
        return {f"affekt.out.{out}": files.sha256_tree(self._outs / out) for out in self.spec.outs}

    def _publish(self) -> None:
        for out in self.spec.outs:
            files.replace(self._outs / out, self.root / out)

    def _track(self, hashes: Mapping[str, str]) -> None:
        """End the run only now that the outs are in place: what is FINISHED can be found."""
        results = [out for out in self.spec.outs if out.startswith("reports/metrics") or out.endswith(".json")]
        moved = [self.root / path.relative_to(self._outs) for path in self._artifacts]
        self.tracker.artifacts = moved + [self.root / out for out in results]
        self.tracker.finish("FINISHED", hashes)

    def _lock(self, file: IO[str]) -> None:
        if self.rank != 0:
            return
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(
                f"stage {self.name} is already running in {self.root}; wait for it, or stop that process"
            ) from None

    # -- helpers

    def _declared_value(self, key: str) -> Any:
        return graph.look_up(self._params.model_dump(), key)

    def _find(self, name: str, paths: tuple[str, ...], what: str) -> str:
        whole = [path for path in paths if Path(path).name == name]
        found = whole or [path for path in paths if Path(path).stem == name]
        if len(found) != 1:
            raise StageError(f"stage {self.name}: dvc.yaml declares {len(found)} {what}s named `{name}`, expected one")
        return found[0]

    def _state_tags(self) -> dict[str, str]:
        sources = graph.source_hashes(self.root, self._graph)
        state = self._hash([self._params.model_dump(), sources])
        return {
            "affekt.state": state,
            f"affekt.state.{state}": "true",
            "affekt.commit": git_commit(self.root),
        }

    @staticmethod
    def _hash(value: Any) -> str:
        text = json.dumps(value, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:KEY_LENGTH]


def wait_for_others() -> None:
    """Under torchrun, wait until every process is through: the first one then clears the work folder."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        from torch import distributed

        if distributed.is_initialized():
            distributed.barrier()


def git_commit(root: Path) -> str:
    """Return the commit that is checked out, or `unknown` outside a repository."""
    command = ["git", "-C", str(root), "rev-parse", "HEAD"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def run(main: Callable[[Stage], None]) -> None:
    """Run a pipeline script: the stage is its file's name, the item its first argument, the root two up.

    What the user can mend is shown as one line, with exit code 2. Libraries get one thread each until the stage asks
    for its device: a stage that declares no `compute` then has the same bits on any number of cores.
    """
    limit_threads(1)
    script = Path(inspect.getsourcefile(main) or sys.argv[0]).resolve()
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    logging.captureWarnings(True)
    item = sys.argv[1] if len(sys.argv) > 1 else None
    try:
        Stage(script.parent.parent, script.stem, item).execute(main)
    except UserError as error:
        end(f"affekt: {script.stem}: {error}")
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        where = error.filename or "the work folder"
        end(f"affekt: {script.stem}: {where}: the disk is full; free space and run again: finished work is kept")


def end(line: str) -> NoReturn:
    """Show one line and end with the exit code of what the user can mend."""
    print(line, file=sys.stderr)
    sys.exit(EXIT_USER_ERROR)
