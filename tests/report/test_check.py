"""The checker finds each kind of fault that would leave a hole in the page."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from affekt.report.check import find_faults


@pytest.fixture
def copy(page: Path, tmp_path: Path) -> Path:
    shutil.copytree(page.parent, tmp_path / "copy")
    return tmp_path / "copy" / "index.html"


def add(page: Path, markup: str) -> None:
    page.write_text(page.read_text(encoding="utf-8").replace("</main>", markup + "</main>"), encoding="utf-8")


def test_missing_file(copy: Path) -> None:
    (copy.parent / "assets/happy-1-after.wav").unlink()
    assert find_faults(copy) == ["assets/happy-1-after.wav: file is missing"]


@pytest.mark.parametrize("name", ["sad-animation.gif", "corpus-mean-sad.png"])
def test_truncated_picture(copy: Path, name: str) -> None:
    file = copy.parent / "assets" / name
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    (fault,) = find_faults(copy)
    assert fault.startswith(f"assets/{name}: picture does not decode")


@pytest.mark.parametrize(
    ("samples", "fault"),
    [(np.zeros(22050), "sound is silent"), (np.full(2000, 0.1), "sound is only 0.09 s long")],
)
def test_useless_sound(copy: Path, samples: np.ndarray, fault: str) -> None:
    soundfile.write(copy.parent / "assets/sad-1-after.wav", samples, 22050)
    assert find_faults(copy) == [f"assets/sad-1-after.wav: {fault}"]


def test_sound_that_does_not_decode(copy: Path) -> None:
    (copy.parent / "assets/sad-1-after.wav").write_text("not a sound")
    (fault,) = find_faults(copy)
    assert fault.startswith("assets/sad-1-after.wav: sound does not decode")


def test_outside_links_dead_anchors_double_ids_and_missing_alt(copy: Path) -> None:
    add(copy, '<a href="#nowhere">x</a><img src="https://example.org/x.png" alt="x"><p id="corpus"></p>')
    add(copy, '<img src="assets/scale-mel.png">')
    assert find_faults(copy) == [
        "#corpus: id occurs twice",
        "#nowhere: no such section",
        "assets/scale-mel.png: picture without alt text",
        "https://example.org/x.png: not a file beside the page",
    ]


def test_unused_file(copy: Path) -> None:
    (copy.parent / "assets/left-over.png").write_bytes(b"")
    assert find_faults(copy) == ["assets/left-over.png: not used"]
