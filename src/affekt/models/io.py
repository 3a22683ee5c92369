"""Trained networks on disk: weights as safetensors, and the scalars that rebuild the network as JSON.

The reader names the class: what a stage imports is then what it depends on, and a folder cannot choose code to run.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import nn

from affekt.core.errors import UserError
from affekt.core.files import load_tensors, read_json, save_tensors, write_json

N = TypeVar("N", bound=nn.Module)


def save_model(folder: Path, module: nn.Module, config: Mapping[str, Any], history: Mapping[str, list[float]]) -> None:
    """Write weights.safetensors, config.json and history.json into a folder; `config`: the scalars the class takes."""
    folder.mkdir(parents=True, exist_ok=True)
    save_tensors(folder / "weights.safetensors", module.state_dict())
    write_json(folder / "config.json", {"network": type(module).__name__, "config": dict(config)})
    write_json(folder / "history.json", dict(history))


def network_name(folder: Path) -> str:
    """Return the class name of the network that a folder holds."""
    if not (folder / "config.json").is_file():
        raise UserError(f"{folder}: there is no trained model; run `make repro` first")
    return str(_read_config(folder).get("network"))


def _read_config(folder: Path) -> dict[str, Any]:
    found = read_json(folder / "config.json")
    if not isinstance(found, dict) or not isinstance(found.get("config"), dict):
        raise UserError(f"{folder / 'config.json'}: names no network and config; rebuild it by `dvc repro`")
    return found


def load_model(folder: Path, network: type[N], device: torch.device) -> N:
    """Rebuild a network of this class from its folder, in eval mode; a UserError names the file that does not fit."""
    found = network_name(folder)
    if found != network.__name__:
        raise UserError(f"{folder / 'config.json'}: holds a {found}, expected a {network.__name__}")
    try:
        module = network(**_read_config(folder)["config"])
    except TypeError as error:
        raise UserError(f"{folder / 'config.json'}: does not fit a {network.__name__}: {error}") from None
    tensors, _ = load_tensors(folder / "weights.safetensors")
    try:
        module.load_state_dict(tensors)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:300]
        raise UserError(f"{folder / 'weights.safetensors'}: does not fit its config.json: {reason}") from None
    return module.to(device).eval()
