"""A small training with two optimisers, an average, dropout and batch norm; also a process that can be killed.

`python toy_training.py WORK kill-in-step N` dies by SIGKILL inside step N, `… kill-in-save N` half-way through writing
its N-th checkpoint. `python toy_training.py OUT ranks` trains SharedBatch; under torchrun each process has its part.
"""

import os
import signal
import sys
from pathlib import Path

import torch
from torch import Tensor, nn

from affekt.core import files
from affekt.training import distributed
from affekt.training.loop import LoopState, Method, OptimSpec, TrainResult, TrainSettings, train

CPU = torch.device("cpu")
STEPS = 7


class Toy(Method):
    """A network with all that a resume can lose, and a critic with an optimiser of its own."""

    def __init__(self) -> None:
        torch.manual_seed(5)
        net = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.SiLU(), nn.Dropout(0.3), nn.Linear(8, 3))
        self.modules = {"net": net, "critic": nn.Linear(3, 1)}

    def optimisers(self) -> dict[str, OptimSpec]:
        return {
            "net": OptimSpec(("net",), lr=0.02, weight_decay=0.01, schedule="one_cycle", clip=0.5),
            "critic": OptimSpec(("critic",), lr=0.01, betas=(0.0, 0.99), schedule="late"),
        }

    def batch(self, step: int, rng: torch.Generator) -> dict[str, Tensor]:
        return {"x": torch.randn(16, 6, generator=rng)}

    def step(self, state: LoopState, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        made = self.modules["net"](batch["x"])
        critic_loss = (self.modules["critic"](made.detach()) - 1).square().mean()
        state.update("critic", critic_loss)
        loss = self.modules["critic"](made).square().mean() + (made - batch["x"][:, :3]).square().mean()
        state.update("net", loss)
        return {"toy/net": loss, "toy/critic": critic_loss}


class SharedBatch(Method):
    """Regression on fixed rows: a process of `world` takes its part of 8 rows, so that all have them all together."""

    def __init__(self) -> None:
        torch.manual_seed(6)
        self.modules = {"net": nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 2))}
        self.rows = torch.randn(STEPS, 8, 6, generator=torch.Generator().manual_seed(7))

    def optimisers(self) -> dict[str, OptimSpec]:
        return {"net": OptimSpec(("net",), lr=0.05, clip=0.1)}

    def batch(self, step: int, rng: torch.Generator) -> dict[str, Tensor]:
        part = 8 // int(os.environ.get("WORLD_SIZE", "1"))
        return {"rows": self.rows[step, distributed.rank() * part : (distributed.rank() + 1) * part]}

    def step(self, state: LoopState, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        loss = (self.modules["net"](batch["rows"][:, :4]) - batch["rows"][:, 4:]).square().mean()
        state.update("net", loss)
        return {"toy/loss": loss}


def run(method: Method, work: Path, every: int = 2, steps: int = STEPS) -> TrainResult:
    """Train on one thread, with a checkpoint every so many steps."""
    torch.set_num_threads(1)
    ema = {"net": 0.7}
    settings = TrainSettings(steps, seed=3, ema=ema, checkpoint_every=every, log_every=1)
    work.mkdir(parents=True, exist_ok=True)
    return train(method, settings, work, CPU, lambda scalars, step: None, lambda steps, *_, **__: iter(steps))


def everything(method: Method, result: TrainResult) -> dict[str, Tensor]:
    """Return all that a training leaves, as named tensors."""
    tensors = {f"{name}.{key}": v for name, m in method.modules.items() for key, v in m.state_dict().items()}
    tensors |= {f"ema.{name}.{key}": v for name, average in result.ema.items() for key, v in average.items()}
    return tensors | {f"history.{key}": torch.tensor(v, dtype=torch.float64) for key, v in result.history.items()}


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class KilledInStep(Toy):
    """Dies after the first of a step's two updates."""

    def __init__(self, at: int):
        super().__init__()
        self.at = at

    def step(self, state: LoopState, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        if state.step == self.at:
            state.update("critic", self.modules["critic"](torch.ones(2, 3)).sum())
            die()
        return super().step(state, batch)


def kill_in_save(number: int) -> None:
    """Arrange that the process dies when half of its checkpoint is on the disk."""
    saves = 0
    sync = files.sync

    def half(path: Path) -> None:
        nonlocal saves
        if path.name.endswith(".tmp"):
            saves += 1
            if saves == number:
                os.truncate(path, path.stat().st_size // 2)
                die()
        sync(path)

    files.sync = half


def main() -> None:
    folder, what = Path(sys.argv[1]), sys.argv[2]
    if what == "ranks":
        method = SharedBatch()
        result = run(method, folder / "work", every=3)
        files.save_tensors(folder / f"rank{distributed.rank()}.safetensors", everything(method, result))
        return
    if what == "kill-in-save":
        kill_in_save(int(sys.argv[3]))
        run(Toy(), folder)
    else:
        run(KilledInStep(int(sys.argv[3])), folder)


if __name__ == "__main__":
    main()
