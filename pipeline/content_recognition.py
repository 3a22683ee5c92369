"""Measure the recognisers of what is said, each on the half of the speakers that it did not hear."""

import numpy as np

from affekt.core.errors import StageError
from affekt.core.files import read_json, write_json
from affekt.core.stage import Stage, run
from affekt.corpora.table import HALVES
from affekt.evaluate.content import measure_content
from affekt.features.packed import Packed
from affekt.models.content import ContentNetwork
from affekt.models.io import load_model


def main(stage: Stage) -> None:
    packed = Packed.load(stage.dep("prepared"), stage.dep("features"))
    half, clip_ids = packed.clips["half"].to_numpy(), packed.clips["clip_id"].tolist()
    metrics: dict[str, float] = {}
    for trained in HALVES:
        folder = stage.dep(f"content_{trained}")
        network = load_model(folder, ContentNetwork, stage.device)
        # Unseen clips are aligned to the clips that the network's parts were cut from.
        references = {row["statement"]: clip_ids.index(row["clip_id"]) for row in read_json(folder / "statements.json")}
        if len(references) != network.statements:
            raise StageError(f"{folder}: names {len(references)} statements for a network of {network.statements}")
        figures = measure_content(network, packed, np.flatnonzero(half != trained), references)
        metrics |= {f"content/{trained}/{key}": value for key, value in figures.items()}
    metrics["content/statements"], metrics["content/segments"] = float(network.statements), float(network.segments)
    stage.metrics(metrics)
    write_json(stage.out("content_recognition"), metrics)


if __name__ == "__main__":
    run(main)
