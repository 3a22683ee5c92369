"""The dreams' section: every layer before and after, from the figures, with pictures whose axes are right."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from synthetic_inputs import dreams, figures

from affekt.core.errors import UserError
from affekt.report import figures as pictures
from affekt.report.assets import Assets, Sources
from affekt.report.sections import dream
from affekt.report.sections.claims import judge_run
from affekt.report.values import Values


def build(sources: Sources, folder: Path, changes: dict[str, float] | None = None) -> dict:
    return dream.build(sources, Assets(folder), Values(figures() | (changes or {}), "summary.json"))


def test_every_layer_has_its_row_and_its_card(sources: Sources, tmp_path: Path) -> None:
    found = build(sources, tmp_path, {"dream/block4/activation_after": 7.5})
    layers = [f"block{i}" for i in range(1, 10)]
    assert [row["layer"] for row in found["rows"]] == layers
    assert found["rows"][3]["activation_after"] == 7.5
    assert [len(card["versions"]) for card in found["cards"]] == [10, 10]
    assert [version["title"] for version in found["cards"][1]["versions"]] == ["before", *layers]
    assert [card["gender"] for card in found["cards"]] == ["woman", "man"]


def test_the_grid_is_complete_and_its_colour_is_the_rise_within_a_row(sources: Sources, tmp_path: Path) -> None:
    weak = "dream/grid/block2/octaves_1/step_0.01/activation_after"
    grid = build(sources, tmp_path, {weak: -0.5})["grid"]
    assert grid["columns"] == [(1, 0.01), (1, 0.03), (3, 0.01), (3, 0.03)]
    assert [row["layer"] for row in grid["rows"]] == ["block2", "block8"]
    shares = [cell["share"] for cell in grid["rows"][0]["cells"]]
    assert shares[0] == 0, "a fall has no colour"
    assert max(shares) == shares[-1] == 1
    assert len(grid["cards"]) == sum(name.startswith("grid/") for name in dreams())


def test_a_dream_without_its_figure_is_an_error_that_names_it(sources: Sources, tmp_path: Path) -> None:
    values = figures()
    del values["dream/block7/gender_after"]
    with pytest.raises(UserError, match="dream/block7/gender_after"):
        dream.build(sources, Assets(tmp_path), Values(values, "summary.json"))


def test_an_index_without_dreams_is_refused(sources: Sources, tmp_path: Path) -> None:
    shutil.copytree(sources.dream, tmp_path / "dream")
    index = json.loads((sources.dream / "index.json").read_text())
    index["sounds"] = [row for row in index["sounds"] if row["dream"] == "before"]
    (tmp_path / "dream" / "index.json").write_text(json.dumps(index))
    with pytest.raises(UserError, match=re.escape("holds no dream of a layer")):
        build(replace(sources, dream=tmp_path / "dream"), tmp_path / "assets")


def test_a_spectrogram_has_low_frequencies_at_the_bottom_and_the_size_of_the_mel(tmp_path: Path) -> None:
    root_KF = np.full((257, 90), pictures.SILENT_ROOT)
    root_KF[:20] = pictures.FULL_ROOT
    picture = Assets(tmp_path).spectrogram("x", root_KF, 2.0, "words")
    pixels = np.asarray(Image.open(tmp_path / "x.png").convert("RGB"))
    assert pixels.shape == (picture.height, picture.width, 3)
    assert picture.width / pictures.PIXELS_PER_S == pytest.approx(2.0, abs=0.01)
    assert (pixels[-1] == pictures.palette("magma")[-1]).all()
    assert (pixels[0] == pictures.palette("magma")[0]).all()
    assert dict(pictures.linear_ticks())["8"] == pytest.approx(100 * 8000 / 11025, abs=0.01)


def test_a_layer_that_did_not_rise_everywhere_and_a_loss_without_dream_are_claims_not_met() -> None:
    def missed(changes: dict[str, float]) -> list[str]:
        return [c.text for c in judge_run(Values(figures() | changes, "s"), ["happy"])["missed"] if "ream" in c.text]

    assert missed({}) == []
    assert missed({"dream/block3/activation_rose": 0.5}) == ["Dreaming block3 raises its activation in every clip"]
    assert missed({"dream/snr_zero_db": 39.0}) == ["Without a dream the sound comes back with at least 40 dB SNR"]
