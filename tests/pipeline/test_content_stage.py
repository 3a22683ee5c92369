"""The stages train a network on each half, name its statements, and measure it on the other half."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))  # for toy_speech

from toy_speech import load_speech, make_speech, rows_of

from affekt.core.errors import StageError
from affekt.core.files import read_json, write_json
from affekt.core.params import ContentParams, TrainingParams
from affekt.features.alignment import find_references
from affekt.models.content import ContentNetwork
from affekt.models.io import load_model
from pipeline import content, content_recognition

SECTIONS = {
    ContentParams: ContentParams(channels=4, segments=4, steps=60),
    TrainingParams: TrainingParams(
        batch=8, lr=0.01, schedule="one_cycle", weight_decay=0.0, dropout=0.0, norm=True, residual=True, crop_frames=64,
        label_smoothing=0.1, mixup=0.0, masks=False, speed=0.1, pitch=0.0, noise=0.0, bf16=False,
    ),
}  # fmt: skip


class FakeStage:
    """What the scripts use of a stage, with paths under one folder."""

    device = torch.device("cpu")

    def __init__(self, root: Path, item: str | None = None) -> None:
        self.root, self.item, self.work = root, item, root / "work" / str(item)
        self.logged: dict[str, Any] = {}

    def params(self, section: type) -> Any:
        return SECTIONS[section]

    def dep(self, name: str) -> Path:
        return self.root / name

    def out(self, name: str) -> Path:
        return self.root / (f"{name}.json" if name == "content_recognition" else name)

    def seed(self, *labels: object) -> int:
        return 7

    def log(self, metrics: dict[str, Any], step: int = 0) -> None:
        self.logged |= metrics

    metrics = log

    def progress(self, items: Iterable[Any], *_: object, **__: object) -> Iterable[Any]:
        return iter(items)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which both halves were trained and measured."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("stage")
    make_speech(folder, statements=2, emotions=2)
    for half in "ab":
        content.main(FakeStage(folder, half))  # type: ignore[arg-type]
    content_recognition.main(FakeStage(folder))  # type: ignore[arg-type]
    return folder


def test_a_network_names_its_statements_and_their_clips_in_its_own_half(root: Path) -> None:
    packed = load_speech(root / "again", statements=2, emotions=2)
    for half in "ab":
        network = load_model(root / f"content_{half}", ContentNetwork, torch.device("cpu"))
        assert (network.statements, network.segments) == (2, 4)
        named = read_json(root / f"content_{half}" / "statements.json")
        references = find_references(packed, rows_of(packed, half))
        ids = packed.clips["clip_id"]
        assert named == [{"statement": name, "clip_id": ids.iloc[row]} for name, row in references.items()]
        clips = packed.clips.set_index("clip_id").loc[[row["clip_id"] for row in named]]
        assert (clips["half"] == half).all()


def test_a_run_gives_equal_bits(root: Path, tmp_path: Path) -> None:
    make_speech(tmp_path, statements=2, emotions=2)
    content.main(FakeStage(tmp_path, "a"))  # type: ignore[arg-type]
    for name in ("weights.safetensors", "config.json", "statements.json", "history.json"):
        assert (tmp_path / "content_a" / name).read_bytes() == (root / "content_a" / name).read_bytes()


def test_each_network_is_measured_on_the_half_that_it_has_not_heard(root: Path) -> None:
    metrics = read_json(root / "content_recognition.json")
    assert {key.split("/")[0] for key in metrics} == {"content"}
    assert (metrics["content/statements"], metrics["content/segments"]) == (2, 4)
    packed = load_speech(root / "once_more", statements=2, emotions=2)
    for half, other in ("ab", "ba"):
        assert metrics[f"content/{half}/clips"] == len(rows_of(packed, other))
        assert metrics[f"content/{half}/statement_accuracy"] == 1
        assert metrics[f"content/{half}/windows/statement_accuracy"] >= 0.9
        assert metrics[f"content/{half}/frame_accuracy_within_1"] > 0.8
        assert metrics[f"content/{half}/drift/other_emotion"] < metrics[f"content/{half}/drift/other_statement"]
    assert all(np.isfinite(value) for value in metrics.values())


def test_statements_that_do_not_fit_the_network_stop_the_stage(root: Path) -> None:
    path = root / "content_b" / "statements.json"
    named = read_json(path)
    write_json(path, named[:1])
    with pytest.raises(StageError, match="names 1 statements for a network of 2"):
        content_recognition.main(FakeStage(root))  # type: ignore[arg-type]
    write_json(path, named)
