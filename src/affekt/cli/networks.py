"""The networks that the command line can open, by the class name that a model's folder states."""

import importlib
from pathlib import Path
from typing import TYPE_CHECKING

from affekt.core.errors import UserError

if TYPE_CHECKING:
    import torch
    from torch import nn

MODULES = {
    "MelCNN": "affekt.models.mel_networks",
    "MelWaveNet": "affekt.models.mel_networks",
    "MelLSTM": "affekt.models.mel_networks",
    "MfccCNN": "affekt.models.mel_networks",
    "AudioWaveNet": "affekt.models.audio_networks",
    "AudioLSTM": "affekt.models.audio_networks",
    "SpectrogramResNet": "affekt.models.spectrogram_net",
    "RecurrentRecogniser": "affekt.models.judge",
    "ContentNetwork": "affekt.models.content",
    "Generator": "affekt.models.gan",
    "IstftVocoder": "affekt.models.vocoder",
    "WaveGlow": "affekt.models.waveglow",
    "Translator": "affekt.models.translator",
    "SpeechSplit": "affekt.models.speechsplit",
    "CodeGenerator": "affekt.models.codegan",
    "VoiceGenerator": "affekt.models.voicegan",
}
VOICES = {"f": "female", "m": "male"}  # genders as they are shown


def open_model(folder: Path, device: "torch.device") -> "nn.Module":
    """Rebuild whichever known network a folder holds, frozen and in eval mode."""
    from affekt.models.io import load_model, network_name

    name = network_name(folder)
    if name not in MODULES:
        raise UserError(f"{folder / 'config.json'}: unknown network {name!r}; known are {', '.join(MODULES)}")
    network: nn.Module = load_model(folder, getattr(importlib.import_module(MODULES[name]), name), device)
    return network.requires_grad_(False)
