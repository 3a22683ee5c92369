"""Train one recogniser on random folds, in which speakers are on both sides: the leakage premium, measured once."""

import numpy as np

from affekt.core.files import save_array
from affekt.core.params import PLAIN, LeakageParams, NetworkParams, TrainingParams
from affekt.core.seeds import numpy_rng
from affekt.core.stage import Stage, run
from affekt.evaluate.folds import Fold, Source, assemble, random_folds, run_folds
from affekt.features.labels import labels_of
from affekt.models.registry import CLASSES, find
from affekt.training.fit import job_of


def main(stage: Stage) -> None:
    spec, size = find(PLAIN), stage.part(f"networks.{PLAIN}", NetworkParams)
    training = stage.params(TrainingParams)
    source = Source(stage.dep("prepared"), stage.dep("features"))
    clips = source.load().clips
    dealt = random_folds(labels_of(clips, "emotion"), clips["fold"].to_numpy(), numpy_rng(stage.seed("folds")))
    planned = []
    for fold in np.unique(dealt)[: stage.params(LeakageParams).folds]:
        job = job_of(spec, size, training, np.flatnonzero(dealt != fold), stage.seed(fold))
        planned.append(Fold(job, (source,), np.flatnonzero(dealt == fold), source, f"fold{fold + 1}"))
    folds, tested = run_folds(stage, planned, leaky=True)
    out = stage.out("leakage")
    out.mkdir(parents=True)
    save_array(out / "posteriors.npy", assemble(folds, tested, len(clips), CLASSES[spec.labels])[None])
    save_array(out / "folds.npy", dealt)


if __name__ == "__main__":
    run(main)
