"""Bring the corpus to data/raw: speak the demo, or download and verify a published one."""

import os

from affekt.core.params import CorpusParams, DemoParams
from affekt.core.stage import Stage, run
from affekt.corpora.registry import fetcher
from affekt.corpora.request import FetchRequest


def main(stage: Stage) -> None:
    name = stage.params(CorpusParams).name
    out = stage.out("raw")
    out.mkdir(parents=True)
    request = FetchRequest(
        facts=stage.dep(name),
        out=out,
        work=stage.work,
        downloads=stage.downloads,
        mirror=os.environ.get("AFFEKT_MIRROR") or None,
        demo=stage.params(DemoParams),
        seed=stage.seed("speech"),
        progress=stage.progress,
    )
    fetcher(name)(request)


if __name__ == "__main__":
    run(main)
