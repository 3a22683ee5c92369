"""Log-spaced steps; checkpoints that are refused when they are no safetensors."""

from pathlib import Path

import pytest
import torch

from affekt.core.errors import UserError
from affekt.optimise.trajectory import load_state, log_spaced


def test_log_spaced_steps() -> None:
    steps = log_spaced(300, 13)
    assert steps == (0, 1, 2, 3, 6, 10, 16, 27, 44, 71, 115, 186, 300)
    assert log_spaced(2, 13) == (0, 1, 2)
    assert log_spaced(0, 13) == (0,)
    assert log_spaced(300, 0) == ()
    with pytest.raises(ValueError, match="at least 2 snapshots"):
        log_spaced(10, 1)


def test_pickle_as_checkpoint_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "optimise.safetensors"
    torch.save({"variable": torch.zeros(2)}, path)
    with pytest.raises(UserError, match="not a whole safetensors file"):
        load_state(path, "any", torch.device("cpu"))
    assert load_state(tmp_path / "none.safetensors", "any", torch.device("cpu")) is None
