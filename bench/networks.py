"""Untrained recognisers at the sizes of a preset: weights do not change what a step or a second of audio costs."""

import argparse
import importlib.metadata
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from affekt.cli.results import cpu_model
from affekt.core.devices import hardware
from affekt.core.params import Params, TrainingParams, parse_params, read_yaml
from affekt.models.registry import CLASSES, NETWORKS, NetworkSpec, find
from affekt.training.fit import Job, build, sized

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Sized:
    """A recogniser of the registry with its sizes, and how a preset trains it."""

    name: str
    spec: NetworkSpec
    config: dict[str, Any]
    training: TrainingParams

    @property
    def classes(self) -> int:
        return CLASSES[self.spec.labels]

    def build(self) -> nn.Module:
        """A new network, the same one at every call."""
        job = Job(self.spec, self.config, self.training, epochs=1, rows=np.zeros(0, np.int64), seed=0)
        return build(job).network


def load_preset(name: str | None) -> Params:
    """params.yaml as it is, or with the values of a preset."""
    values = read_yaml(ROOT / "params.yaml")
    if name is not None:
        merge(values, read_yaml(ROOT / "presets" / f"{name}.yaml"))
    return parse_params(values, ROOT / "params.yaml")


def merge(values: dict[str, Any], changes: dict[str, Any]) -> None:
    """Put changes into nested values."""
    for key, change in changes.items():
        if isinstance(change, dict) and isinstance(values.get(key), dict):
            merge(values[key], change)
        else:
            values[key] = change


def size(name: str, params: Params) -> Sized:
    """A recogniser as the pipeline's stages size and train it."""
    spec, training = find(name), params.training
    section = params.gender if spec.labels == "gender" else getattr(params.networks, name)
    return Sized(name, spec, *sized(spec, section, training))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What all benches of networks are told."""
    parser.add_argument("--preset", help="of presets/, for the sizes (default: params.yaml as it is)")
    parser.add_argument("--networks", nargs="+", default=list(NETWORKS), choices=list(NETWORKS), metavar="NAME")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, help="write the figures to this JSON file")


def describe(arguments: argparse.Namespace, device: torch.device) -> dict[str, Any]:
    """The machine, the versions and how the bench was called, for the JSON."""
    settings = {f"bench/{key}": value for key, value in vars(arguments).items() if key != "out" and value is not None}
    return {
        **settings,
        "bench/omp_wait_policy": os.environ.get("OMP_WAIT_POLICY", ""),
        "hardware": f"{cpu_model()}; {hardware(device)}",
        "versions": {package: importlib.metadata.version(package) for package in ("torch", "librosa")},
        "weights": "random",
    }


def parameters(network: nn.Module) -> int:
    """How many numbers a network learns."""
    return sum(parameter.numel() for parameter in network.parameters())
