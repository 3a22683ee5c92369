"""Cross-validation of a recogniser: one training per fold and seed, each finished one kept, several at a time.

Axes: B tested clips, E classes.
"""

import hashlib
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from affekt.core.devices import choose, set_up
from affekt.core.errors import UserError
from affekt.core.files import load_table, load_tensors, read_json, remove, save_tensors, write_json
from affekt.core.parallel import run_parallel
from affekt.core.params import BenchmarkParams, ComputeParams
from affekt.core.progress import Progress, quiet
from affekt.features.packed import Packed
from affekt.models.inference import predict
from affekt.models.io import save_model
from affekt.training.fit import Job, fit, hear

if TYPE_CHECKING:
    from affekt.core.stage import Stage

NOTED_EVERY_S = 60.0  # by so much the time of a fold is wrong that was killed


@dataclass(frozen=True)
class Source:
    """Where a packed corpus lies."""

    prepared: Path
    features: Path

    def load(self) -> Packed:
        """Open it."""
        return Packed.load(self.prepared, self.features)

    def speakers(self) -> np.ndarray:
        """Who speaks each clip, from the table alone."""
        return load_table(self.prepared / "clips.parquet")["speaker"].to_numpy()


def load_all(sources: Iterable[Source]) -> Packed:
    """Open several corpora as one."""
    return Packed.join([source.load() for source in sources])


@dataclass(frozen=True)
class Fold:
    """One training and the clips that it is tested on; it works in a folder of its own."""

    job: Job  # its rows are of all sources, one after another
    sources: tuple[Source, ...]
    test: np.ndarray  # rows of `tested_on`
    tested_on: Source
    name: str
    device: str = "cpu"  # of params.yaml: auto, cpu or cuda; given, as the folder, by `placed`
    work: Path = Path()

    def identity(self) -> str:
        """All that its result depends on, beside the deps of its stage, as text."""
        job = self.job
        network = (job.spec.network.__name__, job.spec.config, sorted(job.config.items()), job.spec.labels)
        rows = [hashlib.sha256(np.ascontiguousarray(rows).tobytes()).hexdigest() for rows in (job.rows, self.test)]
        sources = [source.prepared.name for source in (*self.sources, self.tested_on)]
        device = choose(self.device).type  # what `auto` is here: half the folds on each would be no result of either
        return repr((network, job.training.model_dump(), job.epochs, job.steps, job.seed, rows, sources, device))


@dataclass(frozen=True)
class Tested:
    """What a fold gave."""

    log_probability_BE: np.ndarray  # float32, rows as in `test`
    history: dict[str, list[float]]


def run_folds(stage: "Stage", planned: Iterable[Fold], leaky: bool = False) -> tuple[list[Fold], list[Tested]]:
    """Train and test all folds of a stage and log them; `leaky`: speakers may be on both sides."""
    workers, device = stage.params(BenchmarkParams).workers, stage.params(ComputeParams).device
    folds = placed(planned, device, stage.kept)
    if not leaky:
        check_disjoint(folds)
    tested = cross_validate(folds, workers, stage.progress)
    log_histories(folds, tested, stage.log)
    stage.metrics({"training_seconds": seconds_of(folds, workers)})
    return folds, tested


def placed(folds: Iterable[Fold], device: str, kept: Callable[[str], Path]) -> list[Fold]:
    """Give each fold its device and the folder that `kept` has for its identity: what is done is found again there."""
    on_device = [replace(fold, device=device) for fold in folds]
    found = [replace(fold, work=kept(fold.identity())) for fold in on_device]
    assert len({fold.work for fold in found}) == len(found), "two folds are the same training"
    return found


