"""The README's tables of what changes a voice: only when it was measured, digit by digit, columns that add up."""

from pathlib import Path

import pytest
from synthetic_inputs import CONVERTED, figures

from affekt.core.errors import UserError
from affekt.core.files import read_json
from affekt.report.readme import render_results
from affekt.report.readme_converting import converting_blocks

RAVDESS = Path(__file__).parents[2] / "results" / "ravdess.json"
NEW = ("convert/", "disentangle/", "voices/")


def of(*starts: str) -> dict[str, float]:
    return {key: value for key, value in figures().items() if key.startswith(starts)}


def test_a_run_of_before_there_were_converters_has_none_of_it() -> None:
    gone = (*NEW, "provenance/conversion")
    before = {key: value for key, value in read_json(RAVDESS).items() if not key.startswith(gone)}
    assert converting_blocks(before) == []
    assert "jury" not in render_results(before)


@pytest.mark.parametrize(("start", "words"), zip(NEW, ("jury hears it", "code of another", "New voices"), strict=True))
def test_each_block_is_there_as_soon_as_it_was_measured(start: str, words: str) -> None:
    (block,) = converting_blocks(of(start))
    assert words in block
    assert "\n\n" + block + "\n" in render_results(read_json(RAVDESS) | figures())


def test_rows_have_the_columns_of_their_table_and_the_best_is_bold() -> None:
    conversion, disentangling, _ = converting_blocks(figures())
    for block in (conversion, disentangling):
        rows = [line for line in block.splitlines() if line.startswith("|")]
        assert len({row.count("|") for row in rows}) == 1
    rows = {line.split(" |")[0]: line for line in conversion.splitlines()}
    assert "| **Translator**" in rows
    assert len([row for row in rows if row.startswith("| ")]) == 1 + len(CONVERTED)
    assert rows["| **Translator**"] == (
        "| **Translator** | 55 % (40–69) | 12 % | 0.009 | 5.00 | 3.00 | 0.30 | 0.92 | 0.24 | **0.800** | **95.0 %** | "
        "3.65 | 50 % |"
    )
    assert "| Source through the vocoder | 20 % (10–35) | 12 % |  | 7.00 |" in conversion
    assert "| Another take, real (of 30 pairs) | 70 % (52–83) |" in conversion
    assert "The 40 pairs are of 6 recordings of 4 speakers, each wished several times" in conversion
    assert "Of a wish chance is 1/7: one emotion that is named always is the wanted one in 0.143." in conversion
    assert "with 4 speakers it can be no smaller than 2/2^4" in conversion
    assert "| Source taken apart and together | 18 %" in conversion
    assert "sign-flip test over speakers" in conversion
    assert "McNemar" not in conversion
    assert " | 2.00 (3 undefined) | " in rows["| CodeGAN"]
    assert "| Pitch | 5 % | **90 %** | 5 % | 5 % | 0.008 |" in disentangling


def test_what_few_voices_have_none_of_is_undefined_and_not_an_error() -> None:
    flat = of("voices/")
    (block,) = converting_blocks(flat)
    assert "gender as wished 75 %, in recordings of the other gender 62 %, cosine between two 0.800" in block
    gone = {"gender_accuracy_crossed", "pairwise_cosine", "pairwise_cosine_same", "pairwise_cosine_real"}
    (bare,) = converting_blocks({key: value for key, value in flat.items() if key.split("/")[-1] not in gone})
    assert "gender as wished 75 %, cosine between two undefined (one speaker's recordings undefined)." in bare
    assert "cosine between two undefined (real speakers undefined)." in bare


def test_without_clips_back_to_neutral_their_column_is_empty() -> None:
    flat = {key: value for key, value in of("convert/").items() if "/back/" not in key}
    (block,) = converting_blocks(flat | {"convert/back_pairs": 0.0})
    assert all(line.endswith(" |  |") for line in block.splitlines() if line.startswith(("| **", "| C")))


@pytest.mark.parametrize("key", ["convert/codegan/mcd", "disentangle/none/voice/moved", "voices/nearest_median"])
def test_a_figure_that_is_missing_is_named(key: str) -> None:
    flat = figures()
    del flat[key]
    with pytest.raises(UserError, match=key):
        converting_blocks(flat)
