"""The vocoder's discriminators: of a waveform folded by periods, and of its spectrograms at several resolutions.

Both give maps, one logit per place and the hidden maps before it, for the feature matching of their generator. Widths
are a parameter, and narrow: a CPU trains them beside the vocoder.

Axes: B batch, T samples, C channels, K frequency bins, F frames, H a folded waveform's rows.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from affekt.features.stft import magnitude, window_of

PERIODS = (2, 3, 5, 7, 11)  # samples; primes, so that they overlap least (HiFi-GAN, section 2.3)
RESOLUTIONS = (512, 1024, 2048)  # samples of a window, which the hop is a quarter of
SLOPE = 0.1  # of leaky ReLUs, as in HiFi-GAN
MAGNITUDE_FLOOR = 1e-4  # under the logarithm; half of what rounding to 16 bits leaves in a bin


class Opinion(NamedTuple):
    """What a discriminator makes of sounds: logits that they are real, and its hidden maps."""

    logits: Tensor
    maps: list[Tensor]


class PeriodDiscriminator(nn.Module):
    """Judges the samples that are `period` apart: waveform (B, T) to logits (B * period, places).

    Source: Kong, Kim and Bae, HiFi-GAN (2020, arXiv 2010.05646), section 2.3; its kernels and strides, fewer channels
    and one layer less. Each of the `period` phases is a row of its own, so the convolution has one dimension.
    """

    def __init__(self, period: int, channels: int):
        super().__init__()
        self.period = period
        widths = (1, channels, 2 * channels, 4 * channels)
        convs = [nn.Conv1d(a, b, 5, stride=3, padding=2) for a, b in pairwise(widths)]
        convs.append(nn.Conv1d(widths[-1], widths[-1], 5, padding=2))
        self.convs = nn.ModuleList(weight_norm(conv) for conv in convs)
        self.logit = weight_norm(nn.Conv1d(widths[-1], 1, 3, padding=1))

    def forward(self, waveform_BT: Tensor) -> Opinion:
        whole_BT = nn.functional.pad(waveform_BT, (0, -waveform_BT.shape[-1] % self.period))
        rows_BH = whole_BT.unflatten(-1, (-1, self.period)).mT.flatten(0, 1)
        return listen(rows_BH[:, None], self.convs, self.logit)


class SpectrogramDiscriminator(nn.Module):
    """Judges log magnitudes at one resolution: waveform (B, T) to logits (B, F, places).

    Source: Jang et al., UnivNet (2021, arXiv 2106.07889), section 2.2.1; coarser strides over frequency.
    """

    def __init__(self, n_fft: int, channels: int):
        super().__init__()
        self.n_fft = n_fft
        sizes = (((3, 9), (1, 4)), ((3, 9), (1, 2)), ((3, 9), (1, 2)), ((3, 3), (1, 1)))
        widths = (1, *(channels for _ in sizes))
        self.convs = nn.ModuleList(
            weight_norm(nn.Conv2d(a, b, kernel, stride, padding=(kernel[0] // 2, kernel[1] // 2)))
            for (a, b), (kernel, stride) in zip(pairwise(widths), sizes, strict=True)
        )
        self.logit = weight_norm(nn.Conv2d(channels, 1, 3, padding=1))

    def forward(self, waveform_BT: Tensor) -> Opinion:
        window = window_of(self.n_fft, waveform_BT.device)
        with torch.autocast(waveform_BT.device.type, enabled=False):
            magnitude_BKF = magnitude(waveform_BT.float(), self.n_fft, self.n_fft // 4, window)
            log_BFK = (magnitude_BKF + MAGNITUDE_FLOOR).log().mT
        return listen(log_BFK[:, None], self.convs, self.logit)


class Discriminators(nn.Module):
    """All periods and all resolutions: waveform (B, T) to one opinion of each."""

    def __init__(
        self, channels: int, periods: Sequence[int] = PERIODS, resolutions: Sequence[int] = RESOLUTIONS
    ) -> None:
        super().__init__()
        self.members = nn.ModuleList(
            [PeriodDiscriminator(period, channels) for period in periods]
            + [SpectrogramDiscriminator(n_fft, channels) for n_fft in resolutions]
        )

    def forward(self, waveform_BT: Tensor) -> list[Opinion]:
        return [member(waveform_BT) for member in self.members]


def listen(hidden: Tensor, convs: nn.ModuleList, logit: nn.Module) -> Opinion:
    """Pass a map through the layers and keep what each makes of it, in float32."""
    maps = []
    for conv in convs:
        hidden = nn.functional.leaky_relu(conv(hidden), SLOPE)
        maps.append(hidden)
    return Opinion(logit(hidden)[:, 0].float(), maps)


def match_features(fake: Sequence[Opinion], real: Sequence[Opinion]) -> Tensor:
    """Mean over all hidden maps of their L1 distance, relative to the real map's mean; the real ones are constant.

    Source: Kumar et al., MelGAN (2019, arXiv 1910.06711), section 2.2. Relative, as in EnCodec (2022, arXiv
    2210.13438, section 3.4), so that no layer counts more for being loud.
    """
    distances = [
        (ours.float() - theirs.detach().float()).abs().mean() / theirs.detach().float().abs().mean().clamp(min=1e-6)
        for one, other in zip(fake, real, strict=True)
        for ours, theirs in zip(one.maps, other.maps, strict=True)
    ]
    return torch.stack(distances).mean()
