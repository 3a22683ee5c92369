"""What an optimisation remembers: its state, its history and snapshots, on disk if asked.

Axes: B samples, T steps, S snapshots; what follows is the variable's own shape.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from affekt.core.files import load_tensors, save_tensors


@dataclass
class State:
    """All that a run needs to go on from `step`."""

    step: int
    variable: Tensor  # (B, ...)
    rule: dict[str, Tensor]
    active: Tensor  # (B,) bool; a sample that has stopped is False
    calm: Tensor  # (B,) consecutive steps below the stop rule's threshold
    history: dict[str, Tensor]  # name -> (T + 1, B)
    snapshots: Tensor  # (S, B, ...)


@dataclass(frozen=True)
class Trajectory:
    """A finished run, on the CPU; row t of the history is the value after t updates."""

    start: Tensor  # (B, ...)
    end: Tensor
    history: dict[str, Tensor]  # "objective", "score" and each regulariser, before its weight: (T + 1, B)
    snapshot_steps: tuple[int, ...]
    snapshots: Tensor  # (S, B, ...)
    stopped: Tensor  # (B,) bool: ended by the stop rule


def log_spaced(steps: int, count: int) -> tuple[int, ...]:
    """At most `count` distinct steps from 0 to `steps`, evenly spaced in log(step + 1); none when `count` is 0."""
    if count == 1 or min(count, steps) < 0:
        raise ValueError(f"a trajectory needs at least 2 snapshots, or none, and no negative step: {count}, {steps}")
    if count == 0:
        return ()
    exponents = [math.log1p(steps) * i / (count - 1) for i in range(count)]
    return tuple(sorted({0, steps, *(round(math.expm1(e)) for e in exponents)}))


def fingerprint(tensors: Sequence[Tensor], settings: object) -> str:
    """Hex sha256 of a problem's start, targets and settings: a checkpoint serves that problem only."""
    digest = hashlib.sha256(repr(settings).encode())
    for tensor in tensors:
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def save_state(path: Path, state: State, identity: str) -> None:
    tensors = {
        "variable": state.variable,
        "active": state.active,
        "calm": state.calm,
        "snapshots": state.snapshots,
        **{f"rule/{name}": tensor for name, tensor in state.rule.items()},
        **{f"history/{name}": tensor for name, tensor in state.history.items()},
    }
    save_tensors(path, tensors, {"step": str(state.step), "identity": identity})


def load_state(path: Path, identity: str, device: torch.device) -> State | None:
    """Read a checkpoint; None when there is none or it belongs to another problem."""
    if not path.is_file():
        return None
    loaded, metadata = load_tensors(path)
    if metadata.get("identity") != identity:
        return None
    tensors = {name: tensor.to(device) for name, tensor in loaded.items()}

    def group(prefix: str) -> dict[str, Tensor]:
        return {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}

    return State(
        step=int(metadata["step"]),
        variable=tensors["variable"],
        rule=group("rule/"),
        active=tensors["active"],
        calm=tensors["calm"],
        history=group("history/"),
        snapshots=tensors["snapshots"],
    )
