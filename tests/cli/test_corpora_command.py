"""`affekt corpora` counts what is there and claims nothing that is not."""

import shutil
from pathlib import Path
from typing import get_args

import pandas as pd
import pytest

from affekt.cli.main import main
from affekt.core.files import save_table
from affekt.core.params import CorpusParams, ReadingParams
from affekt.corpora.registry import CORPORA

ROOT = Path(__file__).parents[2]
LOCK = """\
schema: '2.0'
stages:
  fetch:
    cmd: python -m pipeline.fetch
    params:
      params.yaml:
        {}
  reading_fetch:
    cmd: python -m pipeline.reading_fetch
    params:
      params.yaml:
        reading.name: demo_reading
"""
# 8 voices x 4 statements x (neutral once, seven emotions at two intensities); 16 readers x 3; what was published.
FRESH = {
    "demo": "yes 480 no no",
    "ravdess": "1440 no no",
    "tess": "2800 no no",
    "cremad": "7442 no no",
    "demo_reading": "yes 48 no no",
    "librispeech": "2703 no no",
}


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copy(ROOT / "params.yaml", tmp_path)
    shutil.copytree(ROOT / "data" / "corpora", tmp_path / "data" / "corpora")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def listed(capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    """The table's rows, by corpus."""
    assert main(["corpora"]) == 0
    lines = capsys.readouterr().out.partition("\n\n")[0].splitlines()[2:]
    return {line.split()[0]: " ".join(line.split()[1:]) for line in lines}


def test_every_corpus_that_params_allows_is_listed_and_has_its_folder() -> None:
    acted, read = (set(get_args(p.model_fields["name"].annotation)) for p in (CorpusParams, ReadingParams))
    assert not acted & read
    assert set(CORPORA) == acted | read == set(FRESH)
    assert {path.name for path in (ROOT / "data" / "corpora").iterdir() if path.is_dir()} == acted | read


def test_a_fresh_clone_has_no_sound(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert listed(capsys) == FRESH


@pytest.mark.parametrize(
    "params", ["corpus.name: ravdess", "corpus:\n          name: ravdess\n          trim_db: 40.0"]
)
def test_what_was_fetched_is_what_dvc_lock_says(clone: Path, capsys: pytest.CaptureFixture[str], params: str) -> None:
    (clone / "data" / "raw").mkdir()
    (clone / "dvc.lock").write_text(LOCK.format(params))
    assert listed(capsys) == FRESH | {"ravdess": "1440 yes no"}
    (clone / "data" / "reading_raw").mkdir()
    assert listed(capsys) == FRESH | {"ravdess": "1440 yes no", "demo_reading": "yes 48 yes no"}


def test_what_was_prepared_is_what_the_clip_table_holds(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = pd.DataFrame(
        {"corpus": ["demo"] * 3, "speaker": ["demo-01", "demo-01", "demo-02"], "frames": [22050 * 1200] * 3}
    )
    save_table(clone / "data" / "prepared" / "clips.parquet", table.assign(rate=22050))
    save_table(clone / "data" / "reading_prepared" / "clips.parquet", table.assign(rate=22050, corpus="librispeech"))
    prepared = "no 3 clips, 2 speakers, 1.00 h"
    assert listed(capsys) == FRESH | {"demo": f"yes 480 {prepared}", "librispeech": f"2703 {prepared}"}
