"""Inspect every raw file of the read speech, trim and pack the usable ones into data/reading_prepared."""

from affekt.core.params import ReadingParams
from affekt.core.stage import Stage, run
from pipeline.prepare import prepare_corpus


def main(stage: Stage) -> None:
    prepare_corpus(stage, stage.params(ReadingParams).name, "reading_raw", "reading_prepared")


if __name__ == "__main__":
    run(main)
