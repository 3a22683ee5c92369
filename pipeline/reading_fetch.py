"""Bring the corpus of read speech to data/reading_raw: speak the demo, or download and verify a published one."""

from affekt.core.params import ReadingParams
from affekt.core.stage import Stage, run
from pipeline.fetch import fetch_corpus


def main(stage: Stage) -> None:
    reading = stage.params(ReadingParams)
    fetch_corpus(stage, reading.name, reading, "reading_raw")


if __name__ == "__main__":
    run(main)
