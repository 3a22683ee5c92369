"""The section on conversion: each version beside the source and the real recording, the best marked, claims weighed."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from synthetic_inputs import CONVERTED, PARAMETERS, figures

from affekt.core.errors import UserError
from affekt.core.files import read_json, write_json
from affekt.corpora.table import EMOTIONS
from affekt.evaluate.proportions import wilson_interval
from affekt.report.assets import Assets, Sources
from affekt.report.check import find_faults
from affekt.report.page import render_page
from affekt.report.sections import conversion
from affekt.report.sections.claims import Claim, judge_run
from affekt.report.values import Values

CLAIMS = ("believes most", "keeps the voice", "of the statements that are recognised in real")


def values(changes: dict[str, float] | None = None, without: tuple[str, ...] = ("-",)) -> Values:
    flat = figures() | (changes or {})
    return Values({key: value for key, value in flat.items() if not key.startswith(without)}, "summary.json")


def row(version: str, of: Values, back: bool = False) -> dict:
    (one,) = [row for row in conversion.rows_of(of, back) if row["version"] == version]
    return one


def texts(version: str, of: Values) -> dict[str, conversion.Cell]:
    return dict(zip((column.key for column in conversion.COLUMNS), row(version, of)["cells"], strict=True))


def section_of(page: Path) -> str:
    section = re.search(r'<section id="conversion">.*?</section>', page.read_text(encoding="utf-8"), re.DOTALL)
    assert section is not None
    return section.group(0)


def test_rows_are_the_versions_with_wilsons_interval_over_the_pairs() -> None:
    found = conversion.rows_of(values())
    assert [row["version"] for row in found] == list(CONVERTED)
    assert [row["heard"] for row in found] == list(CONVERTED.values())
    assert row("translator", values())["interval"] == wilson_interval(22, 40)
    assert row("translator", values(), back=True)["interval"] == wilson_interval(5, 10)
    assert [row["p"] is not None for row in found] == [version in conversion.METHODS for version in CONVERTED]
    assert row("another_take", values())["interval"] == wilson_interval(21, 30), "of the pairs that it stands for"
    assert [row["elsewhere"] for row in found] == [0.12] * len(CONVERTED)
    assert row("translator", values(), back=True)["elsewhere"] is None
    assert row("translator", values())["p"] == pytest.approx(0.009), "adjusted for the three converters"
    assert row("translator", values(), back=True)["p"] is None


def test_a_corpus_without_another_take_has_no_row_of_it() -> None:
    found = conversion.rows_of(values(without=("convert/another_take",)))
    assert "another_take" not in [row["version"] for row in found]
    of_some = values(without=("convert/another_take/mos",))
    assert texts("another_take", of_some)["mos"].text == ""
    for key in ("judge_accuracy", "judge_elsewhere", "pairs"):
        with pytest.raises(UserError, match=f"convert/codegan/{key}"):
            conversion.rows_of(values(without=(f"convert/codegan/{key}",)))


def test_where_one_emotion_is_wanted_nothing_is_named_elsewhere_and_the_claim_is_not_met() -> None:
    keys = tuple(f"convert/{version}/judge_elsewhere" for version in CONVERTED)
    of = values({"convert/wanted": 1.0}, without=keys)
    assert [row["elsewhere"] for row in conversion.rows_of(of)] == [None] * len(CONVERTED)
    assert any("believes most" in claim.text for claim in judge_run(of, [])["missed"])


def test_the_best_of_the_converters_is_marked_and_real_recordings_do_not_compete() -> None:
    of = values({"convert/translator/duration_error": 0.1, "convert/translator/duration_ratio": 1.3})
    assert conversion.best_method(of) == "translator"
    assert [version for version in CONVERTED if texts(version, of)["mcd"].best] == ["optimise"]
    assert texts("translator", of)["duration_error"].best, "0.1 is the least of the converters' errors"
    assert not any(texts(version, of)["duration_ratio"].best for version in CONVERTED), "a mean in which errors cancel"
    tie = values({"convert/optimise/judge_accuracy": 0.55, "convert/optimise/judge_probability": 0.6})
    assert conversion.best_method(tie) == "optimise"


def test_what_holds_by_definition_is_blank_and_what_is_undefined_is_counted() -> None:
    of = values({"convert/translator/f0_rmse_undefined": 40.0})
    assert texts("source", of)["speaker_cosine"].text == ""
    assert texts("target", of)["mcd"].text == ""
    assert texts("codegan", of)["f0_rmse"].undefined == 3
    flat = {key: of[key] for key in of if key != "convert/translator/f0_rmse"}
    cell = texts("translator", Values(flat, "summary.json"))["f0_rmse"]
    assert (cell.text, cell.best) == ("undefined", False)
    del flat["convert/translator/f0_rmse_undefined"]
    with pytest.raises(UserError, match="convert/translator/f0_rmse"):
        conversion.rows_of(Values(flat, "summary.json"))


def test_emotions_that_were_not_wanted_have_no_column(sources: Sources, tmp_path: Path) -> None:
    of = values(without=tuple(f"convert/{version}/calm/" for version in CONVERTED))
    found = conversion.build(sources, Assets(tmp_path), of, list(EMOTIONS), 2)["wanted"]
    assert found["emotions"] == [emotion for emotion in EMOTIONS if emotion not in ("neutral", "calm")]
    assert [row["shares"][0] for row in found["rows"]] == list(CONVERTED.values())


def test_cards_play_every_version_and_the_front_the_best(sources: Sources, tmp_path: Path) -> None:
    found = conversion.build(sources, Assets(tmp_path), values(), list(EMOTIONS), 2)
    assert [(card["wanted"], card["direction"]) for card in found["cards"]] == [
        ("happy", "to"), ("sad", "to"), ("neutral", "back"),
    ]  # fmt: skip
    assert [version["version"] for version in found["cards"][0]["versions"]] == list(CONVERTED)
    assert (tmp_path / "conversion-demo-03-02-sad-codegan.png").is_file()
    assert (tmp_path / "conversion-demo-03-02-sad-codegan.wav").is_file()
    assert [card["wanted"] for card in found["front"]] == ["happy", "sad"]
    assert [version["version"] for _, version in found["front"][0]["players"]] == ["source", "translator", "target"]


def test_of_each_wish_so_many_examples_are_shown_as_the_report_shows(sources: Sources, tmp_path: Path) -> None:
    index = read_json(sources.conversion / "index.json")
    happy = index["examples"][0]
    for file in sources.conversion.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    again = [happy | {"clip_id": f"demo-04-{i:02d}"} for i in range(3)]
    write_json(tmp_path / "index.json", index | {"examples": [*again, *index["examples"]]})
    of = replace(sources, conversion=tmp_path)
    cards = conversion.build(of, Assets(tmp_path / "assets"), values(), list(EMOTIONS), 2)["cards"]
    assert [card["name"] for card in cards if card["wanted"] == "happy"] == ["demo-04-00", "demo-04-01"]
    write_json(tmp_path / "index.json", index | {"examples": []})
    with pytest.raises(UserError, match="holds no example"):
        conversion.build(of, Assets(tmp_path / "assets"), values(), list(EMOTIONS), 2)


def test_the_page_says_who_the_jury_is_and_marks_the_best_once(page: Path) -> None:
    text = section_of(page)
    assert "It was in no loss of any converter" in text
    assert text.count("◆ best") == 1
    assert "in 20.0\u202f% of them through the vocoder" in text
    assert "sign-flip test over speakers" in text
    assert "McNemar" not in text
    assert "for the same speaker in the wanted emotion" in text
    assert all(name in text for name in conversion.VERSIONS.values())


def test_the_page_says_how_few_recordings_the_pairs_are_of_and_what_chance_is(page: Path) -> None:
    text = section_of(page)
    assert "are of 6 recordings of 4 speakers, each wished several times" in text
    assert "chance is 1/7, 14.3\u202f%" in text
    assert "right in 14.3 on average" in text
    assert text.count("12.5") == 1, "of real clips of all eight emotions, neutral among them"
    assert "with 4 speakers p can be no smaller than 2/2<sup>4</sup>, 0.12" in text
    assert text.count("Named elsewhere<small>") == 1, "back to neutral there is one wish"
    assert text.count("there is one of 30 pairs") == 1
    assert "by the encoder whose embedding SpeechSplit’s decoder is given" in text
    assert "named as it is by a network that is in no converter’s loss (content_a;" in text
    assert "network in no loss" not in text
    assert text.count("keeps the length") == 2 * 2, "CodeGAN and optimised codes, both ways"


def test_how_columns_are_measured_is_folded_away_below_a_short_caption(page: Path) -> None:
    text = section_of(page)
    caption = re.search(r'<p class="caption">(Jury hears: .*?)</p>', text)
    assert caption is not None
    assert len(re.findall(r"\.(?: |$)", caption.group(1))) == 3, "sentences"
    (terms,) = re.findall(
        r'<summary>How each column is measured</summary>\s*<dl class="caption terms">(.*?)</dl>\s*</details>',
        text,
        re.DOTALL,
    )
    assert terms.count("<dt>") == terms.count("<dd>") == terms.count("<div>")
    told = [term.split(",")[0] for term in re.findall("<dt>(.*?)</dt>", terms)]
    assert {"Jury hears", "Named elsewhere", "p", *(column.name for column in conversion.COLUMNS)} <= set(told)
    assert {conversion.VERSIONS["copy"], conversion.VERSIONS["together"]} <= set(told)
    assert text.index("</dl>") < text.index("<table")


REASON = "Half b of this corpus has one fold of speakers (tess-YAF) & no other."


@pytest.fixture(scope="module")
def unjudged(sources: Sources, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a corpus on which no jury can judge."""
    folder = tmp_path_factory.mktemp("unjudged")
    write_json(folder / "parts" / "index.json", {"reason": REASON, "examples": []})
    write_json(folder / "summary.json", dict(values(without=("convert/",))))
    of = replace(sources, conversion=folder / "parts", summary=folder / "summary.json")
    render_page(of, PARAMETERS, 2, folder / "index.html", folder / "assets")
    return folder / "index.html"


