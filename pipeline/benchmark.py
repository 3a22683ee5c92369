"""Cross-validate one recogniser over the corpus' folds of unseen speakers, with several seeds."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from affekt.core.files import save_array, write_json
from affekt.core.params import BenchmarkParams, NetworkParams, TrainingParams
from affekt.core.stage import Stage, run
from affekt.evaluate.folds import Fold, Source, assemble, run_folds, seeds_of, trained_model
from affekt.models.registry import CLASSES, find, load_recogniser
from affekt.training.fit import job_of


def main(stage: Stage) -> None:
    network, benchmark = stage.item or "", stage.params(BenchmarkParams)
    source = Source(stage.dep("prepared"), stage.dep("features"))
    packed = source.load()
    folds, tested = run_folds(stage, plan(stage, source, packed.clips["fold"].to_numpy()))
    out = stage.out(network)
    shutil.copytree(trained_model(folds[0]), out)
    each = len(folds) // benchmark.seeds
    by_seed = [slice(start, start + each) for start in range(0, len(folds), each)]
    classes = CLASSES[find(network).labels]
    posteriors = [assemble(folds[part], tested[part], len(packed), classes) for part in by_seed]
    save_array(out / "posteriors.npy", np.stack(posteriors))
    history = {fold.name: result.history for fold, result in zip(folds, tested, strict=True)}
    write_json(out / "runs.json", {"parameters": count_parameters(out), "history": history})


def plan(stage: Stage, source: Source, of_clip: np.ndarray) -> Iterator[Fold]:
    """One training per seed and fold; by seed first: when time ends the run, whole cross-validations are there."""
    benchmark, size = stage.params(BenchmarkParams), stage.part(f"networks.{stage.item}", NetworkParams)
    spec, training = find(stage.item or ""), stage.params(TrainingParams)
    for number in seeds_of(benchmark.seeds):
        for fold in np.unique(of_clip)[: benchmark.folds]:
            job = job_of(spec, size, training, np.flatnonzero(of_clip != fold), stage.seed(number, fold))
            yield Fold(job, (source,), np.flatnonzero(of_clip == fold), source, f"seed{number}-fold{fold + 1}")


def count_parameters(folder: Path) -> int:
    """Numbers that the network has learned, without its buffers."""
    module = load_recogniser(folder, torch.device("cpu"))
    return sum(parameter.numel() for parameter in module.parameters())


if __name__ == "__main__":
    run(main)
