"""A flow-based vocoder: waveforms of a log mel by inverting what turns a waveform into Gaussian noise.

After Prenger, Valle and Catanzaro, "WaveGlow: a flow-based generative network for speech synthesis" (2018, arXiv
1811.00002), section 2: groups of 8 samples pass invertible 1x1 convolutions and affine couplings in turn, and every
four flows two channels leave early. It differs in size (scalars), in that the mel is upsampled straight to the rate of
the groups, in a bound on log scales that keeps both directions finite, and in a fixed gain before the first flow.

Axes: B batch, T samples, G samples of a group, N groups, C channels, M mel bands, F frames.
"""

import math

import torch
from torch import Tensor, nn

from affekt.core import seeds
from affekt.features.mel import HOP_LENGTH, N_FFT, N_MELS, normalise

GROUP = 8  # samples, as in the paper
EARLY_EVERY = 4  # flows, as in the paper
EARLY_SIZE = 2  # channels, as in the paper
KERNEL = 3  # of the dilated convolutions, as in the paper
STRIDE = HOP_LENGTH // GROUP  # groups of a frame
SPAN = N_FFT // GROUP  # groups that a frame was heard in
GAIN = 16.0  # speech of a root mean square of about 0.06 becomes as loud as the noise
LARGEST_LOG_SCALE = 5.0  # nepers of one coupling; speech and its silence are about 6 apart
SIGMA = 0.6  # of the noise that is spoken, as in the paper's section 3.2
NOISE_SEED = 0


class InvertibleConvolution(nn.Module):
    """A square 1x1 convolution that starts as a random rotation. (B, G, N) to the same.

    Source: Kingma and Dhariwal, Glow (2018, arXiv 1807.03039), section 3.2.
    """

    def __init__(self, size: int):
        super().__init__()
        rotation = torch.linalg.qr(torch.randn(size, size))[0]
        rotation[:, 0] *= torch.linalg.det(rotation).sign()  # without a reflection
        self.weight = nn.Parameter(rotation)

    def forward(self, x_BGN: Tensor) -> tuple[Tensor, Tensor]:
        """Return the result and the log-determinant of one group."""
        with torch.autocast(x_BGN.device.type, enabled=False):  # samples in bfloat16 would have two digits
            return self.weight @ x_BGN, torch.linalg.slogdet(self.weight)[1]

    def invert(self, x_BGN: Tensor) -> Tensor:
        # In double precision: eight inverses follow each other.
        return torch.linalg.inv(self.weight.double()).to(x_BGN.dtype) @ x_BGN


