"""Train the translator of emotion on half a of the speakers: one recording to the same words in each emotion."""

import numpy as np

from affekt.core.files import write_json
from affekt.core.params import TranslatorParams
from affekt.core.stage import Stage, run
from affekt.corpora.table import EMOTIONS
from affekt.features.packed import Packed
from affekt.features.parallel import Parallel
from affekt.models.io import save_model
from affekt.training.fit import hold_out
from affekt.training.loop import TrainSettings, train
from affekt.training.translator import TranslatorMethod, config_of


def main(stage: Stage) -> None:
    device = stage.device
    params = stage.params(TranslatorParams)
    packed = Packed.load(stage.dep("prepared"), stage.dep("features"))
    rows, validation = np.flatnonzero(packed.clips["half"].to_numpy() == "a"), None
    if params.schedule == "plateau":
        rows, held_out = hold_out(packed, rows, stage.seed("validation"), "translator.schedule")
        validation = Parallel.of(packed, held_out, device)
    method = TranslatorMethod(params, Parallel.of(packed, rows, device), stage.seed("init"), validation)
    settings = TrainSettings(
        steps=params.steps,
        seed=stage.seed("training"),
        bf16=params.bf16,
        validate_every=method.steps_per_epoch,
        lr_key="translator.lr",
    )
    result = train(method, settings, stage.work, device, stage.log, stage.progress)
    save_model(stage.out("translator"), method.translator, config_of(params), result.history)
    heard = set(packed.clips["emotion"].iloc[rows])
    write_json(stage.out("translator") / "emotions.json", [name for name in EMOTIONS if name in heard])


if __name__ == "__main__":
    run(main)
