"""Train the gender network at one resolution: folds of readers, with actors beside them and without, across corpora."""

import shutil
from collections.abc import Iterator

import numpy as np

from affekt.core.files import save_array
from affekt.core.params import BenchmarkParams, ComputeParams, GenderParams, TrainingParams
from affekt.core.stage import Stage, run
from affekt.evaluate.folds import (
    Fold,
    Source,
    assemble,
    check_disjoint,
    cross_validate,
    log_histories,
    placed,
    seconds_of,
    trained_model,
)
from affekt.models.registry import CLASSES, find
from affekt.training.fit import Job, sized

# Trained on all of one corpus, tested on the other. evaluate/gender_protocols.py has the same names; were they imported
# from there, all would be trained anew whenever the evaluation changes.
WAYS = {"read_to_acted": ("read", "acted"), "acted_to_read": ("acted", "read")}


def main(stage: Stage) -> None:
    network = f"gender_{stage.item}"
    read = Source(stage.dep("reading_prepared"), stage.dep("reading_features"))
    acted = Source(stage.dep("prepared"), stage.dep("features"))
    folds = placed(plan(stage, read, acted), stage.kept)
    check_disjoint(folds)
    tested = cross_validate(folds, stage.params(BenchmarkParams).workers, stage.progress)
    by_name = {fold.name: index for index, fold in enumerate(folds)}
    log_histories(folds, tested, stage.log)
    stage.metrics({"training_seconds": seconds_of(folds, stage.params(BenchmarkParams).workers)})
    out = stage.out(network)
    # What trained on all of the read speech is the network that dreams: the acted speakers are unseen to it.
    shutil.copytree(trained_model(folds[by_name["read_to_acted"]]), out)
    for protocol in ("read", "joint"):
        chosen = [index for name, index in by_name.items() if name.startswith(f"{protocol}-fold")]
        parts = [folds[index] for index in chosen], [tested[index] for index in chosen]
        save_array(out / f"{protocol}.npy", assemble(*parts, len(read.load()), CLASSES["gender"]))
    for way in WAYS:
        if way in by_name:
            save_array(out / f"{way}.npy", tested[by_name[way]].log_probability_BE)


def plan(stage: Stage, read: Source, acted: Source) -> Iterator[Fold]:
    """All trainings: each fold of readers on the others, the same with all actors beside them, and across corpora.

    Actors raise their voices: beside them the network has to hear more than the pitch. A corpus of one gender teaches
    none alone.
    """
    readers, actors = read.load(), acted.load()
    of_clip, all_actors = readers.clips["fold"].to_numpy(), len(readers) + np.arange(len(actors))
    for fold in np.unique(of_clip)[: stage.params(GenderParams).folds]:
        others, own = np.flatnonzero(of_clip != fold), np.flatnonzero(of_clip == fold)
        yield make_fold(stage, f"read-fold{fold + 1}", (read,), others, read, own)
        # As many views of readers as of actors, about.
        repeated = np.tile(others, max(1, round(len(actors) / len(others))))
        rows = np.concatenate([repeated, all_actors])
        yield make_fold(stage, f"joint-fold{fold + 1}", (read, acted), rows, read, own)
    corpora = {"read": (read, readers), "acted": (acted, actors)}
    for way, (trained, asked) in WAYS.items():
        (source, packed), (tested_on, test) = corpora[trained], corpora[asked]
        if packed.clips["gender"].nunique() > 1:
            yield make_fold(stage, way, (source,), np.arange(len(packed)), tested_on, np.arange(len(test)))


def make_fold(
    stage: Stage, name: str, sources: tuple[Source, ...], rows: np.ndarray, tested_on: Source, test: np.ndarray
) -> Fold:
    """One training of the network of this stage, for as many steps whatever the number of clips."""
    gender, spec = stage.params(GenderParams), find(f"gender_{stage.item}")
    config, training = sized(spec, gender, stage.params(TrainingParams))
    return Fold(
        job=Job(
            spec=spec,
            config=config,
            training=training,
            epochs=max(1, gender.steps // max(1, len(rows) // training.batch)),
            rows=rows,
            seed=stage.seed(name),
        ),
        sources=sources,
        test=test,
        tested_on=tested_on,
        name=name,
        device=stage.params(ComputeParams).device,
    )


if __name__ == "__main__":
    run(main)
