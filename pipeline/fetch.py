"""Bring the corpus to data/raw: speak the demo, or download and verify a published one."""

import os

from affekt.core.params import CorpusParams, DemoParams, ReadingParams
from affekt.core.stage import Stage, run
from affekt.corpora.registry import find_corpus
from affekt.corpora.request import FetchRequest


def main(stage: Stage) -> None:
    fetch_corpus(stage, stage.params(CorpusParams).name, stage.params(DemoParams), "raw")


def fetch_corpus(stage: Stage, name: str, size: DemoParams | ReadingParams, folder: str) -> None:
    """Bring the published files of a corpus to the out `folder`."""
    out = stage.out(folder)
    out.mkdir(parents=True)
    request = FetchRequest(
        facts=stage.dep(name),
        out=out,
        work=stage.work,
        downloads=stage.downloads,
        mirror=os.environ.get("AFFEKT_MIRROR") or None,
        size=size,
        seed=stage.seed("speech"),
        progress=stage.progress,
    )
    find_corpus(name).fetch(request)


if __name__ == "__main__":
    run(main)
