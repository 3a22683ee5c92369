"""The README shows what results/ravdess.json holds, digit by digit."""

from pathlib import Path
from typing import Any

import pytest
from synthetic_inputs import figures

from affekt.core.errors import UserError
from affekt.core.files import read_json
from affekt.corpora.table import EMOTIONS
from affekt.report.readme import BEGIN, END, render_results, write_results
from affekt.report.readme_making import VOCODER_MEASURES

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


@pytest.fixture
def complete() -> dict[str, Any]:
    """Results of a run with benchmark and dream."""
    return read_json(ROOT / "results" / "ravdess.json") | figures()


def test_the_benchmark_stands_beside_chance_and_published_figures(complete: dict[str, Any]) -> None:
    lines = render_results(complete | {"recognise/mel_cnn/ua_mean": 0.6543}).splitlines()
    (row,) = [line for line in lines if line.startswith("| Mel CNN |")]
    assert "| 0.654 ±" in row
    assert f"| {complete['recognise/mel_cnn/ua_mean_other_folds']:.3f} |" in row
    assert any("x 3 seeds | UA | UA, fold 2 | WA" in line for line in lines)
    assert any("chosen by hand on fold 1; the column 'UA, fold 2' is without it." in line for line in lines)
    assert "| 225,000 |" in row
    assert any(line.startswith("| chance | 0.125 |  |  |  |  | 0.250 | 0.200 |") for line in lines)
    assert any("WavLM-large" in line and "arXiv" in line for line in lines)
    tables = [line.count("|") for line in lines[lines.index(row) - 2 :]]
    assert set(tables[: tables.index(0)]) == {10}, "all rows have the columns of their table"


def test_gender_leakage_and_dream_are_told(complete: dict[str, Any]) -> None:
    changes = {"gender/gender_fast_joint/accuracy": 0.9871, "gender/gender_fast_joint/p_holm": 0.0321}
    text = render_results(complete | {"recognise/leakage/premium": 0.1234} | changes)
    assert "+12.3 points" in text
    assert "share of 40 clips of 10 unseen readers; trained on readers: residual network" in text
    assert (
        "on readers and actors: residual network, windows of 512 0.987 (0.800 without fold 1, p 0.032), of 2048" in text
    )
    assert text.count("threshold on median f0") == 2
    assert "| block2 | -0.200 | 0.100 | 0.900 | 0.760 |" in text


def test_every_generator_that_was_run_has_its_row(complete: dict[str, Any]) -> None:
    changes = {"generate/cgan/judge_accuracy": 0.405, "generate/cgan/judge_accuracy_real": 0.575}
    lines = render_results(complete | changes).splitlines()
    (row,) = [line for line in lines if line.startswith("| conditional GAN | ")]
    assert row.endswith("| 40 % (57 %) |")
    (published,) = [line for line in lines if line.startswith("| the published recipe, equal compute | 20.50 (")]
    assert published.endswith("|  |")
    without = {key: value for key, value in complete.items() if not key.startswith("generate/published_gan/")}
    assert "published recipe" not in render_results(without)


def test_climbs_masks_and_what_is_held_are_told(complete: dict[str, Any]) -> None:
    start = "maximise/cgan_mismatched/audio_lstm"
    changes = {f"{start}/all/judge_before": 0.05, f"{start}/all/judge_after": 0.33}
    for at, emotion in enumerate(EMOTIONS):
        changes |= {f"{start}/{emotion}/judge_before": 0.1, f"{start}/{emotion}/judge_after": 0.5}
        changes |= {f"{start}/{emotion}/judge_elsewhere": 0.2, f"{start}/{emotion}/p_holm": 0.02 if at < 3 else 0.001}
    lines = render_results(complete | changes).splitlines()
    rows = [line for line in lines if line.startswith(("| GAN | M", "| GAN | A", "| conditional GAN, "))]
    assert len(rows) == 15
    (row,) = [row for row in rows if row.startswith("| conditional GAN, another emotion given | Audio LSTM | ")]
    assert " | 5 % → 33 % | 5 of 8 | " in row
    assert any(line.startswith("| three, with views | ") for line in lines)
    assert any(line.startswith("What is said, held while a latent climbs") for line in lines)
    assert any(line.endswith("| peak, dB |") for line in lines)
    for begin in ("| climb from |", "| mask on ", "| climb of the GAN", "| mel generator |"):
        at = next(i for i, line in enumerate(lines) if line.startswith(begin))
        table = lines[at : at + lines[at:].index("")]
        assert len({line.count("|") for line in table}) == 1, "all rows have the columns of their table"
        assert len(table) > 2


def test_a_vocoder_is_shown_where_it_was_measured_with_its_speed_where_that_was() -> None:
    before = read_json(ROOT / "results" / "ravdess.json")
    before = {key: value for key, value in before.items() if not key.startswith("vocoder/waveglow/")}
    assert "WaveGlow" not in render_results(before)
    measured = {f"vocoder/waveglow/{key}": 0.25 + i for i, key in enumerate(VOCODER_MEASURES)}
    (row,) = [line for line in render_results(before | measured).splitlines() if line.startswith("| WaveGlow")]
    assert row.endswith("| 0.250 | 1.250 | 2.250 | 3.250 | 4.250 | 5.250 | see bench/ |")
    with_speed = render_results(before | measured | {"vocoder/waveglow/x_realtime": 12.3})
    assert "| 5.250 | 12 |" in with_speed
    del measured["vocoder/waveglow/f0_cents"]
    without_voice = render_results(before | measured | {"vocoder/waveglow/f0_cents_undefined": 48})
    assert "| 3.250 | undefined | 5.250 |" in without_voice
    partly = measured | {"vocoder/waveglow/f0_cents": 9.0, "vocoder/waveglow/f0_cents_undefined": 7}
    assert "| 3.250 | 9.000 (7 clips undefined) | 5.250 |" in render_results(before | partly)
    del measured["vocoder/waveglow/stoi"]
    with pytest.raises(KeyError, match="vocoder/waveglow/stoi"):
        render_results(before | measured)


@pytest.mark.parametrize("key", ["recognise/mel_lstm/ua_mean", "gender/gender_slow_joint/p_holm"])
def test_a_missing_figure_of_the_benchmark_is_named(complete: dict[str, Any], key: str) -> None:
    del complete[key]
    with pytest.raises(KeyError, match=key):
        render_results(complete)


def test_one_run_of_one_fold_has_no_deviation_and_no_other_folds(complete: dict[str, Any]) -> None:
    single = {key: value for key, value in complete.items() if not key.endswith(("_sd", "_other_folds"))}
    single |= {key: value for key, value in complete.items() if key.startswith(("recognise/rec", "recognise/judge"))}
    text = render_results(single | {"recognise/folds": 1.0})
    assert "chosen by hand on fold 1. " in text
    assert f"| Mel CNN | {complete['recognise/mel_cnn/ua_mean']:.3f} | " in text
