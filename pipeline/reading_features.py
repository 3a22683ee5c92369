"""Extract mel, MFCC, f0 and speaker embeddings of the prepared read speech."""

from affekt.core.stage import Stage, run
from pipeline.features import extract_features


def main(stage: Stage) -> None:
    extract_features(stage, "reading_prepared", "reading_features")


if __name__ == "__main__":
    run(main)
