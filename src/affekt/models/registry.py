"""The recognisers by name: their class, what they hear, and what they name."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from affekt.core.errors import UserError
from affekt.features.labels import CLASSES
from affekt.models.audio_networks import AudioLSTM, AudioWaveNet
from affekt.models.io import load_model, network_name
from affekt.models.mel_networks import MelCNN, MelLSTM, MelWaveNet, MfccCNN
from affekt.models.spectrogram_net import SpectrogramResNet

Input = Literal["mel", "audio", "spectrogram"]
Labels = Literal["emotion", "emotion_gender", "gender"]
__all__ = ["CLASSES", "NETWORKS", "NetworkSpec", "find", "load_recogniser", "spec_of"]


@dataclass(frozen=True)
class NetworkSpec:
    """A recogniser; `config` holds the scalars of its class that its name fixes."""

    network: type[nn.Module]
    input: Input
    labels: Labels
    config: tuple[tuple[str, Any], ...] = ()
    aids: tuple[str, ...] = ("dropout", "norm", "residual")  # of the section `training`, that the class takes


AUDIO_AIDS = ("dropout", "norm", "residual", "masks")  # a learned filterbank is masked inside the network

NETWORKS = {
    "mel_cnn": NetworkSpec(MelCNN, "mel", "emotion"),
    "mel_wavenet": NetworkSpec(MelWaveNet, "mel", "emotion"),
    "mel_lstm": NetworkSpec(MelLSTM, "mel", "emotion"),
    "audio_wavenet": NetworkSpec(AudioWaveNet, "audio", "emotion", aids=AUDIO_AIDS),
    "audio_lstm": NetworkSpec(AudioLSTM, "audio", "emotion", aids=AUDIO_AIDS),
    "mfcc_cnn": NetworkSpec(MfccCNN, "mel", "emotion_gender"),
    "gender_fast": NetworkSpec(SpectrogramResNet, "spectrogram", "gender", (("n_fft", 512), ("hop_length", 128))),
    "gender_slow": NetworkSpec(SpectrogramResNet, "spectrogram", "gender", (("n_fft", 2048), ("hop_length", 256))),
}


def find(name: str) -> NetworkSpec:
    """Return a recogniser by its name; a UserError lists the names."""
    if name not in NETWORKS:
        raise UserError(f"there is no recogniser {name!r}; known are {', '.join(NETWORKS)}")
    return NETWORKS[name]


def spec_of(network: nn.Module) -> NetworkSpec | None:
    """What a network of the registry hears and names; None for another one."""
    candidates = [spec for spec in NETWORKS.values() if spec.network is type(network)]
    # One class serves two resolutions: what the name fixes tells them apart.
    same = [spec for spec in candidates if all(getattr(network, key) == value for key, value in spec.config)]
    return same[0] if same else None


def load_recogniser(folder: Path, device: torch.device) -> nn.Module:
    """Rebuild whichever recogniser of the registry a folder holds, in eval mode."""
    by_class = {spec.network.__name__: spec.network for spec in NETWORKS.values()}
    found = network_name(folder)
    if found not in by_class:
        raise UserError(f"{folder / 'config.json'}: holds a {found}, which is no recogniser; rebuild it by `dvc repro`")
    return load_model(folder, by_class[found], device)
