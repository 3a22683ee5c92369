"""Train a recogniser of what is said, frame by frame, on one half of the speakers; the item is the half."""

import numpy as np

from affekt.core.files import write_json
from affekt.core.params import ContentParams, TrainingParams
from affekt.core.stage import Stage, run
from affekt.features.packed import Packed
from affekt.models.io import save_model
from affekt.training.content import fit_content


def main(stage: Stage) -> None:
    device = stage.device
    packed = Packed.load(stage.dep("prepared"), stage.dep("features"))
    rows = np.flatnonzero(packed.clips["half"].to_numpy() == stage.item)
    fitted = fit_content(
        packed, rows, stage.params(ContentParams), stage.params(TrainingParams), stage.seed(), stage.work, device,
        stage.log, stage.progress,
    )  # fmt: skip
    out = stage.out(f"content_{stage.item}")
    save_model(out, fitted.network, fitted.config, fitted.history)
    # Which index of the network is which statement, and the clip that its parts are cut from.
    clip_ids = packed.clips["clip_id"]
    named = [{"statement": name, "clip_id": str(clip_ids.iloc[row])} for name, row in fitted.references.items()]
    write_json(out / "statements.json", named)


if __name__ == "__main__":
    run(main)
