"""The stage renders the page from its declared deps, shows what dvc.yaml declares, and refuses a broken page."""

import importlib.util
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from affekt.core.errors import StageError
from affekt.core.files import read_json
from affekt.core.params import ReportParams
from pipeline import report


def load_writer() -> Callable[[Path], Any]:
    """write_inputs of tests/report, which is no package."""
    path = Path(__file__).parent.parent / "report" / "synthetic_inputs.py"
    spec = importlib.util.spec_from_file_location("synthetic_inputs", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.write_inputs


class FakeStage:
    """What the script uses of a stage, with paths under one folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.sources = load_writer()(root)
        self.declared = {"seed": 0, "report": {"examples": 1}}
        self.artifacts: list[Path] = []
        self.state: dict[str, float] = {}

    def params(self, section: type) -> ReportParams:
        assert section is ReportParams
        return ReportParams(examples=1)

    def dep(self, name: str) -> Path:
        return self.sources.maximise / name if name == "mel_cnn" else Path(getattr(self.sources, name))

    def out(self, name: str) -> Path:
        (self.root / "outs").mkdir(exist_ok=True)
        return self.root / "outs" / {"index": "index.html", "assets": "assets"}[name]

    def artifact(self, path: Path) -> None:
        self.artifacts.append(path)

    def log_state(self, metrics: dict[str, float]) -> None:
        self.state = metrics


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> FakeStage:
    return FakeStage(tmp_path_factory.mktemp("stage"))


def test_page_and_assets_are_made_and_tracked(stage: FakeStage) -> None:
    report.main(stage)  # type: ignore[arg-type]
    text = stage.out("index").read_text(encoding="utf-8")
    assert "<dt>examples</dt><dd>1</dd>" in text
    assert stage.artifacts == [stage.out("index"), stage.out("assets")]
    assert stage.state == read_json(stage.sources.summary), "the state of the pipeline is compared by these"
    assert str(stage.root) not in text
    assert not re.search(r"/(tmp|home|work|root)/", text)


def test_silent_voice_stops_the_stage(stage: FakeStage) -> None:
    import numpy as np
    import soundfile

    soundfile.write(
        stage.sources.maximise / "mel_cnn" / "gan" / "sad-000-after.wav", np.zeros(22050), 22050, subtype="PCM_16"
    )
    with pytest.raises(StageError, match=r"sad-1-after\.wav: sound is silent"):
        report.main(stage)  # type: ignore[arg-type]