class CouplingNetwork(nn.Module):
    """Dilated gated convolutions, as WaveNet's without causality: half a group and a condition to shift and log scale.

    (B, G / 2, N) and (B, C, N) to twice (B, G / 2, N); both are zero at the start.
    """

    def __init__(self, half: int, condition: int, channels: int, layers: int):
        super().__init__()
        self.start = nn.Conv1d(half, channels, 1)
        self.condition = nn.Conv1d(condition, 2 * channels * layers, 1)
        self.gates = nn.ModuleList(
            nn.Conv1d(channels, 2 * channels, KERNEL, dilation=2**i, padding=2**i * (KERNEL // 2))
            for i in range(layers)
        )
        # The last layer hands nothing on.
        self.outs = nn.ModuleList(
            nn.Conv1d(channels, channels * (2 if i + 1 < layers else 1), 1) for i in range(layers)
        )
        self.end = nn.Conv1d(channels, 2 * half, 1)
        for parameter in self.end.parameters():
            nn.init.zeros_(parameter)

    def forward(self, half_BGN: Tensor, condition_BCN: Tensor) -> tuple[Tensor, Tensor]:
        hidden_BCN = self.start(half_BGN)
        conditions = self.condition(condition_BCN).chunk(len(self.gates), dim=1)
        skips_BCN = torch.zeros((), device=half_BGN.device)
        for gate, out, condition in zip(self.gates, self.outs, conditions, strict=True):
            wave_BCN, open_BCN = (gate(hidden_BCN) + condition).chunk(2, dim=1)
            parts = out(wave_BCN.tanh() * open_BCN.sigmoid()).split(hidden_BCN.shape[1], dim=1)
            skips_BCN = skips_BCN + parts[-1]
            if len(parts) == 2:
                hidden_BCN = hidden_BCN + parts[0]
        shift_BGN, scale_BGN = self.end(skips_BCN).to(half_BGN.dtype).chunk(2, dim=1)
        return shift_BGN, LARGEST_LOG_SCALE * (scale_BGN / LARGEST_LOG_SCALE).tanh()


class WaveGlow(nn.Module):
    """Raw log mel (B, M, F) to waveform (B, (F - 1) * HOP_LENGTH), at least 2 frames; its inverse is `analyse`.

    Equal mels give equal sounds: the noise comes from a generator with a constant seed, and is the same for every item
    of a batch. Gradients reach the mel through all couplings.
    """

    def __init__(
        self, channels: int, layers: int, flows: int, condition: int, sigma: float = SIGMA, seed: int = NOISE_SEED
    ):
        super().__init__()
        self.sigma, self.seed = sigma, seed
        self.upsample = nn.ConvTranspose1d(N_MELS, condition, SPAN, STRIDE, padding=SPAN // 2)
        self.sizes = [GROUP - EARLY_SIZE * (i // EARLY_EVERY) for i in range(flows)]
        self.mixers = nn.ModuleList(InvertibleConvolution(size) for size in self.sizes)
        self.couplings = nn.ModuleList(CouplingNetwork(size // 2, condition, channels, layers) for size in self.sizes)

    def forward(self, mel_BMF: Tensor) -> Tensor:
        groups = (mel_BMF.shape[-1] - 1) * STRIDE
        # Group by group, so that a longer mel's noise begins as a shorter one's; on the CPU, for every device the same.
        noise_NG = torch.randn(groups, GROUP, generator=seeds.generator(self.seed, "noise"))
        z_BGN = (self.sigma * noise_NG.T).to(mel_BMF.device).expand(len(mel_BMF), -1, -1)
        return self.synthesise(z_BGN, mel_BMF)

    def analyse(self, waveform_BT: Tensor, mel_BMF: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Turn a waveform of whole hops into noise z (B, G, N).

        With it come what decides the likelihood, both (B,): the sum of the couplings' log scales and the sum of all
        other log-determinants, which together are the log-determinant of dz / dwaveform.
        """
        condition_BCN = self.upsample(normalise(mel_BMF))
        x_BGN = GAIN * waveform_BT.unflatten(1, (-1, GROUP)).transpose(1, 2)
        groups = x_BGN.shape[-1]
        log_scales_B = torch.zeros(len(x_BGN), device=x_BGN.device)
        log_det = x_BGN.new_tensor(GROUP * math.log(GAIN))  # of one group
        early = []
        for i, size in enumerate(self.sizes):
            early.append(x_BGN[:, : x_BGN.shape[1] - size])
            x_BGN, own_log_det = self.mixers[i](x_BGN[:, x_BGN.shape[1] - size :])
            kept_BGN, changed_BGN = x_BGN.chunk(2, dim=1)
            shift_BGN, log_scale_BGN = self.couplings[i](kept_BGN, condition_BCN)
            x_BGN = torch.cat([kept_BGN, changed_BGN * log_scale_BGN.exp() + shift_BGN], dim=1)
            log_scales_B = log_scales_B + log_scale_BGN.sum(dim=(1, 2))
            log_det = log_det + own_log_det
        return torch.cat([*early, x_BGN], dim=1), log_scales_B, groups * log_det.expand(len(x_BGN))

    def synthesise(self, z_BGN: Tensor, mel_BMF: Tensor) -> Tensor:
        """The waveform (B, T) that `analyse` turns into this noise."""
        condition_BCN = self.upsample(normalise(mel_BMF))
        for i in reversed(range(len(self.sizes))):
            early_BGN, x_BGN = z_BGN[:, : GROUP - self.sizes[i]], z_BGN[:, GROUP - self.sizes[i] :]
            kept_BGN, changed_BGN = x_BGN.chunk(2, dim=1)
            shift_BGN, log_scale_BGN = self.couplings[i](kept_BGN, condition_BCN)
            changed_BGN = (changed_BGN - shift_BGN) * (-log_scale_BGN).exp()
            mixer = self.mixers[i]
            assert isinstance(mixer, InvertibleConvolution)
            x_BGN = mixer.invert(torch.cat([kept_BGN, changed_BGN], dim=1))
            z_BGN = torch.cat([early_BGN, x_BGN], dim=1)
        return z_BGN.transpose(1, 2).flatten(1) / GAIN
