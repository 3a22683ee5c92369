"""Render the page that opens from disk: figures, pictures, players and animations of this state of the pipeline."""

from affekt.core.errors import StageError
from affekt.core.files import read_json
from affekt.core.params import ReportParams
from affekt.core.stage import Stage, run
from affekt.report.assets import Sources
from affekt.report.check import find_faults
from affekt.report.page import render_page
from affekt.report.sections.optimisation import SHOWN


def main(stage: Stage) -> None:
    sources = Sources(
        prepared=stage.dep("prepared"),
        features=stage.dep("features"),
        summary=stage.dep("summary"),
        recognition=stage.dep("recognition"),
        hearing=stage.dep("hearing"),
        gender_recognition=stage.dep("gender_recognition"),
        dream=stage.dep("dream"),
        generation=stage.dep("generation"),
        vocoding=stage.dep("vocoding"),
        maximise=stage.dep(SHOWN).parent,
        tradeoff=stage.dep("tradeoff"),
        content_fixed=stage.dep("content_fixed"),
        mask=stage.dep("mask"),
        conversion=stage.dep("conversion"),
        disentangling=stage.dep("disentangling"),
        voices=stage.dep("voices"),
    )
    page, assets = stage.out("index"), stage.out("assets")
    # The page shows what dvc.yaml declares for this stage: all sections, so that it is made anew when any changes.
    render_page(sources, stage.declared, stage.params(ReportParams).examples, page, assets)
    faults = find_faults(page)
    if faults:
        raise StageError(f"the page is broken in {len(faults)} places: {'; '.join(faults[:5])}")
    stage.log_state(read_json(stage.dep("summary")))
    stage.artifact(page)
    stage.artifact(assets)


if __name__ == "__main__":
    run(main)
