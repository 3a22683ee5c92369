"""Inspect every raw file, trim and pack the usable ones into data/prepared."""

import logging

from affekt.core.params import CorpusParams, PrepareParams
from affekt.core.stage import Stage, run
from affekt.corpora.facts import load_facts
from affekt.corpora.inspect import check_quarantine, inspect_folder
from affekt.corpora.prepare import pack
from affekt.corpora.table import SAMPLE_RATE

logger = logging.getLogger("affekt.prepare")


def main(stage: Stage) -> None:
    name, params = stage.params(CorpusParams).name, stage.params(PrepareParams)
    raw, folder = stage.dep("raw"), stage.dep(name)
    facts = load_facts(folder)
    inspection = inspect_folder(raw, params.trim_db, params.trim_margin_s, facts.known_duplicates, stage.progress)
    check_quarantine(inspection, raw, params.max_quarantined)
    table = pack(inspection, name, facts.language, folder / "splits.json", stage.out("prepared"))
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
        logger.info("prepare: %s: %s", entry["path"], entry["note"])


if __name__ == "__main__":
    run(main)
