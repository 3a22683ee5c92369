"""The first stages of both corpora, run as a person runs them, in a repository made small."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from affekt.core.errors import UserError
from affekt.core.files import load_array, load_table, read_json, sha256_tree
from affekt.corpora.table import UNLABELLED, check_table
from affekt.features.labels import labels_of
from affekt.features.packed import Packed

ROOT = Path(__file__).parents[2]
GRAPH = """
stages:
  fetch:
    cmd: python -m pipeline.fetch
    deps: ["data/corpora/${corpus.name}"]
    params: [seed, corpus, demo]
    outs: [data/raw]
  prepare:
    cmd: python -m pipeline.prepare
    deps: ["data/corpora/${corpus.name}", data/raw]
    params: [corpus, prepare]
    outs: [data/prepared]
  reading_fetch:
    cmd: python -m pipeline.reading_fetch
    deps: ["data/corpora/${reading.name}"]
    params: [seed, reading]
    outs: [data/reading_raw]
  reading_prepare:
    cmd: python -m pipeline.reading_prepare
    deps: ["data/corpora/${reading.name}", data/reading_raw]
    params: [reading, prepare]
    outs: [data/reading_prepared]
  reading_features:
    cmd: python -m pipeline.reading_features
    deps: [data/reading_prepared]
    params: [features]
    outs: [data/reading_features]
"""
SMALL = {"speakers": 12, "utterances": 1}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    (tmp_path / "dvc.yaml").write_text(GRAPH)
    params = (ROOT / "params.yaml").read_text().replace("statements: 4 ", "statements: 1 ")
    (tmp_path / "params.yaml").write_text(params.replace("  name: ravdess", "  name: demo"))
    shutil.copytree(ROOT / "pipeline", tmp_path / "pipeline")
    shutil.copytree(ROOT / "data" / "corpora", tmp_path / "data" / "corpora")
    return tmp_path


def run(repository: Path, stage: str, **environment: str) -> subprocess.CompletedProcess:
    uri = f"sqlite:///{repository}/mlflow.db"
    path = os.pathsep.join([str(repository), str(ROOT / "src")])
    env = {**os.environ, "MLFLOW_TRACKING_URI": uri, "PYTHONPATH": path, **environment}
    command = [sys.executable, "-m", f"pipeline.{stage}"]
    return subprocess.run(command, cwd=repository, env=env, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_the_demo_is_fetched_and_prepared(repository: Path) -> None:
    for stage in ("fetch", "prepare"):
        done = run(repository, stage)
        assert done.returncode == 0, done.stderr
    prepared = repository / "data" / "prepared"
    audio = load_array(prepared / "audio.npy")
    table = check_table(load_table(prepared / "clips.parquet"), len(audio))
    assert audio.dtype == np.int16
    assert len(table) == 8 * 15
    assert table.groupby("half")["gender"].nunique().to_dict() == {"a": 2, "b": 2}
    assert read_json(prepared / "quarantine.json") == []
    before = sha256_tree(prepared)
    raw = repository / "data" / "raw"
    (raw / "Actor_01" / "03-01-01-01-01-01-01.wav").write_bytes(b"")
    done = run(repository, "prepare")
    assert done.returncode != 0
    assert "03-01-01-01-01-01-01.wav: is empty" in done.stderr
    assert "Traceback" not in done.stderr
    assert sha256_tree(prepared) == before, "a failed stage must not touch what is there"


@pytest.mark.slow
def test_read_speech_has_stages_of_its_own(repository: Path) -> None:
    params = repository / "params.yaml"
    text = params.read_text().replace("name: librispeech", "name: demo_reading")
    params.write_text(re.sub(r"(?m)^  (speakers|utterances): \d+", lambda m: f"  {m[1]}: {SMALL[m[1]]}", text))
    for stage in ("reading_fetch", "reading_prepare", "reading_features"):
        done = run(repository, stage)
        assert done.returncode == 0, done.stderr
    data = repository / "data"
    table = check_table(load_table(data / "reading_prepared" / "clips.parquet"))
    assert table.groupby("fold")["gender"].value_counts().to_dict() == {
        (fold, gender): members for fold, members in enumerate([2, 2, 1, 1]) for gender in ("f", "m")
    }
    packed = Packed.load(data / "reading_prepared", data / "reading_features")
    assert set(packed.clips["emotion"]) == {UNLABELLED}
    with pytest.raises(UserError, match="demo_reading-01-01"):
        labels_of(packed.clips, "emotion")
    assert labels_of(packed.clips, "gender").tolist() == [1, 0] * 6


def test_a_wrong_mirror_is_one_clear_line(repository: Path) -> None:
    params = repository / "params.yaml"
    params.write_text(params.read_text().replace("  name: demo ", "  name: ravdess "))
    done = run(repository, "fetch", AFFEKT_MIRROR=str(repository / "nowhere"))
    assert done.returncode != 0
    assert "AFFEKT_MIRROR" in done.stderr.strip().splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert not (repository / "data" / "raw").exists()