def cross_validate(
    folds: Sequence[Fold],
    workers: int,
    progress: Progress = quiet,
) -> list[Tested]:
    """Train and test all folds, `workers` at a time; a fold that was finished before is not done again.

    Each runs on one thread, so that the result does not depend on how many run beside it.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise UserError("folds run beside each other by `benchmark.workers` of params.yaml: start it without torchrun")
    run_parallel(run_fold, [fold for fold in folds if not is_done(fold)], workers, "folds", progress)
    return [read_fold(fold) for fold in folds]


class Stopwatch:
    """Seconds of all attempts at a fold, kept in its folder: for the log, never for an out."""

    def __init__(self, path: Path):
        self.path = path
        self._before = read_json(path) if path.is_file() else 0.0
        self._started = self._noted = time.monotonic()

    def note(self, scalars: Mapping[str, float] | None = None, step: int = 0) -> None:
        """Write them now and then; it is called as the log of the training."""
        if time.monotonic() - self._noted > NOTED_EVERY_S:
            self.write()

    def write(self) -> None:
        """Write them."""
        self._noted = time.monotonic()
        write_json(self.path, self._before + self._noted - self._started)


def run_fold(fold: Fold) -> None:
    """Train and test one fold, in a process of its own; an error tells which fold it was."""
    fold.work.mkdir(parents=True, exist_ok=True)
    watch = Stopwatch(fold.work / "seconds.json")
    try:
        train_and_test(fold, watch)
    except UserError as error:
        raise UserError(f"{fold.name}: {error}") from error
    except Exception as error:
        error.add_note(f"in {fold.name}")
        raise
    finally:
        watch.write()


def train_and_test(fold: Fold, watch: Stopwatch) -> None:
    """Train a fold from its checkpoint, if there is one, and write what it gave."""
    device = set_up(fold.device, 1)
    fitted = fit(fold.job, load_all(fold.sources), fold.work, device, watch.note, quiet)
    logits_BE = predict(fitted.network, hear(fold.tested_on.load(), fold.test, fold.job.spec, device))
    remove(fold.work / "model")
    save_model(fold.work / "model", fitted.network, fitted.config, fitted.history)
    write_json(fold.work / "history.json", fitted.history)
    watch.write()
    # Written last: what says that the fold is done.
    save_tensors(fold.work / "tested.safetensors", {"log_probability": logits_BE.float().log_softmax(1).cpu()})
    remove(fold.work / "checkpoint.safetensors")


def is_done(fold: Fold) -> bool:
    """Whether a fold was trained and tested before, in this work folder."""
    return (fold.work / "tested.safetensors").is_file()


def read_fold(fold: Fold) -> Tested:
    """Read what a finished fold left."""
    tensors, _ = load_tensors(fold.work / "tested.safetensors")
    return Tested(tensors["log_probability"].numpy(), read_json(fold.work / "history.json"))


def seconds_of(folds: Sequence[Fold], workers: int) -> float:
    """How long these finished folds took, so many at a time, for the log: all attempts at each."""
    return float(np.sum([read_json(fold.work / "seconds.json") for fold in folds])) / min(workers, len(folds))


def log_histories(
    folds: Sequence[Fold], tested: Sequence[Tested], log: Callable[[dict[str, float], int], None]
) -> None:
    """Log the scalars of each fold's training over its steps, as `<fold>/<scalar>`."""
    for fold, result in zip(folds, tested, strict=True):
        names = [name for name in result.history if name != "step"]
        for i, step in enumerate(result.history["step"]):
            log({f"{fold.name}/{name}": result.history[name][i] for name in names}, int(step))


def trained_model(fold: Fold) -> Path:
    """The folder of the network that a finished fold trained."""
    return fold.work / "model"


def assemble(folds: Sequence[Fold], tested: Sequence[Tested], clips: int, classes: int) -> np.ndarray:
    """Log-probabilities of all clips (clips, classes); NaN where no fold tested a clip. Each is tested once at most."""
    filled = np.full((clips, classes), np.nan, dtype=np.float32)
    for fold, result in zip(folds, tested, strict=True):
        assert np.isnan(filled[fold.test]).all(), "a clip is tested twice"
        filled[fold.test] = result.log_probability_BE
    return filled


def random_folds(labels: np.ndarray, folds: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Deal clips to folds of the sizes of `folds` at random, emotions evenly, whoever speaks: the leaky protocol.

    labels and folds: int (clips,). Returns the fold of each clip.
    """
    dealt = np.empty_like(folds)
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        dealt[rng.permutation(rows)] = np.sort(folds[rows])
    return dealt


def seeds_of(count: int) -> range:
    """Numbers of the seeds, from 1."""
    return range(1, count + 1)


def check_disjoint(folds: Sequence[Fold]) -> None:
    """Assert that no speaker is trained on and tested."""
    speakers = {source: source.speakers() for fold in folds for source in (*fold.sources, fold.tested_on)}
    for fold in folds:
        trained = np.concatenate([speakers[source] for source in fold.sources])[fold.job.rows]
        shared = set(trained) & set(speakers[fold.tested_on][fold.test])
        assert not shared, f"{fold.name}: speakers {sorted(shared)} are trained on and tested"
