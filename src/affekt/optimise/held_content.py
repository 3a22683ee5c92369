"""Holding what is said while the voice changes: a drift of phonetic content that costs nothing up to a bound.

Axes: B samples, L latent, M mel bands, F frames, C classes of content.
"""

import torch
from torch import Tensor, nn

from affekt.core.devices import fast_bf16
from affekt.optimise.content import drift
from affekt.optimise.engine import PerSample
from affekt.optimise.maximise import Voice
from affekt.optimise.networks import prepare


def content_beyond(voice: Voice, content: nn.Module, bound: float, device: torch.device) -> PerSample:
    """A regulariser of latents: nats per frame by which content has drifted from the start's, beyond `bound`.

    `content` is a ContentNetwork; drift is the mean divergence of its posteriors from those of the start's mel.
    """
    generator, listener = prepare(voice.generator, device, fast_bf16(device)), prepare(content, device, bf16=False)

    def posterior(latent_BL: Tensor) -> Tensor:
        with torch.autocast(device.type, torch.bfloat16, enabled=fast_bf16(device)):
            mel_BMF = Voice(generator).mel(latent_BL)
        return listener(mel_BMF).float().log_softmax(1)

    def beyond(latent_BL: Tensor, start_BL: Tensor) -> Tensor:
        with torch.no_grad():
            said_BCF = posterior(start_BL)
        return (drift(said_BCF, posterior(latent_BL)) - bound).relu()

    return beyond
