"""Checkpoints: one safetensors file, whole or absent, that holds all that a resumed training needs."""

import dataclasses
import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from affekt.core.files import load_tensors, save_tensors
from affekt.training import distributed
from affekt.training.schedules import Plateau

if TYPE_CHECKING:
    from affekt.training.loop import LoopState

FORMAT = "3"

logger = logging.getLogger("affekt.training")


def save_checkpoint(path: Path, state: "LoopState") -> None:
    """Write weights, averages, optimiser states and history after `state.step` steps."""
    tensors: dict[str, Tensor] = {}
    for name, module in state.method.modules.items():
        tensors |= {f"module/{name}/{key}": value for key, value in module.state_dict().items()}
    for name, average in state.ema.items():
        tensors |= {f"ema/{name}/{key}": value for key, value in average.items()}
    for name, optimiser in state.optimisers.items():
        for index, slots in optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser/{name}/{index}/{slot}": value for slot, value in slots.items()}
    metadata = {
        "format": FORMAT,
        "device": state.device.type,
        "step": str(state.step),
        "history": json.dumps(state.history),
        "plateau": json.dumps(dataclasses.asdict(state.plateau)),
    }
    save_tensors(path, {name: tensor.clone() for name, tensor in tensors.items()}, metadata)


def load_checkpoint(path: Path, state: "LoopState") -> None:
    """Continue from a checkpoint if there is one; its work folder's key says that the inputs are the same.

    That of another kind of device is left alone: half a training on each is the result of neither.
    """
    if not path.exists():
        return
    tensors, metadata = load_tensors(path)
    device = metadata.get("device", "another device")
    if device != state.device.type:
        if distributed.is_first():
            logger.warning(
                "training: the checkpoint of step %s was made on %s, this is %s: starting anew",
                *(metadata.get("step", "?"), device, state.device.type),
            )
        return
    state.step = int(metadata["step"])
    state.history = json.loads(metadata["history"])
    state.plateau = Plateau(**json.loads(metadata["plateau"]))
    for name, module in state.method.modules.items():
        module.load_state_dict(_under(tensors, f"module/{name}/"))
    for name, average in state.ema.items():
        for key, value in _under(tensors, f"ema/{name}/").items():
            average[key].copy_(value)
    for name, optimiser in state.optimisers.items():
        _load_optimiser(optimiser, _under(tensors, f"optimiser/{name}/"))


def _load_optimiser(optimiser: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    slots: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        index, slot = key.split("/")
        slots.setdefault(int(index), {})[slot] = value
    optimiser.load_state_dict({"state": slots, "param_groups": optimiser.state_dict()["param_groups"]})


def _under(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
