"""Extract mel, MFCC, f0 and speaker embeddings of the prepared clips."""

from affekt.core.files import read_json
from affekt.core.params import FeaturesParams
from affekt.core.stage import Stage, run
from affekt.features.extract import extract


def main(stage: Stage) -> None:
    extract_features(stage, "prepared", "features")


def extract_features(stage: Stage, prepared: str, features: str) -> None:
    """Extract the features of the dep `prepared` into the out `features`."""
    out = stage.out(features)
    extract(stage.dep(prepared), out, stage.params(FeaturesParams), stage.progress)
    stage.metrics({f"features/{name}": value for name, value in read_json(out / "stats.json").items()})


if __name__ == "__main__":
    run(main)
