"""The networks that the command line can open, by the class name that a model's folder states."""

import importlib
from pathlib import Path
from typing import TYPE_CHECKING

from affekt.core.errors import UserError

if TYPE_CHECKING:
    import torch
    from torch import nn

MODULES = {
    "ConvRecogniser": "affekt.models.recogniser",
    "RecurrentRecogniser": "affekt.models.judge",
    "Generator": "affekt.models.gan",
    "IstftVocoder": "affekt.models.vocoder",
}


def open_model(folder: Path, device: "torch.device") -> "nn.Module":
    """Rebuild whichever known network a folder holds, frozen and in eval mode."""
    from affekt.models.io import load_model, network_name

    name = network_name(folder)
    if name not in MODULES:
        raise UserError(f"{folder / 'config.json'}: unknown network {name!r}; known are {', '.join(MODULES)}")
    network: nn.Module = load_model(folder, getattr(importlib.import_module(MODULES[name]), name), device)
    return network.requires_grad_(False)
