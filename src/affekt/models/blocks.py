"""Blocks that several recognisers share; batch norms and residual paths can be left out, to measure what they bring.

Axes: B clips, C channels, M bands, F frames.
"""

import torch
from torch import Tensor, nn

from affekt.models.pooling import frame_mask

BAND_STRIDE = 8  # of the front end
FRAME_STRIDE = 4


class Front(nn.Module):
    """Convolutions over bands and frames: (B, M, F) to (B, width, F / 4).

    The stem halves both axes at once, so that no full-resolution map is kept: gradients to the input are what
    activation maximisation pays for.
    """

    def __init__(self, bands: int, channels: int, width: int, dropout: float, norm: bool, residual: bool):
        super().__init__()
        c = channels
        self.stem = conv_block(1, c, kernel=5, stride=(2, 2), norm=norm)
        self.middle = nn.ModuleList(
            [
                conv_block(c, 2 * c, stride=(2, 2), norm=norm),
                Residual(conv_block(2 * c, 2 * c, norm=norm), residual),
                nn.Dropout2d(dropout),
                conv_block(2 * c, 4 * c, stride=(2, 1), norm=norm),
                nn.Dropout2d(dropout),
            ]
        )
        flat = 4 * c * -(-bands // BAND_STRIDE)
        self.project = nn.Sequential(*convolution_1d(flat, width, 1, norm=norm), nn.SiLU())

    def forward(self, x_BMF: Tensor, frames_B: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the sequence (B, width, F / 4) and its mask, or None where all frames are valid."""
        x_BCMF = x_BMF[:, None]
        mask_BF = None
        # A mask after every convolution: the next one must see the zeros that it sees at the end of a clip alone.
        for layer, stride in ((self.stem, 2), *((layer, FRAME_STRIDE) for layer in self.middle)):
            x_BCMF = layer(x_BCMF)
            mask_BF = frame_mask(frames_B, x_BCMF.shape[-1], stride, x_BCMF.device)
            if mask_BF is not None:
                x_BCMF = x_BCMF * mask_BF[:, None, None].to(x_BCMF.dtype)
        return masked(self.project(x_BCMF.flatten(1, 2)), mask_BF), mask_BF


class Residual(nn.Module):
    """Add the input to what a block makes of it, if asked."""

    def __init__(self, block: nn.Module, residual: bool):
        super().__init__()
        self.block, self.residual = block, residual

    def forward(self, x: Tensor) -> Tensor:
        return x + self.block(x) if self.residual else self.block(x)


class SpecMask(nn.Module):
    """Hide runs of bands and frames of each clip in training (SpecAugment, Park et al. 2019), for learned features.

    Draws from torch's generator, which the training loop seeds anew at each step.
    """

    def __init__(self, bands: int, frames: int, runs: int):
        super().__init__()
        self.widest, self.runs = (bands, frames), runs

    def forward(self, x_BMF: Tensor) -> Tensor:
        if not self.training or self.runs == 0:
            return x_BMF
        return hide_runs(x_BMF, *self.widest, self.runs)


def hide_runs(x_BMF: Tensor, bands: float, frames: float, runs: int, rng: torch.Generator | None = None) -> Tensor:
    """Overwrite `runs` runs of up to so many bands, and as many of frames, with the clip's mean.

    Drawn on the CPU, so that every device sees the same ones; without `rng` from torch's own generator.
    """
    hidden = torch.zeros(x_BMF.shape, dtype=torch.bool, device=x_BMF.device)
    for _ in range(runs):
        for axis, widest in ((1, bands), (2, frames)):
            size = x_BMF.shape[axis]
            width_B1 = torch.rand(len(x_BMF), 1, generator=rng) * widest
            start_B1 = torch.rand(len(x_BMF), 1, generator=rng) * (size - width_B1)
            index = torch.arange(size)[None]
            stripe = ((index >= start_B1) & (index < start_B1 + width_B1)).to(x_BMF.device)
            hidden |= stripe[:, :, None] if axis == 1 else stripe[:, None, :]
    return torch.where(hidden, x_BMF.mean(dim=(1, 2), keepdim=True), x_BMF)


def masked(x_BCF: Tensor, mask_BF: Tensor | None) -> Tensor:
    """Set to zero what lies beyond a clip's end."""
    return x_BCF if mask_BF is None else x_BCF * mask_BF[:, None].to(x_BCF.dtype)


def convolution_1d(inputs: int, outputs: int, kernel: int, dilation: int = 1, norm: bool = True) -> list[nn.Module]:
    """A 1-D convolution of equal length and, if asked, its batch norm."""
    padding = dilation * (kernel // 2)
    conv = nn.Conv1d(inputs, outputs, kernel, padding=padding, dilation=dilation, bias=not norm)
    return [conv, nn.BatchNorm1d(outputs)] if norm else [conv]


def conv_block(
    inputs: int, outputs: int, kernel: int = 3, stride: tuple[int, int] = (1, 1), norm: bool = True
) -> nn.Sequential:
    """A 2-D convolution, its batch norm if asked, and SiLU."""
    conv = nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=not norm)
    return nn.Sequential(conv, *([nn.BatchNorm2d(outputs)] if norm else []), nn.SiLU())
