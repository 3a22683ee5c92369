"""A checkpoint holds all of the state, as safetensors, and refuses what is not one."""

from pathlib import Path

import pytest
import torch
from toy_training import CPU, Toy, run

from affekt.core import files
from affekt.core.errors import UserError
from affekt.training.checkpoint import load_checkpoint, save_checkpoint
from affekt.training.loop import LoopState, TrainSettings, run_step
from affekt.training.schedules import Plateau

SETTINGS = TrainSettings(9, seed=3, ema={"net": 0.5})


def trained(steps: int) -> LoopState:
    state = LoopState(Toy(), SETTINGS, CPU)
    for step in range(steps):
        state.step = step
        run_step(state.method, state)
        state.history["step"].append(float(step))
        state.step = step + 1
    state.plateau.see(2.0)
    state.plateau.see(3.0)
    return state


def test_all_of_the_state_comes_back_to_the_bit(tmp_path: Path) -> None:
    state = trained(3)
    save_checkpoint(tmp_path / "c.safetensors", state)
    fresh = LoopState(Toy(), SETTINGS, CPU)
    load_checkpoint(tmp_path / "c.safetensors", fresh)
    assert fresh.step == 3
    assert fresh.history == {"step": [0.0, 1.0, 2.0]}
    assert fresh.plateau == Plateau(factor=1.0, best=2.0, waited=1)
    for name, module in state.method.modules.items():
        torch.testing.assert_close(fresh.method.modules[name].state_dict(), module.state_dict(), rtol=0, atol=0)
    torch.testing.assert_close(fresh.ema, state.ema, rtol=0, atol=0)
    for name, optimiser in state.optimisers.items():
        before, after = optimiser.state_dict(), fresh.optimisers[name].state_dict()
        assert set(before["state"][0]) == {"step", "exp_avg", "exp_avg_sq"}
        torch.testing.assert_close(after["state"], before["state"], rtol=0, atol=0)
        assert len(before["state"]) == len(state.parameters(name))


def test_the_file_is_named_safetensors_and_nothing_else(tmp_path: Path) -> None:
    state = trained(1)
    save_checkpoint(tmp_path / "c.safetensors", state)
    tensors, metadata = files.load_tensors(tmp_path / "c.safetensors")
    assert {name.split("/")[0] for name in tensors} == {"module", "ema", "optimiser"}
    assert set(metadata) == {"format", "device", "step", "history", "plateau"}
    assert metadata["device"] == "cpu"
    assert [path.name for path in tmp_path.iterdir()] == ["c.safetensors"]


def test_a_checkpoint_before_the_first_update_loads(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "c.safetensors", LoopState(Toy(), SETTINGS, CPU))
    fresh = LoopState(Toy(), SETTINGS, CPU)
    load_checkpoint(tmp_path / "c.safetensors", fresh)
    assert fresh.step == 0
    assert fresh.plateau == Plateau()  # endless, as JSON has no word for it
    assert fresh.optimisers["net"].state_dict()["state"] == {}


def test_that_of_another_kind_of_device_is_not_continued(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "c.safetensors"
    save_checkpoint(path, trained(3))
    tensors, metadata = files.load_tensors(path)
    files.save_tensors(path, tensors, metadata | {"device": "cuda"})
    fresh, untouched = LoopState(Toy(), SETTINGS, CPU), LoopState(Toy(), SETTINGS, CPU)
    load_checkpoint(path, fresh)
    assert fresh.step == 0
    assert fresh.history == {"step": []}
    for name, module in untouched.method.modules.items():
        torch.testing.assert_close(fresh.method.modules[name].state_dict(), module.state_dict(), rtol=0, atol=0)
    assert caplog.messages == ["training: the checkpoint of step 3 was made on cuda, this is cpu: starting anew"]


def test_no_checkpoint_leaves_the_state(tmp_path: Path) -> None:
    state = LoopState(Toy(), SETTINGS, CPU)
    load_checkpoint(tmp_path / "none.safetensors", state)
    assert state.step == 0


def test_a_pickle_in_its_place_is_refused(tmp_path: Path) -> None:
    torch.save({"step": 3}, tmp_path / "checkpoint.safetensors")
    with pytest.raises(UserError, match=r"checkpoint\.safetensors: is not a whole safetensors file"):
        run(Toy(), tmp_path)
