"""Figures as text, and the verdicts on a run."""

import pytest
from synthetic_inputs import figures

from affekt.core.errors import UserError
from affekt.corpora.table import EMOTIONS
from affekt.report.sections.claims import judge_run
from affekt.report.sections.vocoding import MEASURES
from affekt.report.values import Values, hertz, interval, number, p_value, percent, points, seconds


@pytest.mark.parametrize("value", [float("nan"), float("inf"), None, "0.5", True])
def test_a_figure_that_is_no_finite_number_is_an_error_that_names_it(value: object) -> None:
    with pytest.raises(UserError, match="`judge/ua`"):
        Values({"judge/ua": value}, "summary.json")["judge/ua"]  # type: ignore[dict-item]


def test_a_figure_that_may_be_missing_is_none_but_never_broken() -> None:
    values = Values({"a": 0.5, "b": float("nan")}, "summary.json")
    assert values.find("a") == 0.5
    assert values.find("c") is None
    with pytest.raises(UserError, match="`b`"):
        values.find("b")


def test_numbers_are_written_for_readers() -> None:
    assert percent(0.1234) == "12.3\u202f%"
    assert percent(1.0) == "100\u202f%"
    assert number(-1234.567) == "\u22121\u202f234.57"
    assert [points(x) for x in (0.0512, -0.0512, 0.0)] == ["+5.1", "\u22125.1", "0.0"]
    assert seconds(1.5) == "1.50\u202fs"
    assert hertz(199.6) == "200\u202fHz"
    assert hertz(float("nan")) == "none"
    assert interval((0.05, 0.95)) == "5–95\u202f%"


@pytest.mark.parametrize(
    ("p", "text"), [(0.0, "< 0.001"), (0.00099, "< 0.001"), (0.0123, "0.012"), (0.5, "0.50"), (1, "1.00")]
)
def test_p_values(p: float, text: str) -> None:
    assert p_value(p) == text


def missed(changes: dict[str, float]) -> list[str]:
    verdict = judge_run(Values(figures() | changes, "summary.json"), ["happy"])
    return [claim.text for claim in verdict["missed"]]


def test_a_judge_who_is_not_convinced_is_a_claim_not_met() -> None:
    happy = "maximise/gan/mel_cnn/happy/"
    good = {happy + "judge_before": 0.1, happy + "judge_after": 0.6, happy + "p_holm": 1e-4, happy + "p_chance": 1e-4}
    assert not any("judge's rate" in text for text in missed(good))
    for worse in (
        {happy + "judge_after": 0.05},
        {happy + "p_holm": 0.2},
        {happy + "p_chance": 0.06},
        {happy + "judge_elsewhere": 0.6},  # the judge names it wherever it is asked: nothing was gained
    ):
        assert any("judge's rate" in text for text in missed(good | worse))


def test_a_baseline_that_is_not_beaten_is_a_claim_not_met() -> None:
    assert any("The judge beats" in text for text in missed({"recognise/mfcc_svm_b/ua": 0.9}))
    assert any("STOI" in text for text in missed({"vocoder/istft/stoi": 0.1}))
    assert not any("STOI" in text for text in missed({"vocoder/istft/stoi": 0.9}))


def test_each_trained_vocoder_has_a_verdict_by_each_measure() -> None:
    """Distances have to be lower than Griffin-Lim's 0.5, scores higher."""
    claims = judge_run(Values(figures(), "summary.json"), [])
    texts = {verdict: [claim.text for claim in claims[verdict]] for verdict in ("met", "missed")}
    for name in ("iSTFT vocoder", "WaveGlow"):
        verdicts = [*texts["met"], *texts["missed"]]
        assert sum(text.startswith(f"{name} beats Griffin-Lim") for text in verdicts) == len(MEASURES)
        assert f"{name} beats Griffin-Lim: STOI" in texts["met"]
        assert f"{name} beats Griffin-Lim: f0 error" in texts["missed"]
    one = judge_run(Values(figures() | {"vocoder/waveglow/f0_cents": 0.4}, "summary.json"), [])
    won = [claim for claim in one["met"] if claim.text == "WaveGlow beats Griffin-Lim: f0 error"]
    assert [claim.figures for claim in won] == ["0.4 against 0.5"]


