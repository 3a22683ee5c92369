"""Train a judge for each fold of half b on the other folds of it: what converters make of a fold, it has not heard."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from affekt.core.errors import UserError
from affekt.core.files import write_json
from affekt.core.params import TrainingParams
from affekt.core.params_converting import JuryParams
from affekt.core.stage import Stage, run
from affekt.features.packed import Packed
from affekt.models.io import save_model
from affekt.training import distributed
from affekt.training.fit import Job, fit
from pipeline.judge import JUDGE

if TYPE_CHECKING:
    import pandas as pd

HALF = "b"  # of the speakers: no converter and no recogniser that is climbed has heard them


def main(stage: Stage) -> None:
    packed = Packed.load(stage.dep("prepared"), stage.dep("features"))
    seats = assign_seats(packed.clips)
    for fold in seats:
        train_juror(stage, packed, fold)
    if not distributed.is_first():
        return
    out = stage.out("jury")
    for fold in seats:
        shutil.copytree(work_of(stage, fold) / "model", out / f"fold{fold}")
    write_json(out / "jury.json", {"folds": {str(fold): speakers for fold, speakers in seats.items()}})


def assign_seats(clips: "pd.DataFrame") -> dict[int, list[str]]:
    """Return the speakers of half b by their fold; UserError where no other fold is left to train a juror on."""
    half = clips[clips["half"] == HALF]
    seats = {int(fold): sorted(set(those["speaker"])) for fold, those in half.groupby("fold")}
    if len(seats) < 2:
        speakers = ", ".join(name for names in seats.values() for name in names) or "no speaker"
        raise UserError(
            f"corpus.name: half {HALF} of this corpus has {len(seats)} fold of speakers ({speakers}), and a juror must "
            "not know whom it judges; choose a corpus with two folds or more in params.yaml (demo, ravdess or cremad)"
        )
    return seats


def work_of(stage: Stage, fold: int) -> Path:
    """The work folder of a fold's juror; what another type of device has trained there is not the same to the bit."""
    return stage.work / f"fold{fold}-{stage.device.type}"


def train_juror(stage: Stage, packed: Packed, fold: int) -> None:
    """Train the juror of a fold in a work folder of its own; one that is finished there stays."""
    jury, work, device = stage.params(JuryParams), work_of(stage, fold), stage.device
    model = work / "model"
    if (model / "history.json").is_file():  # written last
        return
    half, of_clip = packed.clips["half"].to_numpy() == HALF, packed.clips["fold"].to_numpy()
    job = Job(
        spec=JUDGE,
        config={"channels": jury.channels},
        training=stage.params(TrainingParams),
        epochs=jury.epochs,
        rows=np.flatnonzero(half & (of_clip != fold)),
        seed=stage.seed(fold),
    )

    def log(scalars: dict[str, float], step: int) -> None:
        stage.log({f"fold{fold}/{name}": value for name, value in scalars.items()}, step)

    fitted = fit(job, packed, work, device, log, stage.progress)
    if distributed.is_first():
        save_model(model, fitted.network, fitted.config, fitted.history)


if __name__ == "__main__":
    run(main)
