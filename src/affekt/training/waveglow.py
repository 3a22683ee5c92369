"""How WaveGlow trains: the likelihood of random segments of packed audio under Gaussian noise.

Source: Prenger, Valle and Catanzaro (2018, arXiv 1811.00002), section 2, equation 12, with sigma 1.

Axes: B batch, T samples, G samples of a group, N groups.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from affekt.core.errors import UserError
from affekt.core.params import WaveGlowParams
from affekt.features.mel import HOP_LENGTH, log_mel
from affekt.models.waveglow import WaveGlow
from affekt.training.loop import LoopState, Method, OptimSpec
from affekt.training.segments import PackedAudio, Segments

BETAS = (0.9, 0.99)  # steps are few: a longer memory of squared gradients would outlast the warm-up
CLIP = 1.0
STEP_16_BITS = 1 / 32768
GAIN_DB = 6.0  # a segment's level is moved by up to this much, as for the iSTFT vocoder


class WaveGlowMethod(Method):
    """Train `waveglow` on segments of the given corpora by maximum likelihood."""

    def __init__(self, params: WaveGlowParams, corpora: Sequence[PackedAudio], seed: int, device: torch.device):
        self.segments = Segments(corpora)
        if len(self.segments) == 0:
            raise UserError("WaveGlow has no clip to train on: check the splits of the corpus")
        self.samples = (params.segment_frames - 1) * HOP_LENGTH
        self.config = params.model_dump(include={"channels", "layers", "flows", "condition", "sigma"})
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.waveglow = WaveGlow(**self.config).to(device)
        self.modules = {"waveglow": self.waveglow}
        self.params = params
        self.device = device

    def optimisers(self) -> dict[str, OptimSpec]:
        return {
            "waveglow": OptimSpec(
                modules=("waveglow",), lr=self.params.lr, betas=BETAS, schedule="one_cycle", clip=CLIP
            )
        }

    def batch(self, step: int, rng: torch.Generator) -> dict[str, Tensor]:
        """Draw segments, and what rounding to 16 bits took from them: without it silence has infinite density."""
        waveform_BT = self.segments.draw(self.params.batch, self.samples, rng)
        waveform_BT = waveform_BT * 10 ** ((2 * torch.rand(len(waveform_BT), 1, generator=rng) - 1) * GAIN_DB / 20)
        dither_BT = (torch.rand(waveform_BT.shape, generator=rng) - 0.5) * STEP_16_BITS
        return {"waveform": waveform_BT.to(self.device), "dither": dither_BT.to(self.device)}

    def step(self, state: LoopState, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        waveform_BT = batch["waveform"]
        mel_BMF = log_mel(waveform_BT)
        with state.autocast():
            z_BGN, log_scales_B, log_dets_B = self.waveglow.analyse(waveform_BT + batch["dither"], mel_BMF)
        samples = waveform_BT.shape[1]
        losses = {
            "nll/noise": 0.5 * (z_BGN.square().mean() + math.log(2 * math.pi)),
            "nll/scales": -log_scales_B.mean() / samples,
            "nll/mixing": -log_dets_B.mean() / samples,
        }
        loss = torch.stack(list(losses.values())).sum()  # nats a sample
        state.update("waveglow", loss)
        return {"loss/waveglow": loss, **losses}
