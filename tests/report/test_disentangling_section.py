"""The section on disentangling: what each code moves, its own aspect on the diagonal, and the claims about it."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from synthetic_inputs import PARAMETERS, figures

from affekt.core.errors import UserError
from affekt.core.files import write_json
from affekt.report.assets import Assets, Sources
from affekt.report.page import render_page
from affekt.report.sections import disentangling
from affekt.report.sections.claim import Claim
from affekt.report.sections.claims import judge_run
from affekt.report.values import Values


def build(sources: Sources, folder: Path, changes: dict[str, float] | None = None, gone: str = "") -> dict:
    flat = figures() | (changes or {})
    flat.pop(gone, None)
    return disentangling.build(sources, Assets(folder), Values(flat, "summary.json"))


def test_own_aspects_are_the_diagonal_and_the_last_row_changes_nothing(sources: Sources, tmp_path: Path) -> None:
    rows = build(sources, tmp_path)["rows"]
    own = [[cell["own"] for cell in row["cells"]] for row in rows]
    assert own == [[i == j for j in range(4)] for i in range(4)] + [[False] * 4]
    assert rows[-1]["code"] == "none"
    assert [rows[1]["cells"][1]["moved"].mean, rows[1]["cells"][0]["moved"].mean] == [0.9, 0.05]
    assert [end.mean for end in rows[3]["cells"][3]["ends"]] == pytest.approx([0.1, 0.9])


def test_what_no_pair_has_is_told_and_what_is_missing_is_named(sources: Sources, tmp_path: Path) -> None:
    key = "disentangle/pitch/f0/moved"
    with pytest.raises(UserError, match=key):
        build(sources, tmp_path, gone=key)
    found = build(sources, tmp_path, {f"{key}_undefined": 30.0}, gone=key)
    assert found["rows"][1]["cells"][1]["moved"].mean is None
    assert build(sources, tmp_path, gone="disentangle/reconstruction/f0_correlation_unseen")["f0_unseen"] is None


def test_a_pair_is_heard_in_both_recordings_and_with_each_code(sources: Sources, tmp_path: Path) -> None:
    (card,) = build(sources, tmp_path)["cards"]
    assert [version["name"] for version in card["versions"]] == list(disentangling.SOUNDS.values())
    assert (tmp_path / "codes-demo-03-01-demo-04-01-rhythm.png").is_file()


def test_the_page_shows_the_table_and_its_reconstruction(page: Path) -> None:
    section = re.search(r'<section id="disentangling">.*?</section>', page.read_text(encoding="utf-8"), re.DOTALL)
    assert section is not None
    text = section.group(0)
    assert text.count("(its own)") == 4
    assert text.count("0.008") == 8, "a p along the column and one along the row, of each code"
    assert "exact McNemar test over the pairs" in text
    assert "by 0.310 nepers" in text
    assert "by 0.360 on others" in text


def claims(changes: dict[str, float], gone: str = "-") -> dict[str, dict[str, Claim]]:
    """By code the claims against other codes, and those against other aspects."""
    flat = {key: value for key, value in (figures() | changes).items() if key != gone}
    found = judge_run(Values(flat, "summary.json"), [])
    both = [*found["met"], *found["missed"]]
    starts = {"codes": "The {} code moves the", "aspects": "Of all aspects the {} code moves its own most"}
    return {
        kind: {code: next(c for c in both if c.text.startswith(start.format(code))) for code in disentangling.OWN}
        for kind, start in starts.items()
    }


def lost(changes: dict[str, float], kind: str, gone: str = "-") -> list[str]:
    return [code for code, claim in claims(changes, gone)[kind].items() if not claim.met]


@pytest.mark.parametrize(
    ("changes", "codes", "aspects"),
    [
        ({}, [], []),
        ({"disentangle/speaker/f0/moved": 0.9}, ["pitch"], ["speaker"]),  # as much is not more
        ({"disentangle/none/timing/moved": 0.95}, ["rhythm"], []),  # what is lost anyway is no code's merit
        ({"disentangle/content/statement/moved": 0.0}, ["content"], ["content"]),
        ({"disentangle/pitch/p_value": 0.3}, [], []),
        ({"disentangle/pitch/p_holm": 0.05}, ["pitch"], []),  # a pair of noise
        ({"disentangle/pitch/p_holm_row": 0.05}, [], ["pitch"]),
        ({"disentangle/content/voice/moved": 0.91}, ["speaker"], ["content"]),
    ],
)
def test_a_code_has_to_move_its_own_beyond_chance_and_more_than_other_codes_and_other_aspects(
    changes: dict[str, float], codes: list[str], aspects: list[str]
) -> None:
    assert (lost(changes, "codes"), lost(changes, "aspects")) == (codes, aspects)


def test_a_competitor_that_is_not_defined_is_no_0() -> None:
    key = "disentangle/content/f0/moved"
    flat = {f"{key}_undefined": 30.0}
    assert lost(flat, "codes", key) == ["pitch"]
    assert lost(flat, "aspects", key) == ["content"]
    assert "the content code undefined" in claims(flat, key)["codes"]["pitch"].figures
    few = claims({f"{key}_undefined": 3.0, key: 0.5})["codes"]["pitch"]
    assert (few.met, "the content code 50.0\u202f% (undefined in 3)" in few.figures) == (True, True)


def test_the_aspect_that_a_code_moves_beside_its_own_is_named() -> None:
    claim = claims({"disentangle/rhythm/statement/moved": 0.95})["aspects"]["rhythm"]
    assert not claim.met
    assert claim.figures.startswith("90.0\u202f% of pairs; the statement 95.0\u202f%; p 0.008")


REASON = "Half b of this corpus has one speaker (tess-YAF): there is no other to lend a code."


def test_where_no_code_was_exchanged_the_reason_stands_and_claims_vanish(sources: Sources, tmp_path: Path) -> None:
    flat = {key: value for key, value in figures().items() if not key.startswith("disentangle/")}
    write_json(tmp_path / "parts" / "index.json", {"reason": REASON, "examples": []})
    write_json(tmp_path / "summary.json", flat)
    of = replace(sources, disentangling=tmp_path / "parts", summary=tmp_path / "summary.json")
    assert disentangling.build(of, Assets(tmp_path), Values(flat, "summary.json")) == {"reason": REASON}
    render_page(of, PARAMETERS, 2, tmp_path / "index.html", tmp_path / "assets")
    section = re.search(
        r'<section id="disentangling">.*?</section>', (tmp_path / "index.html").read_text(encoding="utf-8"), re.DOTALL
    )
    assert section is not None
    assert REASON in section.group(0)
    assert not re.findall("<(?:table|details|audio|img)[ >]", section.group(0))
    found = judge_run(Values(flat, "summary.json"), [])
    assert not any(" code " in claim.text for claim in (*found["met"], *found["missed"]))
