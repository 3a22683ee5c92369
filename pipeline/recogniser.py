"""Train a recogniser that optimisation climbs, on half a of the speakers; the item is its name in the registry."""

import numpy as np

from affekt.core.params import NetworkParams, TrainingParams
from affekt.core.stage import Stage, run
from affekt.features.packed import Packed
from affekt.models.io import save_model
from affekt.models.registry import find
from affekt.training.fit import fit, job_of


def main(stage: Stage) -> None:
    name = str(stage.item)
    size, training = stage.part(f"recognisers.{name}", NetworkParams), stage.params(TrainingParams)
    packed = Packed.load(stage.dep("prepared"), stage.dep("features"))
    rows = np.flatnonzero(packed.clips["half"].to_numpy() == "a")
    job = job_of(find(name), size, training, rows, stage.seed())
    fitted = fit(job, packed, stage.work, stage.device, stage.log, stage.progress)
    save_model(stage.out(f"recogniser_{name}"), fitted.network, fitted.config, fitted.history)


if __name__ == "__main__":
    run(main)
