"""A synthetic repository whose runs are tracked by nobody."""

from pathlib import Path

import pytest
from toy_repo import SilentTracker, make_repo

from affekt.core import stage as stage_module


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(stage_module, "Tracker", SilentTracker)
    SilentTracker.all = []
    return make_repo(tmp_path / "repo")
