"""One recording to all emotions in one pass: how each would time and pitch it, and the mels that say it so.

Axes: B batch, E emotions, C channels, M mel bands, F frames. Mels are raw log mels, f0 is in Hz and 0 where unvoiced.

A U-Net (Ronneberger et al. 2015, arXiv 1505.04597) from one mel to many, as image translation has it (Isola et al.
2017, arXiv 1611.07004). Timing and melody do not come out of it: a network that averages over performances would blur
the harmonics. They are predicted beside it, and the U-Net is shown the harmonics that it has to draw.
"""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from affekt.features.harmonics import SEMITONES, harmonic_ripple
from affekt.models.blocks import Residual, conv_block
from affekt.models.normalise import SPREAD, normalise_level
from affekt.models.pooling import frame_mask
from affekt.models.prosody import INTENSITIES, Prosody, melody, one_hot

LEVELS = 3  # of the U-Net: each halves bands and frames


class Renderer(nn.Module):
    """A U-Net that draws the mel of each emotion, at the frames of the given one."""

    def __init__(self, emotions: int, channels: int, norm: bool = True, residual: bool = True):
        super().__init__()
        c = channels
        widths = [c * 2**level for level in range(LEVELS + 1)]
        self.stem = conv_block(2, c, norm=norm)
        self.downs = nn.ModuleList(
            nn.Sequential(conv_block(fine, coarse, stride=(2, 2), norm=norm), block(coarse, norm, residual))
            for fine, coarse in pairwise(widths)
        )
        self.ups = nn.ModuleList(
            nn.Sequential(conv_block(fine + coarse, fine, norm=norm), block(fine, norm, residual))
            for fine, coarse in zip(reversed(widths[:-1]), reversed(widths[1:]), strict=True)
        )
        self.broad = nn.Conv2d(widths[-1], emotions * INTENSITIES, 3, padding=1)
        self.style = nn.Linear(emotions * INTENSITIES, 2 * c)
        self.enter = conv_block(c + 2, c, norm=norm)
        self.middle = block(c, norm, residual)
        self.leave = nn.Conv2d(c, 1, 3, padding=1)
        self.emotions = emotions

    def forward(
        self, level_BMF: Tensor, ripple_BMF: Tensor, wanted_BEMF: Tensor, emotion_BE: Tensor, intensity_B: Tensor
    ) -> Tensor:
        """Return what to add to the mel for each wanted emotion (B, E, M, F) in natural-log units.

        `level_BMF`: the mel without its clip's level; ripples: harmonics that are there, and that are wanted.
        """
        x = self.stem(torch.stack([level_BMF, ripple_BMF], 1))
        skips = []
        for down in self.downs:
            skips.append(x)
            x = down(x)
        broad = self.broad(x).unflatten(1, (INTENSITIES, self.emotions))
        rows_B = torch.arange(len(x), device=x.device)
        broad = broad[rows_B[:, None], intensity_B[:, None], emotion_BE]
        for up in self.ups:
            x = F.interpolate(x, scale_factor=2.0, mode="nearest")
            x = up(torch.cat([skips.pop(), x], 1))
        n = emotion_BE.shape[1]
        each = torch.cat([x, ripple_BMF[:, None]], 1).repeat_interleave(n, 0)
        each = self.enter(torch.cat([each, wanted_BEMF.flatten(0, 1)[:, None]], 1))
        chosen_BES = one_hot(self.emotions, emotion_BE, intensity_B)
        scale, shift = self.style(chosen_BES).flatten(0, 1)[..., None, None].chunk(2, 1)
        fine = self.leave(self.middle(each * (1 + scale) + shift)).unflatten(0, (-1, n))[:, :, 0]
        wide = F.interpolate(broad, scale_factor=2.0**LEVELS, mode="bilinear", align_corners=False)
        return SPREAD * (fine.float() + wide.float())


class Translator(nn.Module):
    """A recording's mel and f0 to the timing, melody and mel of each emotion."""

    def __init__(self, emotions: int, channels: int = 16, norm: bool = True, residual: bool = True):
        super().__init__()
        self.prosody = Prosody(emotions, channels, norm)
        self.renderer = Renderer(emotions, channels, norm, residual)
        self.emotions = emotions

    def plan(self, mel_BMF: Tensor, f0_BF: Tensor, frames_B: Tensor, intensity_B: Tensor) -> tuple[Tensor, Tensor]:
        """Return per emotion the log of how much longer each frame lasts, and semitones to add; each (B, E, F)."""
        mask_BF = frame_mask(frames_B, mel_BMF.shape[2], 1, mel_BMF.device)
        assert mask_BF is not None, "there are lengths"
        found = self.prosody(normalise_level(mel_BMF, frames_B), melody(f0_BF * mask_BF), mask_BF[:, None], intensity_B)
        return found[:, :, 0].float(), SEMITONES * found[:, :, 1].float()

    def render(
        self, mel_BMF: Tensor, f0_BF: Tensor, wanted_BEF: Tensor, emotion_BE: Tensor, intensity_B: Tensor,
        frames_B: Tensor,
    ) -> Tensor:  # fmt: skip
        """Return raw log mels (B, E, M, F) of these emotions with the wanted f0 in Hz."""
        frames = mel_BMF.shape[2]
        spare = -frames % 2**LEVELS
        ripple_BEMF = harmonic_ripple(wanted_BEF.flatten(0, 1)).unflatten(0, wanted_BEF.shape[:2])
        added = self.renderer(
            *(F.pad(x, (0, spare)) for x in (normalise_level(mel_BMF, frames_B), harmonic_ripple(f0_BF), ripple_BEMF)),
            emotion_BE, intensity_B,
        )  # fmt: skip
        return mel_BMF[:, None] + added[..., :frames]


def block(channels: int, norm: bool, residual: bool) -> Residual:
    """A convolution of equal width, with its residual path if asked."""
    return Residual(conv_block(channels, channels, norm=norm), residual)
