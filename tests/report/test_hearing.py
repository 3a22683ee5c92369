"""The benchmark's section: every network beside chance and the baseline, published figures where they belong."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from synthetic_inputs import NETWORKS, PARAMETERS, figures

from affekt.core.errors import UserError
from affekt.corpora.table import EMOTIONS
from affekt.report.assets import Sources
from affekt.report.page import render_page
from affekt.report.sections import gender, hearing, recognition
from affekt.report.sections.ablation import NAMES as AIDS
from affekt.report.values import Values
from affekt.training.aids import OFF
from affekt.training.fit import VALIDATION_SHARE


def build(sources: Sources, changes: dict[str, float] | None = None, corpora: tuple[str, ...] = ("demo",)) -> dict:
    values = Values(figures() | (changes or {}), "summary.json")
    return hearing.build(sources, values, list(EMOTIONS), corpora)


def test_every_network_stands_beside_the_ensemble_the_baseline_and_chance(sources: Sources, page: Path) -> None:
    rows = build(sources)["rows"]
    assert [row["model"] for row in rows] == [*NETWORKS, "ensemble", "mfcc_svm"]
    text = page.read_text(encoding="utf-8")
    section = text[text.index('id="benchmark"') : text.index('id="gender"')]
    for row in rows:
        assert f'<th scope="row">{row["name"]}</th>' in section
    assert '<th scope="row">Chance</th><td>12.5' in section


def test_the_best_network_is_the_one_with_the_highest_ua(sources: Sources) -> None:
    found = build(sources, {"recognise/audio_lstm/ua_mean": 0.99})
    assert found["best"] == {"name": "Audio LSTM", "ua": 0.99}
    assert found["confusions"][0]["name"] == "Audio LSTM"


def test_published_figures_stand_beside_those_of_their_corpus_only(sources: Sources) -> None:
    assert build(sources)["published"] == ()
    published = build(sources, corpora=("ravdess",))["published"]
    assert all(source.startswith(("arXiv", "Ma et al.")) for *_, source in published)


def test_a_run_without_deviation_and_a_baseline_without_calibration_leave_gaps(sources: Sources) -> None:
    values = figures()
    del values["recognise/mel_cnn/ua_sd"]
    rows = hearing.build(sources, Values(values, "summary.json"), list(EMOTIONS), ["demo"])["rows"]
    assert rows[0]["ua"][1] is None
    assert rows[-1]["ece"] is None


@pytest.mark.parametrize(
    "key", ["recognise/mel_lstm/ece", "recognise/ensemble/four/ua_mean", "recognise/leakage/premium",
            "recognise/ensemble/ua_mean_other_folds", "ablation/mixup/p_holm", "ablation/epochs"],
)  # fmt: skip
def test_a_missing_figure_is_an_error_that_names_it(sources: Sources, key: str) -> None:
    values = figures()
    del values[key]
    with pytest.raises(UserError, match=re.escape(key)):
        hearing.build(sources, Values(values, "summary.json"), list(EMOTIONS), ["demo"])


@pytest.mark.parametrize(
    "key", ["gender/gender_slow_joint/p_value", "gender/f0_threshold/hz", "recognise/mfcc_cnn/gender/accuracy"]
)
def test_a_missing_figure_of_gender_is_an_error_that_names_it(sources: Sources, key: str) -> None:
    values = figures()
    del values[key]
    with pytest.raises(UserError, match=re.escape(key)):
        gender.build(sources, Values(values, "summary.json"), "demo")


def test_the_folds_that_nothing_was_chosen_on_have_a_column(sources: Sources, page: Path) -> None:
    section = page.read_text(encoding="utf-8").split('id="benchmark"')[1].split("</table>")[0]
    assert "UA, fold 2</th>" in section
    assert "chosen by hand on fold 1; the column ‘UA, fold 2’ is without it" in section
    heads, *rows = re.findall("<tr.*?</tr>", section, re.DOTALL)
    assert {len(re.findall("<t[hd]", row)) for row in (heads, *rows)} == {9}
    changed = {"recognise/folds": 6.0, "recognise/mel_cnn/ua_mean_other_folds": 0.4321}
    found = build(sources, changed)
    assert (found["other_folds"], found["rows"][0]["other_folds"]) == ("folds 2–6", 0.4321)
    assert build(sources, {"recognise/folds": 1.0})["rows"][0]["other_folds"] is None


def test_an_emotion_that_the_corpus_has_not_has_no_mark(sources: Sources) -> None:
    values = {key: value for key, value in figures().items() if not key.endswith("recall/calm")}
    chart = hearing.build(sources, Values(values, "summary.json"), list(EMOTIONS), ["cremad"])["recall_chart"]
    assert "calm" not in re.findall(r'aria-label="(.*?)"', chart)[0]
    own = recognition.build(sources, Values(values, "summary.json"), list(EMOTIONS))["recall_charts"]
    assert [
        ("calm" in label, "angry" in label)
        for _, chart in own
        for label in re.findall(r'aria-label="(.*?)"', chart)[:1]
    ] == [(False, True)] * 2


def test_networks_stand_behind_the_threshold_of_their_training(sources: Sources, page: Path) -> None:
    values = Values(figures() | {"gender/gender_slow_joint/p_value": 0.0321}, "summary.json")
    rows = gender.build(sources, values, "demo")["read"]
    assert [row["baseline"] for row in rows] == [*[True, False, False, False] * 2, True]
    assert rows[-3]["p_value"] == 0.0321
    section = page.read_text(encoding="utf-8").split('id="gender"')[1].split("</table>")[0]
    assert "40 clips of 10. Against the threshold" in section
    assert {len(re.findall("<t[hd]", row)) for row in re.findall("<tr.*?</tr>", section, re.DOTALL)} == {10}


def test_the_ablation_says_what_it_could_have_shown(sources: Sources, page: Path) -> None:
    found = build(sources)["ablation"]
    halves = sorted((row["interval"][1] - row["interval"][0]) / 2 for row in found["rows"])
    assert found["least"] == (halves[3], halves[0], halves[-1])
    for row in found["rows"]:  # an interval leaves 0 out just where the change exceeds half of its width
        half = (row["interval"][1] - row["interval"][0]) / 2
        assert (abs(row["difference"]) > half) == (row["p_value"] < 0.05)
    assert found["shown"] == sum(row["p_value"] < 0.05 for row in found["rows"])
    section = page.read_text(encoding="utf-8").split('id="aids"')[1]
    assert "3 seeds, the same ones each time, and 6 epochs" in section
    assert "watches 15 % of the training speakers" in section
    assert VALIDATION_SHARE == 0.15


def test_the_aid_that_costs_most_stands_on_top_and_every_aid_has_a_name(sources: Sources) -> None:
    rows = build(sources)["ablation"]["rows"]
    differences = [row["difference"] for row in rows]
    assert differences == sorted(differences)
    assert AIDS.keys() == OFF.keys()


def test_a_confusion_of_other_classes_is_refused(sources: Sources, tmp_path: Path) -> None:
    shutil.copytree(sources.hearing, tmp_path / "hearing")
    shutil.copy(sources.tradeoff / "curves.npy", tmp_path / "hearing" / "confusion_ensemble.npy")
    with pytest.raises(UserError, match=r"confusion_ensemble\.npy"):
        build(replace(sources, hearing=tmp_path / "hearing"))


def test_names_of_corpora_are_escaped(sources: Sources, tmp_path: Path) -> None:
    index = json.loads((sources.gender_recognition / "index.json").read_text())
    (tmp_path / "index.json").write_text(json.dumps(index | {"reading": "<b>&"}))
    changed = replace(sources, gender_recognition=tmp_path)
    render_page(changed, PARAMETERS, 1, tmp_path / "index.html", tmp_path / "assets")
    assert "&lt;b&gt;&amp;, folds of readers" in (tmp_path / "index.html").read_text(encoding="utf-8")
