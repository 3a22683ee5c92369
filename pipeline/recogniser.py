"""Train the recogniser that optimisation climbs, on half a of the speakers."""

import numpy as np

from affekt.core.params import RecogniserParams, TrainingParams
from affekt.core.stage import Stage, run
from affekt.features.packed import Packed
from affekt.models.io import save_model
from affekt.models.registry import find
from affekt.training.fit import Job, fit, sized


def main(stage: Stage) -> None:
    device, recogniser = stage.device, stage.params(RecogniserParams)
    packed = Packed.load(stage.dep("prepared"), stage.dep("features"))
    spec = find(recogniser.network)
    config, training = sized(spec, recogniser, stage.params(TrainingParams))
    job = Job(
        spec=spec,
        config=config,
        training=training,
        epochs=recogniser.epochs,
        rows=np.flatnonzero(packed.clips["half"].to_numpy() == "a"),
        seed=stage.seed(),
    )
    fitted = fit(job, packed, stage.work, device, stage.log, stage.progress)
    save_model(stage.out("recogniser"), fitted.network, fitted.config, fitted.history)


if __name__ == "__main__":
    run(main)
