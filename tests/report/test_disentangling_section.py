"""The section on disentangling: what each code moves, its own aspect on the diagonal, and the claims about it."""

import re
from pathlib import Path

import pytest
from synthetic_inputs import figures

from affekt.core.errors import UserError
from affekt.report.assets import Assets, Sources
from affekt.report.sections import disentangling
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
    assert "by 0.310 nepers" in text
    assert "by 0.360 on others" in text


def verdicts(changes: dict[str, float]) -> dict[str, bool]:
    found = judge_run(Values(figures() | changes, "summary.json"), [])
    return {
        code: claim.met
        for code in disentangling.OWN
        for claim in (*found["met"], *found["missed"])
        if claim.text.startswith(f"The {code} code moves the")
    }


@pytest.mark.parametrize(
    ("changes", "lost"),
    [
        ({}, []),
        ({"disentangle/speaker/f0/moved": 0.9}, ["pitch"]),  # as much is not more
        ({"disentangle/none/timing/moved": 0.95}, ["rhythm"]),  # what is lost anyway is no code's merit
        ({"disentangle/content/statement/moved": 0.0}, ["content"]),
    ],
)
def test_a_code_has_to_move_its_own_aspect_more_than_any_other(changes: dict[str, float], lost: list[str]) -> None:
    assert verdicts(changes) == {code: code not in lost for code in disentangling.OWN}
