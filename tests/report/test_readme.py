"""The README shows what results/ravdess.json holds, digit by digit."""

from pathlib import Path

import pytest

from affekt.core.errors import UserError
from affekt.core.files import read_json
from affekt.report.readme import BEGIN, END, format_p, render_results, write_results

ROOT = Path(__file__).parents[2]


def test_readme_tables_come_from_the_results() -> None:
    shown = (ROOT / "README.md").read_text(encoding="utf-8").split(BEGIN)[1].split(END)[0]
    assert shown == "\n" + render_results(read_json(ROOT / "results" / "ravdess.json"))


def test_a_missing_figure_is_named() -> None:
    results = read_json(ROOT / "results" / "ravdess.json")
    del results["recognise/judge/ua"]
    with pytest.raises(KeyError, match="recognise/judge/ua"):
        render_results(results)


def test_writing_keeps_the_rest_of_the_readme(tmp_path: Path) -> None:
    results = read_json(ROOT / "results" / "ravdess.json")
    readme = tmp_path / "README.md"
    readme.write_text(f"above\n{BEGIN}\nold figures\n{END}\nbelow\n")
    write_results(readme, results)
    text = readme.read_text(encoding="utf-8")
    assert text.startswith("above\n")
    assert text.endswith("below\n")
    assert "old figures" not in text
    write_results(readme, results)
    assert readme.read_text(encoding="utf-8") == text


def test_a_readme_without_marks_is_refused(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text("no marks")
    with pytest.raises(UserError, match="lacks the marks"):
        write_results(readme, {})


@pytest.mark.parametrize(("p", "text"), [(0.0, "< 0.001"), (0.00099, "< 0.001"), (0.04, "0.040"), (1.0, "1.000")])
def test_p_values(p: float, text: str) -> None:
    assert format_p(p) == text
