"""Train the judge, another architecture, on half b of the speakers; no loss ever sees it."""

import numpy as np

from affekt.core.params import JudgeParams, TrainingParams
from affekt.core.stage import Stage, run
from affekt.features.packed import Packed
from affekt.models.io import save_model
from affekt.models.judge import RecurrentRecogniser
from affekt.models.registry import NetworkSpec
from affekt.training.fit import Job, fit

# Not in the registry: what is listed there may be climbed.
JUDGE = NetworkSpec(RecurrentRecogniser, "mel", "emotion", aids=("dropout",))


def main(stage: Stage) -> None:
    device, judge = stage.device, stage.params(JudgeParams)
    packed = Packed.load(stage.dep("prepared"), stage.dep("features"))
    job = Job(
        spec=JUDGE,
        config={"channels": judge.channels},
        training=stage.params(TrainingParams),
        epochs=judge.epochs,
        rows=np.flatnonzero(packed.clips["half"].to_numpy() == "b"),
        seed=stage.seed(),
    )
    fitted = fit(job, packed, stage.work, device, stage.log, stage.progress)
    save_model(stage.out("judge"), fitted.network, fitted.config, fitted.history)


if __name__ == "__main__":
    run(main)
