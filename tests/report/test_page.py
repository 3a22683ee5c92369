"""The page: complete, self-contained, equal to the bit, and never with a figure that nobody measured."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from synthetic_inputs import PARAMETERS, figures

from affekt.core.errors import UserError
from affekt.core.files import read_json, write_json
from affekt.corpora.table import EMOTIONS
from affekt.report.assets import Sources
from affekt.report.check import find_faults
from affekt.report.page import render_page


def test_page_has_no_fault(page: Path) -> None:
    assert find_faults(page) == []


def test_page_refers_to_nothing_outside_its_folder(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert not re.findall(r"https?://|file://|@import|url\(", text)


def test_two_renderings_are_equal_to_the_bit(page: Path, sources: Sources, tmp_path: Path) -> None:
    render_page(sources, PARAMETERS, 2, tmp_path / "index.html", tmp_path / "assets")
    first = {p.relative_to(page.parent): p.read_bytes() for p in page.parent.rglob("*") if p.is_file()}
    second = {p.relative_to(tmp_path): p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    assert first == second


def test_pngs_carry_no_text_or_time(page: Path) -> None:
    for png in page.parent.glob("assets/*.png"):
        content = png.read_bytes()
        assert not any(chunk in content for chunk in (b"tEXt", b"iTXt", b"zTXt", b"tIME", b"eXIf")), png.name


def test_first_screen_starts_with_happy_sad_angry(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    front = text[text.index('id="listen"') : text.index('id="corpus"')]
    names = re.findall(r"<h3>(\w+)</h3>", front)
    assert names[:3] == ["happy", "sad", "angry"]
    assert sorted(names) == sorted(EMOTIONS)
    for emotion in EMOTIONS:
        assert f"assets/{emotion}-1-before.wav" in front
        assert f"assets/{emotion}-1-after.wav" in front


def test_figures_come_from_the_summary(page: Path, sources: Sources, tmp_path: Path) -> None:
    summary = tmp_path / "summary.json"
    write_json(summary, figures() | {"maximise/gan/mel_cnn/sad/judge_after": 0.4321})
    render_page(replace(sources, summary=summary), PARAMETERS, 2, tmp_path / "index.html", tmp_path / "assets")
    assert "43.2\u202f%" not in page.read_text(encoding="utf-8")
    assert (tmp_path / "index.html").read_text(encoding="utf-8").count("43.2\u202f%") >= 2


@pytest.mark.parametrize(
    "key",
    [
        "recognise/judge/ua", "generate/gan/frechet_floor", "generate/published_gan/frechet_rescaled",
        "vocoder/istft/stoi", "maximise/gan/mel_cnn/sad/p_holm",
    ],
)  # fmt: skip
def test_missing_figure_is_an_error_that_names_it(sources: Sources, tmp_path: Path, key: str) -> None:
    figures_left = read_json(sources.summary)
    del figures_left[key]
    write_json(tmp_path / "summary.json", figures_left)
    partial = replace(sources, summary=tmp_path / "summary.json")
    with pytest.raises(UserError, match=re.escape(key)):
        render_page(partial, PARAMETERS, 1, tmp_path / "index.html", tmp_path / "assets")
    assert not (tmp_path / "index.html").exists()


def test_the_vocoders_stand_side_by_side_and_the_best_is_bold(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    section = text[text.index('<section id="vocoder">') :].split("</section>")[0]
    heads = re.findall(r'<th scope="col">([^<]+)</th>', section)
    assert heads == ["Measure", "iSTFT vocoder", "WaveGlow", "Griffin-Lim", "Real", "Better"]
    row = next(line for line in section.splitlines() if "STOI" in line)
    assert re.findall(r"<td>(.*?)</td>", row) == ["1.500", "<b>2.500</b>", "0.500", "", "higher"]
    row = next(line for line in section.splitlines() if "f0 error" in line)
    assert re.findall(r"<td>(.*?)</td>", row)[:3] == ["1.5", "2.5", "<b>0.5</b>"]
    for clip in ("demo-03-00", "demo-03-01"):
        assert all(f"vocoder-{clip}-{system}" in section for system in ("real", "griffin_lim", "istft", "waveglow"))


def test_every_parameter_is_shown_and_text_is_escaped(sources: Sources, tmp_path: Path) -> None:
    render_page(sources, {"gan": {"note": "<b>&"}}, 1, tmp_path / "index.html", tmp_path / "assets")
    text = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "<dt>note</dt><dd>&lt;b&gt;&amp;</dd>" in text


def test_page_is_light(page: Path) -> None:
    size = sum(p.stat().st_size for p in page.parent.rglob("*") if p.is_file())
    assert size < 16e6
