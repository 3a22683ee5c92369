"""Train one recogniser on random folds, in which speakers are on both sides: the leakage premium, measured once."""

import numpy as np

from affekt.core.files import save_array
from affekt.core.params import PLAIN, BenchmarkParams, ComputeParams, LeakageParams, NetworkParams, TrainingParams
from affekt.core.seeds import numpy_rng
from affekt.core.stage import Stage, run
from affekt.evaluate.folds import (
    Fold,
    Source,
    assemble,
    cross_validate,
    log_histories,
    placed,
    random_folds,
    seconds_of,
)
from affekt.features.labels import labels_of
from affekt.models.registry import CLASSES, find
from affekt.training.fit import Job, sized


def main(stage: Stage) -> None:
    benchmark, size = stage.params(BenchmarkParams), stage.part(f"networks.{PLAIN}", NetworkParams)
    source = Source(stage.dep("prepared"), stage.dep("features"))
    packed = source.load()
    speakers_fold = packed.clips["fold"].to_numpy()
    dealt = random_folds(labels_of(packed.clips, "emotion"), speakers_fold, numpy_rng(stage.seed("folds")))
    spec = find(PLAIN)
    config, training = sized(spec, size, stage.params(TrainingParams))
    planned = [
        Fold(
            job=Job(
                spec=spec,
                config=config,
                training=training,
                epochs=size.epochs,
                rows=np.flatnonzero(dealt != fold),
                seed=stage.seed(fold),
            ),
            sources=(source,),
            test=np.flatnonzero(dealt == fold),
            tested_on=source,
            name=f"fold{fold + 1}",
            device=stage.params(ComputeParams).device,
        )
        for fold in np.unique(dealt)[: stage.params(LeakageParams).folds]
    ]
    folds = placed(planned, stage.kept)
    tested = cross_validate(folds, benchmark.workers, stage.progress)
    log_histories(folds, tested, stage.log)
    stage.metrics({"training_seconds": seconds_of(folds, benchmark.workers)})
    out = stage.out("leakage")
    out.mkdir(parents=True)
    save_array(out / "posteriors.npy", assemble(folds, tested, len(packed), CLASSES[spec.labels])[None])
    save_array(out / "folds.npy", dealt)


if __name__ == "__main__":
    run(main)
