"""Inspect every raw file, trim and pack the usable ones into data/prepared."""

import logging

from affekt.core.params import CorpusParams, PrepareParams
from affekt.core.stage import Stage, run
from affekt.corpora.facts import load_facts
from affekt.corpora.inspect import check_quarantine, inspect_folder
from affekt.corpora.prepare import pack
from affekt.corpora.registry import find_corpus
from affekt.corpora.table import SAMPLE_RATE

logger = logging.getLogger("affekt.prepare")


def main(stage: Stage) -> None:
    prepare_corpus(stage, stage.params(CorpusParams).name, "raw", "prepared")


def prepare_corpus(stage: Stage, name: str, fetched: str, prepared: str) -> None:
    """Inspect the files of the dep `fetched`, pack them into the out `prepared`."""
    params, raw, folder, corpus = stage.params(PrepareParams), stage.dep(fetched), stage.dep(name), find_corpus(name)
    facts = load_facts(folder)
    read = corpus.reader(folder, raw)
    inspection = inspect_folder(
        raw, read, params.trim_db, params.trim_margin_s, facts.known_duplicates, corpus.beside, stage.progress
    )
    check_quarantine(inspection, raw, params.max_quarantined, facts.known_unusable)
    table = pack(inspection, name, facts.language, folder / "splits.json", stage.out(prepared))
    hours = float(table["frames"].sum()) / SAMPLE_RATE / 3600
    stage.metrics(
        {
            "corpus/clips": len(table),
            "corpus/speakers": table["speaker"].nunique(),
            "corpus/hours": hours,
            "corpus/quarantined": len(inspection.quarantine),
        }
    )
    for entry in inspection.notes:
        logger.info("%s: %s: %s", stage.name, entry["path"], entry["note"])


if __name__ == "__main__":
    run(main)
