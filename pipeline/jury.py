"""Train a judge for each fold of half b on the other folds of it: what converters make of a fold, it has not heard."""

import logging
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

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

logger = logging.getLogger("affekt.jury")
HALF = "b"  # of the speakers: no converter and no recogniser that is climbed has heard them


def main(stage: Stage) -> None:
    packed = Packed.load(stage.dep("prepared"), stage.dep("features"))
    seats = assign_seats(packed.clips)
    reason = explain_absence(seats)
    if reason is not None:
        logger.info("%s: there is no juror. %s", stage.name, reason)
        write_json(stage.out("jury") / "jury.json", {"folds": {}, "reason": reason})
        return
    for fold in seats:
        train_juror(stage, packed, fold)
    if not distributed.is_first():
        return
    out = stage.out("jury")
    for fold in seats:
        shutil.copytree(work_of(stage, fold) / "model", out / f"fold{fold}")
    write_json(out / "jury.json", {"folds": {str(fold): speakers for fold, speakers in seats.items()}})


def assign_seats(clips: "pd.DataFrame") -> dict[int, list[str]]:
    """Return the speakers of half b by their fold."""
    half = clips[clips["half"] == HALF]
    return {int(fold): sorted(set(those["speaker"])) for fold, those in half.groupby("fold")}


def explain_absence(seats: Mapping[int, Sequence[str]]) -> str | None:
    """Return in a sentence for readers why there can be no juror; None where there are two folds or more."""
    if len(seats) > 1:
        return None
    assert seats, f"half {HALF} has no speaker: splits.json is refused then"
    speakers = ", ".join(name for names in seats.values() for name in names)
    return (
        f"Half {HALF} of this corpus has one fold of speakers ({speakers}), and a juror must not know whom it judges: "
        "there is no other fold that it could learn from."
    )


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
