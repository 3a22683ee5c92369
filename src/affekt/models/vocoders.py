"""Every vocoder as a module from raw log mel (B, M, F) to waveform (B, (F - 1) * HOP_LENGTH), by name or folder.

Gradients reach the mel through each of them, so that what is heard can be optimised.
"""

from pathlib import Path

import torch
from torch import Tensor, nn

from affekt.core.errors import UserError
from affekt.features.griffin_lim import griffin_lim
from affekt.models.io import load_model, network_name
from affekt.models.vocoder import IstftVocoder
from affekt.models.waveglow import WaveGlow

GRIFFIN_LIM = "griffin_lim"
TRAINED: dict[str, type[nn.Module]] = {"istft": IstftVocoder, "waveglow": WaveGlow}
ITERATIONS = 60  # of Griffin-Lim, where nothing else is said


class GriffinLimVocoder(nn.Module):
    """Griffin-Lim with an inverted mel; it has no weights, and its phase is a constant to gradients."""

    def __init__(self, iterations: int = ITERATIONS):
        super().__init__()
        self.iterations = iterations

    def forward(self, mel_BMF: Tensor) -> Tensor:
        return griffin_lim(mel_BMF, self.iterations)


def load_vocoder(source: Path | str, device: torch.device, iterations: int = ITERATIONS) -> nn.Module:
    """The frozen vocoder that a folder holds, or the untrained one with `iterations` for the name `griffin_lim`.

    A UserError names a folder that holds no vocoder.
    """
    if source == GRIFFIN_LIM:
        return GriffinLimVocoder(iterations).to(device).eval()
    folder = Path(source)
    by_class = {network.__name__: network for network in TRAINED.values()}
    found = network_name(folder)
    if found not in by_class:
        raise UserError(f"{folder / 'config.json'}: holds a {found}, which is no vocoder; rebuild it by `dvc repro`")
    return load_model(folder, by_class[found], device).requires_grad_(False)
