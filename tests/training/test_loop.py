"""The loop: resumes to the bit after any end, averages over processes, and its arithmetic is as written."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
import toy_training
from torch import Tensor, nn
from toy_training import CPU, STEPS, SharedBatch, Toy, everything, run

from affekt.core import files
from affekt.core.errors import UserError
from affekt.training import distributed, loop
from affekt.training.loop import LoopState, Method, OptimSpec, TrainSettings, train
from affekt.training.schedules import factor

SCRIPT = Path(toy_training.__file__)
KILLED = -9


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Tensor]:
    """What an uninterrupted training leaves."""
    method = Toy()
    return everything(method, run(method, tmp_path_factory.mktemp("work"), every=100))


def assert_same_bits(found: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    assert set(found) == set(expected)
    for name, tensor in expected.items():
        assert torch.equal(found[name], tensor), name


class Stopped(Toy):
    """Fails between a step's two updates."""

    def __init__(self, at: int):
        super().__init__()
        self.at = at

    def step(self, state: LoopState, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        scalars = super().step(state, batch)
        if state.step == self.at:
            raise KeyboardInterrupt
        return scalars


@pytest.mark.parametrize("at", range(STEPS))
def test_resumes_to_the_bit_after_a_failure_at_any_step(at: int, tmp_path: Path, whole: dict[str, Tensor]) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(Stopped(at), tmp_path)
    assert (tmp_path / "checkpoint.safetensors").exists() == (at >= 2)
    method = Toy()
    assert_same_bits(everything(method, run(method, tmp_path)), whole)


def test_resumes_to_the_bit_when_every_step_fails_once(tmp_path: Path, whole: dict[str, Tensor]) -> None:
    for at in range(STEPS):
        with pytest.raises(KeyboardInterrupt):
            run(Stopped(at), tmp_path, every=1)
    method = Toy()
    assert_same_bits(everything(method, run(method, tmp_path, every=1)), whole)


@pytest.mark.parametrize(("how", "number", "steps_kept"), [("kill-in-step", 5, 4), ("kill-in-save", 2, 2)])
def test_resumes_to_the_bit_after_kill_9(
    how: str, number: int, steps_kept: int, tmp_path: Path, whole: dict[str, Tensor]
) -> None:
    command = [sys.executable, str(SCRIPT), str(tmp_path), how, str(number)]
    assert subprocess.run(command, check=False).returncode == KILLED
    _, metadata = files.load_tensors(tmp_path / "checkpoint.safetensors")
    assert metadata["step"] == str(steps_kept)  # what was done before is whole
    halves = [path for path in tmp_path.iterdir() if path.suffix == ".tmp"]
    assert len(halves) == (how == "kill-in-save")
    method = Toy()
    assert_same_bits(everything(method, run(method, tmp_path)), whole)


def test_the_seed_and_the_step_are_all_that_is_random(tmp_path: Path, whole: dict[str, Tensor]) -> None:
    torch.manual_seed(999)
    torch.rand(17)
    method = Toy()
    torch.manual_seed(1234)
    assert_same_bits(everything(method, run(method, tmp_path)), whole)


def test_history_has_every_logged_step_once(whole: dict[str, Tensor]) -> None:
    assert {name for name in whole if name.startswith("history.")} == {
        "history.step", "history.toy/net", "history.toy/critic"
    }  # fmt: skip
    assert whole["history.step"].tolist() == list(range(STEPS))


def test_modules_end_in_eval_mode_and_the_log_has_the_history(tmp_path: Path) -> None:
    logged: dict[int, dict[str, float]] = {}
    method = Toy()
    settings = TrainSettings(5, seed=3, log_every=2)
    result = train(
        method,
        settings,
        tmp_path,
        CPU,
        lambda s, step: logged.__setitem__(step, s),
        lambda steps, *_, **__: iter(steps),
    )
    assert list(logged) == [1, 3, 4]  # every second, and the last
    assert result.history["step"] == [1.0, 3.0, 4.0]
    assert result.history["toy/net"] == [logged[step]["toy/net"] for step in (1, 3, 4)]
    assert not any(module.training for module in method.modules.values())


class Broken(Toy):
    """Its critic's loss is not finite from step 3."""

    def __init__(self, value: float):
        super().__init__()
        self.value = value

    def step(self, state: LoopState, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        scalars = super().step(state, batch)
        return scalars | {"toy/critic": torch.tensor(self.value)} if state.step == 3 else scalars


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_is_named_with_its_step(value: float, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=rf"step 3 of {STEPS}: toy/critic is {value}: .* lower `lr` in params"):
        run(Broken(value), tmp_path)


class Line(Method):
    """One weight vector and a buffer."""

    def __init__(self, clip: float | None, schedule: str = "constant"):
        self.modules = {"a": nn.BatchNorm1d(4), "b": nn.Linear(4, 1)}
        self.clip, self.schedule = clip, schedule

    def optimisers(self) -> dict[str, OptimSpec]:
        return {
            "a": OptimSpec(("a",), lr=0.1, clip=self.clip, schedule=self.schedule),
            "b": OptimSpec(("b",), lr=0.1, betas=(0.5, 0.6), weight_decay=0.25),
        }

    def batch(self, step: int, rng: torch.Generator) -> dict[str, Tensor]:
        return {}

    def step(self, state: LoopState, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        return {}


def gradients_at_step(state: LoopState, name: str, loss: Tensor) -> list[Tensor]:
    """Update, and return the gradients with which the optimiser stepped."""
    seen: list[Tensor] = []

    def look(*_: object) -> None:
        seen.extend(p.grad.clone() for p in state.parameters(name) if p.grad is not None)

    handle = state.optimisers[name].register_step_pre_hook(look)
    state.update(name, loss)
    handle.remove()
    return seen


@pytest.mark.parametrize(("clip", "norm"), [(None, 5.0), (100.0, 5.0), (2.0, 2.0)])
def test_gradients_are_clipped_to_the_norm_of_all_parameters_together(clip: float | None, norm: float) -> None:
    method = Line(clip)
    state = LoopState(method, TrainSettings(10, seed=0), CPU)
    a = method.modules["a"]
    loss = 3 * a.weight[0] + 4 * a.bias[1]  # type: ignore[index]
    gradients = gradients_at_step(state, "a", loss)
    assert torch.cat(gradients).norm().item() == pytest.approx(norm, rel=1e-5)
    direction = torch.cat(gradients) / norm
    torch.testing.assert_close(direction, torch.tensor([0.6, 0, 0, 0, 0, 0.8, 0, 0]))


def test_an_update_touches_only_its_own_modules_and_leaves_no_gradient() -> None:
    method = Line(None)
    state = LoopState(method, TrainSettings(10, seed=0), CPU)
    before = {key: value.clone() for key, value in method.modules["b"].state_dict().items()}
    state.update("a", method.modules["b"](method.modules["a"](torch.randn(8, 4))).sum())
    assert all(torch.equal(value, before[key]) for key, value in method.modules["b"].state_dict().items())
    assert all(p.grad is None for module in method.modules.values() for p in module.parameters())


def test_an_update_is_one_step_of_adamw_at_the_rate_of_the_schedule() -> None:
    method = Line(None, schedule="cosine")
    state = LoopState(method, TrainSettings(10, seed=0), CPU)
    state.step = 6
    state.update("a", method.modules["a"].weight.sum())  # type: ignore[operator]
    assert state.optimisers["a"].param_groups[0]["lr"] == pytest.approx(0.1 * factor("cosine", 6, 10))
    state.update("b", 2 * method.modules["b"].weight.sum())  # type: ignore[operator]
    group = state.optimisers["b"].param_groups[0]
    assert (group["lr"], group["betas"], group["weight_decay"]) == (0.1, (0.5, 0.6), 0.25)


class Watched(Line):
    """Its validation loss is what the test says."""

    def __init__(self, losses: list[float]):
        super().__init__(None, schedule="plateau")
        self.losses, self.rates = losses, list[float]()

    def step(self, state: LoopState, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        state.update("a", self.modules["a"].weight.sum())  # type: ignore[operator]
        state.update("b", self.modules["b"].weight.sum())  # type: ignore[operator]
        self.rates.append(state.optimisers["a"].param_groups[0]["lr"])
        return {}

    def validate(self) -> float:
        return self.losses.pop(0)


def test_the_plateau_validates_as_often_as_asked_and_lowers_the_rate(tmp_path: Path) -> None:
    method = Watched([1.0, 2.0, 2.0, 2.0])
    settings = TrainSettings(9, seed=0, validate_every=2)
    train(method, settings, tmp_path, CPU, lambda s, step: None, lambda steps, *_, **__: iter(steps))
    assert method.losses == []
    assert method.rates == pytest.approx([0.1] * 6 + [0.05] * 3)


def test_other_schedules_do_not_validate_and_a_method_without_validation_has_no_plateau(tmp_path: Path) -> None:
    settings = TrainSettings(2, seed=0, validate_every=1)

    def go(method: Line) -> None:
        train(method, settings, tmp_path, CPU, lambda s, step: None, lambda steps, *_, **__: iter(steps))

    go(Line(None, schedule="cosine"))
    with pytest.raises(NotImplementedError, match="Line has no validation: its schedule cannot be `plateau`"):
        go(Line(None, schedule="plateau"))


def test_averages_are_exponential_and_buffers_are_copied() -> None:
    method = Line(None)
    state = LoopState(method, TrainSettings(10, seed=0, ema={"a": 0.75}), CPU)
    a = method.modules["a"]
    expected = torch.ones(4)
    for value in (3.0, -2.0, 8.0):
        with torch.no_grad():
            a.weight.fill_(value)  # type: ignore[operator]
            a.running_mean.fill_(value)  # type: ignore[operator]
        state.average()
        expected = 0.75 * expected + 0.25 * value
    torch.testing.assert_close(state.ema["a"]["weight"], expected)
    assert state.ema["a"]["running_mean"].tolist() == [8.0] * 4
    assert set(state.ema) == {"a"}


@pytest.mark.parametrize("fast", [True, False])
def test_autocast_is_what_the_settings_say_where_the_device_is_fast_at_it(
    fast: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "fast_bf16", lambda device: fast)
    for bf16 in (True, False):
        state = LoopState(Line(None), TrainSettings(1, seed=0, bf16=bf16), CPU)
        with state.autocast():
            dtype = (torch.ones(2, 2) @ torch.ones(2, 2)).dtype
        assert dtype == (torch.bfloat16 if bf16 and fast else torch.float32)


@pytest.mark.parametrize(
    ("device", "joined"),
    [("cpu", ("gloo", None)), ("cuda:1", ("nccl", torch.device("cuda", 1)))],
)
def test_processes_join_with_their_own_gpu(
    device: str, joined: tuple[str, torch.device | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[str, torch.device | None]] = []
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setattr(
        torch.distributed, "init_process_group", lambda backend, device_id: calls.append((backend, device_id))
    )
    distributed.start(torch.device(device))
    assert calls == [joined]


def test_of_several_processes_the_first_decides_what_the_plateau_sees(monkeypatch: pytest.MonkeyPatch) -> None:
    assert distributed.share_value(0.1, CPU) == 0.1
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "broadcast", lambda tensor, src: tensor.fill_([0.3, 0.7][src]))
    assert distributed.share_value(0.1, CPU) == 0.3


def test_two_processes_train_as_one_with_both_their_batches(tmp_path: Path) -> None:
    command = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(SCRIPT), str(tmp_path)]
    subprocess.run([sys.executable, *command, "ranks"], check=True, capture_output=True)
    ranks = [files.load_tensors(tmp_path / f"rank{rank}.safetensors")[0] for rank in range(2)]
    method = SharedBatch()
    alone = everything(method, run(method, tmp_path / "alone"))
    weights = [name for name in alone if not name.startswith("history.")]
    for name in weights:
        assert torch.equal(ranks[0][name], ranks[1][name]), name
        torch.testing.assert_close(ranks[0][name], alone[name], rtol=1e-4, atol=1e-6)
    assert (tmp_path / "work" / "checkpoint.safetensors").exists()
