"""The page: sections' contexts through one template into index.html, with its assets beside it."""

from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from affekt.core.files import read_json
from affekt.corpora.table import EMOTIONS
from affekt.report import figures, values
from affekt.report.assets import Assets, Sources
from affekt.report.sections import (
    claims,
    climbs,
    content,
    conversion,
    corpus,
    disentangling,
    dream,
    gender,
    generation,
    hearing,
    mask,
    optimisation,
    recognition,
    vocoding,
    voices,
)
from affekt.report.values import Values


def render_page(
    sources: Sources, parameters: Mapping[str, Any], examples: int, page: Path, assets_folder: Path
) -> None:
    """Write the page and its assets; `parameters` are the sections of params.yaml, shown as they are."""
    metrics = Values(read_json(sources.summary), str(sources.summary))
    assets = Assets(assets_folder)
    emotions = list(EMOTIONS)
    optimised = optimisation.build(sources, assets, metrics, examples)
    spoken = corpus.build(sources, assets, emotions)
    context = {
        "legend": _legend(assets),
        "corpus": spoken,
        "recognition": recognition.build(sources, metrics, emotions),
        "hearing": hearing.build(sources, metrics, emotions, spoken["names"]),
        "gender": gender.build(sources, metrics, ", ".join(spoken["names"])),
        "content": content.build(metrics, emotions),
        "generation": generation.build(sources, assets, metrics, emotions, examples),
        "vocoding": vocoding.build(sources, assets, metrics, examples),
        "optimisation": optimised,
        "climbs": climbs.build(sources, assets, metrics, [card["emotion"] for card in optimised["cards"]]),
        "masks": mask.build(sources, assets, metrics, emotions),
        "conversion": conversion.build(sources, assets, metrics, emotions, examples),
        "disentangling": disentangling.build(sources, assets, metrics),
        "voices": voices.build(sources, assets, metrics),
        "dream": dream.build(sources, assets, metrics),
        "claims": claims.judge_run(metrics, [card["emotion"] for card in optimised["cards"]]),
        "parameters": parameters,
        "emotions": emotions,
    }
    page.write_text(_environment().get_template("index.html").render(context), encoding="utf-8")


def _legend(assets: Assets) -> dict[str, Any]:
    return {
        "mel": assets.colour_bar("scale-mel", "magma", "Colour scale of mels, from quiet (black) to loud (white)"),
        "difference": assets.colour_bar(
            "scale-difference", "RdBu_r", "Colour scale of differences, from quieter (blue) to louder (red)"
        ),
        "decibels": [round(8.685889638 * (bound - figures.LOUD)) for bound in (figures.QUIET, figures.LOUD)],
        "difference_decibels": round(8.685889638 * figures.DIFFERENCE_RANGE),
        "hertz": figures.frequency_ticks(),
    }


def _environment() -> Any:
    """Jinja with escaping on and with undefined names as errors; templates are package data."""
    from jinja2 import DictLoader, Environment, StrictUndefined
    from markupsafe import Markup

    folder = resources.files("affekt.report") / "templates"
    files = {file.name: file.read_text(encoding="utf-8") for file in folder.iterdir() if file.is_file()}
    templates = {name: text for name, text in files.items() if name.endswith(".html")}
    environment = Environment(
        loader=DictLoader(templates), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    environment.filters |= {
        "percent": values.percent,
        "number": values.number,
        "points": values.points,
        "p_value": values.p_value,
        "seconds": values.seconds,
        "hertz": values.hertz,
        "interval": values.interval,
    }
    environment.globals["style"] = Markup(files["style.css"])
    return environment