def test_without_a_jury_the_section_has_its_heading_and_the_reason_and_no_table(unjudged: Path) -> None:
    text = section_of(unjudged)
    assert "<h2>Conversion: a recording in another emotion</h2>" in text
    assert REASON.replace("&", "&amp;") in text
    assert not re.findall("<(?:table|details|audio|img|a)[ >]", text)
    assert find_faults(unjudged) == []


def test_without_a_jury_claims_of_conversion_alone_vanish() -> None:
    def texts_of(of: Values) -> list[str]:
        found = judge_run(of, [])
        return sorted(claim.text for claim in (*found["met"], *found["missed"]))

    left, all_claims = texts_of(values(without=("convert/",))), texts_of(values())
    gone = [text for text in all_claims if text not in left]
    assert len(gone) == len(all_claims) - len(left) == len(CLAIMS)
    assert all(any(words in text for text in gone) for words in CLAIMS)


def test_figures_that_are_missing_without_a_reason_are_named(sources: Sources, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="convert/translator/judge_accuracy"):
        conversion.build(sources, Assets(tmp_path), values(without=("convert/",)), list(EMOTIONS), 2)


def claims(changes: dict[str, float]) -> list[Claim]:
    found = judge_run(values(changes), [])
    both = [*found["met"], *found["missed"]]
    return [next(claim for claim in both if words in claim.text) for words in CLAIMS]