def test_a_vocoder_without_voice_has_no_f0_to_be_praised_for() -> None:
    """An error over fewer clips than Griffin-Lim's is no win, and one over none is told, not a gap or a fault."""
    flat = figures() | {"vocoder/waveglow/f0_cents": 0.1, "vocoder/waveglow/f0_cents_undefined": 11}
    few = judge_run(Values(flat, "summary.json"), [])
    (claim,) = [claim for claim in few["missed"] if claim.text == "WaveGlow beats Griffin-Lim: f0 error"]
    assert claim.figures == "0.1 (undefined in 11 clips) against 0.5"
    del flat["vocoder/waveglow/f0_cents"]
    none = judge_run(Values(flat | {"vocoder/waveglow/f0_cents_undefined": 12}, "summary.json"), [])
    (claim,) = [claim for claim in none["missed"] if claim.text == "WaveGlow beats Griffin-Lim: f0 error"]
    assert claim.figures == "undefined against 0.5"
    del flat["vocoder/waveglow/f0_cents_undefined"]
    with pytest.raises(UserError, match="vocoder/waveglow/f0_cents"):
        judge_run(Values(flat, "summary.json"), [])


def test_a_conditional_gan_has_to_say_what_it_is_asked_for() -> None:
    assert not any("asked for" in text for text in missed({"generate/cgan/judge_accuracy_ratio": 0.6}))
    assert any("asked for" in text for text in missed({"generate/cgan/judge_accuracy_ratio": 0.59}))


def test_the_gan_has_to_be_nearer_to_real_speech_than_the_published_recipe() -> None:
    assert not any("published recipe" in text for text in missed({"generate/published_gan/frechet": 9.3}))
    assert any("published recipe" in text for text in missed({"generate/published_gan/frechet": 9.2}))


def test_the_benchmark_has_its_claims() -> None:
    assert not any("Mel WaveNet beats" in text for text in missed({}))
    assert any("Mel WaveNet beats" in text for text in missed({"recognise/mel_wavenet/ua_mean": 0.12}))
    assert any("best of them" in text for text in missed({"recognise/mel_lstm/ua_mean": 1.0}))


def test_a_gender_network_has_to_beat_its_threshold_beyond_chance() -> None:
    def lost(changes: dict[str, float]) -> int:
        return sum("gender of unseen" in text for text in missed(changes))

    assert lost({}) == 0
    assert lost({"gender/gender_fast/p_holm": 0.06}) == 1
    assert lost({"gender/f0_threshold_joint/accuracy": 1.0}) == 3
    assert lost({"gender/f0_threshold/accuracy": 1.0}) == 6  # more training is no excuse to lose against less


@pytest.mark.parametrize(("percentile", "on_prior"), [(0.2, False), (50.0, True), (99.9, False)])
def test_latents_that_left_the_prior_on_either_side_are_a_claim_not_met(percentile: float, on_prior: bool) -> None:
    changes = {"maximise/gan/mel_cnn/happy/prior_percentile": percentile}
    assert any("within the prior" in text for text in missed(changes)) is not on_prior


def test_climbs_have_to_hold_in_three_of_four_emotions_where_there_are_latents_enough() -> None:
    start = "maximise/gan/mel_lstm"
    hold = {f"{start}/{emotion}/{key}": value for emotion in EMOTIONS for key, value in
            (("judge_before", 0.1), ("judge_after", 0.6), ("judge_elsewhere", 0.1), ("p_holm", 1e-3))}  # fmt: skip
    assert not any("Climbing the Mel LSTM" in text for text in missed(hold))
    lost = {f"{start}/{emotion}/p_holm": 0.02 for emotion in EMOTIONS[:3]}
    assert any("Climbing the Mel LSTM" in text for text in missed(hold | lost))
    assert not any("Climbing the Mel LSTM" in text for text in missed(hold | lost | {f"{start}/seeds": 6.0}))


@pytest.mark.parametrize(
    ("key", "value"),
    [("content_fixed/p_drift", 0.2), ("content_fixed/held/all/p_value", 0.2), ("content_fixed/held/all/drift", 0.7)],
)
def test_content_that_is_held_by_chance_is_a_claim_not_met(key: str, value: float) -> None:
    assert not any("Holding content" in text for text in missed({}))
    assert any("Holding content" in text for text in missed({key: value}))


def test_with_one_statement_no_mask_has_kept_it() -> None:
    assert any("smooth mask" in text for text in missed({"content_fixed/statements": 1.0}))
