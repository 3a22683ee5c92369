"""The section on what is said: both networks beside chance, and the scale of drift, from the figures."""

import re
from pathlib import Path

import pytest
from synthetic_inputs import figures

from affekt.core.errors import UserError
from affekt.corpora.table import EMOTIONS
from affekt.report.readme import content_line
from affekt.report.sections import content
from affekt.report.values import Values


def build(changes: dict[str, float] | None = None, without: tuple[str, ...] = ()) -> dict:
    values = {key: value for key, value in (figures() | (changes or {})).items() if not key.startswith(without)}
    return content.build(Values(values, "summary.json"), list(EMOTIONS))


def test_every_accuracy_stands_beside_its_chance() -> None:
    found = build({"content/b/windows/statement_accuracy": 0.81, "content/b/windows/statement_accuracy_chance": 0.3})
    assert [row["name"] for row in found["rows"]] == list(content.ACCURACIES.values())
    assert found["rows"][1]["cells"][1] == {"share": 0.81, "chance": 0.3}
    assert [row["name"] for row in found["emotions"]] == list(EMOTIONS)


def test_what_a_corpus_has_no_pairs_or_clips_of_has_no_row() -> None:
    kinds = [row["name"] for row in build(without=("content/a/drift/same_emotion",))["drifts"]]
    assert kinds == [content.KINDS["other_emotion"], content.KINDS["other_statement"]]
    names = [row["name"] for row in build(without=("content/b/emotion/calm",))["emotions"]]
    assert names == [emotion for emotion in EMOTIONS if emotion != "calm"]


def test_a_figure_that_is_missing_is_an_error_that_names_it() -> None:
    with pytest.raises(UserError, match="content/a/frame_accuracy_chance"):
        build(without=("content/a/frame_accuracy_chance",))


def test_the_page_shows_the_table(page: Path) -> None:
    section = re.search(r'<section id="content">.*?</section>', page.read_text(encoding="utf-8"), re.DOTALL)
    assert section is not None
    text = section.group(0)
    assert all(name in text for name in (*content.ACCURACIES.values(), *content.KINDS.values()))
    assert "4 statements in 12 parts each" in text


def test_the_readme_line_has_both_directions() -> None:
    line = content_line(figures() | {"content/a/statement_accuracy": 0.7777})
    assert "half a to b: clips 0.778 (chance 0.250)" in line
    assert "half b to a: clips 0.930" in line
