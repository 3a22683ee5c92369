"""The masks' section: a row for each bound, cards of clips; the claim names the smallest energy that does it."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from synthetic_inputs import figures

from affekt.core.errors import UserError
from affekt.corpora.table import EMOTIONS
from affekt.report.assets import Assets, Sources
from affekt.report.sections import mask
from affekt.report.sections.claims import Claim, judge_run
from affekt.report.values import Values


def values(changes: dict[str, float] | None = None) -> Values:
    return Values(figures() | (changes or {}), "summary.json")


def build(sources: Sources, folder: Path) -> dict:
    return mask.build(sources, Assets(folder), values(), list(EMOTIONS))


def claim(changes: dict[str, float] | None = None) -> Claim:
    found = judge_run(values(changes), ["happy"])
    (one,) = [c for c in (*found["met"], *found["missed"]) if c.text.startswith("A smooth mask")]
    return one


def test_rows_are_the_bounds_and_cards_the_clips(sources: Sources, tmp_path: Path) -> None:
    found = build(sources, tmp_path)
    assert [row["bound"] for row in found["rows"]] == ["2", "4", "8"]
    assert [row["judge_after"] for row in found["rows"]] == [0.25, 0.5, 0.75]
    low, high = found["rows"][1]["intervals"]["judge_after"]
    assert low < 0.5 < high
    assert [(row["emotion"], row["clips"]) for row in found["wanted"]] == [("happy", 2), ("sad", 2)]
    assert [(card["wanted"], len(card["versions"])) for card in found["cards"]] == [("happy", 3), ("sad", 3)]
    assert (tmp_path / "mask-demo-01-01-8db.png").is_file()
    assert (tmp_path / "mask-demo-01-02.wav").is_file()


def test_an_index_without_bounds_is_refused(sources: Sources, tmp_path: Path) -> None:
    shutil.copytree(sources.mask, tmp_path / "mask")
    (tmp_path / "mask" / "index.json").write_text(json.dumps({"bounds_db": [], "examples": []}))
    with pytest.raises(UserError, match="holds no bound of energy"):
        build(replace(sources, mask=tmp_path / "mask"), tmp_path / "assets")


def test_the_claim_names_the_smallest_bound_that_does_it() -> None:
    found = claim()
    assert found.met
    assert "at 4 dB" in found.figures


@pytest.mark.parametrize(
    "changes",
    [
        {"statement_after": 0.8},
        {"judge_random": 0.9},
        {"p_value": 0.2},
        {"judge_after": 0.49},
    ],
)
def test_the_claim_is_missed_where_one_condition_fails_at_every_bound(changes: dict[str, float]) -> None:
    everywhere = {f"mask/{b}db/{key}": value for key, value in changes.items() for b in (2, 4, 8)}
    assert not claim(everywhere).met


def test_a_bound_that_loses_the_statement_is_passed_over() -> None:
    found = claim({"mask/4db/statement_after": 0.5})
    assert found.met
    assert "at 8 dB" in found.figures
