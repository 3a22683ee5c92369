"""The section on new voices: each figure beside its scale, voices to hear, and claims of gender and novelty."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from synthetic_inputs import figures

from affekt.core.errors import UserError
from affekt.core.files import read_json, write_json
from affekt.report.assets import Assets, Sources
from affekt.report.sections import voices
from affekt.report.sections.claims import judge_run
from affekt.report.values import Values


def build(sources: Sources, folder: Path, changes: dict[str, float] | None = None, gone: str = "") -> dict:
    flat = figures() | (changes or {})
    flat.pop(gone, None)
    return voices.build(sources, Assets(folder), Values(flat, "summary.json"))


def figure(found: dict, name: str) -> tuple[str, str]:
    (row,) = [row for row in found["rows"] if row["name"].startswith(name)]
    return row["figure"], row["scale"]


def test_every_figure_stands_beside_its_scale(sources: Sources, tmp_path: Path) -> None:
    found = build(sources, tmp_path, {"voices/too_near": 0.25, "voices/nearest_median": 0.31})
    assert figure(found, "Too near") == ("25.0\u202f%", "35.0\u202f%")
    assert figure(found, "Distance to the nearest") == ("0.310", "0.200")
    assert figure(found, "Spoken: cosine between") == ("0.800", "0.900")
    assert figure(found, "Spoken: median f0") == ("201\u202fHz", "118\u202fHz")
    assert all(row["scale"] for row in found["rows"])
    for key in ("voices/unseen_nearest_median", "voices/too_near_real"):
        with pytest.raises(UserError, match=key):
            build(sources, tmp_path, gone=key)


def test_gender_in_crossed_recordings_stands_beside_that_in_all(sources: Sources, page: Path, tmp_path: Path) -> None:
    found = build(sources, tmp_path)
    names = [row["name"] for row in found["rows"]]
    at = names.index("Spoken: gender as wished")
    assert names[at + 1] == "Spoken: gender as wished, crossed"
    assert [row["figure"] for row in found["rows"][at : at + 2]] == found["gender_spoken"]
    assert found["gender_spoken"] == ["75.0\u202f%", "62.5\u202f%"]
    assert "in 62.5\u202f% of the crossed ones" in page.read_text(encoding="utf-8")
    alone = build(sources, tmp_path, gone="voices/decoded/gender_accuracy_crossed")
    assert figure(alone, "Spoken: gender as wished, crossed")[0] == "none"


def test_sounds_without_voice_have_no_f0(sources: Sources, tmp_path: Path) -> None:
    assert figure(build(sources, tmp_path, gone="voices/decoded/f0_men_hz"), "Spoken: median f0")[1] == "none"
    single = build(sources, tmp_path, gone="voices/decoded/pairwise_cosine")
    assert figure(single, "Spoken: cosine between") == ("none", "0.900")
    index = read_json(sources.voices / "index.json")
    for file in sources.voices.glob("*.wav"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    index["fake_neutral"][0]["f0_after"] = None
    write_json(tmp_path / "index.json", index)
    found = build(replace(sources, voices=tmp_path), tmp_path / "assets")
    assert [told for _, _, told in found["flat"][0]["players"]] == ["3.10 semitones", "not at all"]


def test_the_recording_the_voices_and_the_flat_melody_are_heard(page: Path) -> None:
    section = re.search(r'<section id="voices">.*?</section>', page.read_text(encoding="utf-8"), re.DOTALL)
    assert section is not None
    sounds = re.findall(r'<audio[^>]* src="assets/([^"]+)"', section.group(0))
    assert sounds == [
        "voices-demo-03-01.wav", "voices-f-1.wav", "voices-m-1-crossed.wav",
        "voices-demo-04-01.wav", "voices-f-1-crossed.wav", "voices-m-1.wav",
        "flat-demo-03-01-before.wav", "flat-demo-03-01-after.wav",
    ]  # fmt: skip
    assert "New voice 1, man</h4>" in section.group(0)
    assert "New voice 1, man, crossed</h4>" in section.group(0)


@pytest.mark.parametrize(
    ("changes", "missed"),
    [({}, 0), ({"voices/gender_accuracy": 0.94}, 1), ({"voices/too_near": 0.01}, 1)],
)
def test_voices_of_another_gender_and_copies_are_claims_not_met(changes: dict[str, float], missed: int) -> None:
    found = judge_run(Values(figures() | changes, "summary.json"), [])
    assert sum("new voice" in claim.text for claim in found["missed"]) == missed
    assert sum("new voice" in claim.text for claim in (*found["met"], *found["missed"])) == 2