@pytest.mark.parametrize(
    ("changes", "verdicts"),
    [
        ({}, [True, True, True]),
        ({"convert/source/judge_accuracy": 0.28}, [False, True, True]),
        ({"convert/copy/judge_accuracy": 0.28}, [False, True, True]),  # the vocoder did it
        ({"convert/translator/judge_elsewhere": 0.55}, [False, True, True]),  # all sounds are made alike
        ({"convert/wanted": 1.0}, [False, True, True]),
        ({"convert/translator/p_value": 0.2}, [True, True, True]),
        ({"convert/translator/p_holm": 0.2}, [False, True, True]),
        ({"convert/translator/speaker_cosine": 0.74}, [True, False, True]),
        ({"convert/translator/speaker_cosine": 0.76}, [True, True, True]),
        ({"convert/same_speaker_cosine": 0.6}, [True, False, True]),  # then nothing tells one voice from another
        ({"convert/translator/statement_accuracy": 0.85}, [True, True, False]),
        ({"content_fixed/statements": 1.0}, [True, True, False]),
        ({"convert/codegan/judge_accuracy": 0.6, "convert/codegan/statement_accuracy": 0.5}, [True, True, False]),
    ],
)
def test_claims_are_of_the_best_and_say_when_they_do_not_hold(changes: dict[str, float], verdicts: list[bool]) -> None:
    assert [claim.met for claim in claims(changes)] == verdicts


def test_without_other_speakers_no_voice_is_said_to_be_kept(sources: Sources, tmp_path: Path) -> None:
    of = values(without=("convert/other_speaker_cosine",))
    found = judge_run(of, [])
    assert not any("keeps the voice" in claim.text for claim in (*found["met"], *found["missed"]))
    assert conversion.build(sources, Assets(tmp_path), of, list(EMOTIONS), 1)["other_speaker_cosine"] is None


def test_one_verdict_whatever_is_wished_is_no_conversion() -> None:
    """A seventh of the wishes is right by chance, which is twice what the jury hears of neutral recordings."""
    neutral = {f"convert/{version}/judge_accuracy": 0.03 for version in ("source", "copy", *conversion.METHODS)}
    constant = {"convert/optimise/judge_accuracy": 1 / 7, "convert/optimise/judge_elsewhere": 1 / 7}
    claim = claims(neutral | constant)[0]
    assert (claim.met, "chance 14.3\u202f%, elsewhere 14.3\u202f%" in claim.figures) == (False, True)
    assert not claims(neutral | constant | {"convert/optimise/judge_elsewhere": 0.1})[0].met, "chance is not more"
    assert claims(neutral | constant | {"convert/optimise/judge_accuracy": 0.15})[0].met


def test_nothing_heard_is_not_twice_nothing() -> None:
    silent = {f"convert/{version}/judge_accuracy": 0.0 for version in ("source", "copy", *conversion.METHODS)}
    assert not claims(silent)[0].met
