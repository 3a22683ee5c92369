"""Train the gender network at one resolution: folds of readers, with actors beside them and without, across corpora."""

import shutil
from collections.abc import Iterator

import numpy as np

from affekt.core.files import save_array
from affekt.core.params import GenderParams, TrainingParams
from affekt.core.stage import Stage, run
from affekt.evaluate.folds import Fold, Source, assemble, run_folds, trained_model
from affekt.features.packed import Packed
from affekt.models.registry import CLASSES, find
from affekt.training.fit import job_of

# Trained on all of one corpus, tested on the other. evaluate/gender_protocols.py has the same names; were they imported
# from there, all would be trained anew whenever the evaluation changes.
WAYS = {"read_to_acted": ("read", "acted"), "acted_to_read": ("acted", "read")}


def main(stage: Stage) -> None:
    read = Source(stage.dep("reading_prepared"), stage.dep("reading_features"))
    acted = Source(stage.dep("prepared"), stage.dep("features"))
    readers, actors = read.load(), acted.load()
    folds, tested = run_folds(stage, plan(stage, (read, readers), (acted, actors)))
    by_name = {fold.name: index for index, fold in enumerate(folds)}
    out = stage.out(f"gender_{stage.item}")
    # What trained on all of the read speech is the network that dreams: the acted speakers are unseen to it.
    shutil.copytree(trained_model(folds[by_name["read_to_acted"]]), out)
    for protocol in ("read", "joint"):
        chosen = [index for name, index in by_name.items() if name.startswith(f"{protocol}-fold")]
        parts = [folds[index] for index in chosen], [tested[index] for index in chosen]
        save_array(out / f"{protocol}.npy", assemble(*parts, len(readers), CLASSES["gender"]))
    for way in WAYS:
        if way in by_name:
            save_array(out / f"{way}.npy", tested[by_name[way]].log_probability_BE)


def plan(stage: Stage, read: tuple[Source, Packed], acted: tuple[Source, Packed]) -> Iterator[Fold]:
    """All trainings: each fold of readers on the others, the same with all actors beside them, and across corpora.

    Actors raise their voices: beside them the network has to hear more than the pitch. A corpus of one gender teaches
    none alone.
    """
    gender, training, spec = stage.params(GenderParams), stage.params(TrainingParams), find(f"gender_{stage.item}")

    def fold(name: str, sources: tuple[Source, ...], rows: np.ndarray, tested_on: Source, test: np.ndarray) -> Fold:
        return Fold(job_of(spec, gender, training, rows, stage.seed(name)), sources, test, tested_on, name)

    (read_source, readers), (acted_source, actors) = read, acted
    of_clip, all_actors = readers.clips["fold"].to_numpy(), len(readers) + np.arange(len(actors))
    for number in np.unique(of_clip)[: gender.folds]:
        others, own = np.flatnonzero(of_clip != number), np.flatnonzero(of_clip == number)
        yield fold(f"read-fold{number + 1}", (read_source,), others, read_source, own)
        # As many views of readers as of actors, about.
        repeated = np.tile(others, max(1, round(len(actors) / len(others))))
        rows = np.concatenate([repeated, all_actors])
        yield fold(f"joint-fold{number + 1}", (read_source, acted_source), rows, read_source, own)
    corpora = {"read": read, "acted": acted}
    for way, (trained, asked) in WAYS.items():
        (source, packed), (tested_on, test) = corpora[trained], corpora[asked]
        if packed.clips["gender"].nunique() > 1:
            yield fold(way, (source,), np.arange(len(packed)), tested_on, np.arange(len(test)))


if __name__ == "__main__":
    run(main)
