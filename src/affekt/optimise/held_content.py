"""Holding what latents say while their voice changes: a drift of phonetic content that costs nothing up to a bound.

Axes: B samples, L latent, M mel bands, F frames.
"""

import torch
from torch import Tensor, nn

from affekt.core.devices import fast_bf16
from affekt.optimise.content import drift_beyond
from affekt.optimise.engine import PerSample
from affekt.optimise.maximise import Voice
from affekt.optimise.networks import prepare


def content_beyond(voice: Voice, content: nn.Module, bound: float, device: torch.device) -> PerSample:
    """A regulariser of latents: nats per frame by which content has drifted from the start's, beyond `bound`."""
    ready, half = Voice(prepare(voice.generator, device, fast_bf16(device))), fast_bf16(device)

    def path(latent_BL: Tensor) -> Tensor:
        with torch.autocast(device.type, torch.bfloat16, enabled=half):
            return ready.mel(latent_BL)

    return drift_beyond(prepare(content, device, bf16=False), path, bound)
