"""The stage writes the features of what was prepared, and tells the tracker what it found."""

from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest

from affekt.core.files import save_array, save_table
from affekt.core.params import FeaturesParams
from affekt.features.mel import SAMPLE_RATE
from affekt.features.packed import Packed
from pipeline import features, reading_features


class FakeStage:
    """What the script uses of a stage, with paths under one folder."""

    def __init__(self, root: Path, prefix: str) -> None:
        self.root, self.prefix = root, prefix
        self.found: dict[str, Any] = {}
        self.shown: list[str] = []

    def params(self, section: type) -> Any:
        assert section is FeaturesParams
        return FeaturesParams(n_mfcc=13, f0_min_hz=65.0, f0_max_hz=600.0, workers=1)

    def dep(self, name: str) -> Path:
        assert name == f"{self.prefix}prepared"
        return self.root / "prepared"

    def out(self, name: str) -> Path:
        assert name == f"{self.prefix}features"
        return self.root / "temporary" / "features"

    def metrics(self, metrics: dict[str, Any]) -> None:
        self.found.update(metrics)

    def progress(self, items: Iterable[Any], what: str, total: int | None = None) -> Iterable[Any]:
        self.shown.append(what)
        return items


@pytest.mark.parametrize(("script", "prefix"), [(features, ""), (reading_features, "reading_")])
def test_stage_makes_the_features(tmp_path: Path, script: ModuleType, prefix: str) -> None:
    tone = 8000 * np.sin(2 * np.pi * 200 * np.arange(9000) / SAMPLE_RATE)
    save_array(tmp_path / "prepared" / "audio.npy", tone.astype(np.int16))
    clips = pd.DataFrame({"clip_id": ["x"], "offset": [0], "frames": [9000], "rate": [SAMPLE_RATE], "half": ["a"]})
    save_table(tmp_path / "prepared" / "clips.parquet", clips)
    stage = FakeStage(tmp_path, prefix)

    script.main(stage)

    packed = Packed.load(tmp_path / "prepared", stage.out(f"{prefix}features"))
    assert abs(np.median(packed.f0) - 200) < 2
    assert stage.found["features/clips"] == 1
    assert stage.shown == ["features"]
