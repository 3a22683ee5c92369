"""Measure the gender networks on unseen readers and across corpora, beside a threshold on f0."""

from affekt.core.files import write_json
from affekt.core.stage import Stage, run
from affekt.evaluate.gender_protocols import BOTH, EMBEDDING, PROTOCOLS, THRESHOLD, measure_gender
from affekt.features.packed import Packed

NETWORKS = ("gender_fast", "gender_slow")


def main(stage: Stage) -> None:
    acted = Packed.load(stage.dep("prepared"), stage.dep("features"))
    read = Packed.load(stage.dep("reading_prepared"), stage.dep("reading_features"))
    metrics = measure_gender({name: stage.dep(name) for name in NETWORKS}, read, acted)
    stage.metrics(metrics)
    write_json(stage.out("gender_recognition.json"), metrics)
    parts = stage.out("gender_recognition")
    parts.mkdir(parents=True)
    models = [name + ending for ending in PROTOCOLS.values() for name in (THRESHOLD, *NETWORKS, BOTH)]
    index = {"models": [*models, EMBEDDING], "reading": str(read.clips["corpus"].iloc[0])}
    write_json(parts / "index.json", index)


if __name__ == "__main__":
    run(main)
