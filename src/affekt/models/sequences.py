"""What recognisers do along time: residual convolutions, gated dilated convolutions both ways, LSTMs both ways.

Axes: B clips, C channels, F frames. Each takes (B, C, F) with a mask (B, F) or None, and keeps the shape.
"""

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from affekt.models.blocks import convolution_1d, masked

KERNEL = 3


class TimeConvolutions(nn.Module):
    """Convolutions over time with growing dilation."""

    def __init__(self, channels: int, layers: int, norm: bool, residual: bool):
        super().__init__()
        self.residual = residual
        self.blocks = nn.ModuleList(
            nn.Sequential(*convolution_1d(channels, channels, KERNEL, 2**i, norm), nn.SiLU()) for i in range(layers)
        )

    def forward(self, x_BCF: Tensor, mask_BF: Tensor | None) -> Tensor:
        for block in self.blocks:
            x_BCF = masked(x_BCF + block(x_BCF) if self.residual else block(x_BCF), mask_BF)
        return x_BCF


class GatedBlock(nn.Module):
    """One block of WaveNet (van den Oord et al. 2016): tanh times sigmoid of a causal dilated convolution.

    Returns what goes on and what skips to the end; after the `last` block of a stack nothing goes on.
    """

    def __init__(self, channels: int, dilation: int, norm: bool, residual: bool, last: bool = False):
        super().__init__()
        self.residual = residual
        self.pad = nn.ConstantPad1d(((KERNEL - 1) * dilation, 0), 0.0)
        self.conv = nn.Conv1d(channels, 2 * channels, KERNEL, dilation=dilation, bias=not norm)
        self.norm = nn.BatchNorm1d(2 * channels) if norm else nn.Identity()
        self.out = None if last else nn.Conv1d(channels, channels, 1)
        self.skip = nn.Conv1d(channels, channels, 1)

    def forward(self, x_BCF: Tensor) -> tuple[Tensor, Tensor]:
        content, gate = self.norm(self.conv(self.pad(x_BCF))).chunk(2, dim=1)
        gated = content.tanh() * gate.sigmoid()
        return self._onwards(x_BCF, gated), self.skip(gated)

    def _onwards(self, x_BCF: Tensor, gated_BCF: Tensor) -> Tensor:
        if self.out is None:
            return x_BCF
        return x_BCF + self.out(gated_BCF) if self.residual else self.out(gated_BCF)


class WaveNetStack(nn.Module):
    """Gated causal blocks with dilations 1, 2, 4 ...; their skips are summed."""

    def __init__(self, channels: int, layers: int, norm: bool, residual: bool):
        super().__init__()
        blocks = (GatedBlock(channels, 2**i, norm, residual, last=i == layers - 1) for i in range(layers))
        self.blocks = nn.ModuleList(blocks)

    def forward(self, x_BCF: Tensor, mask_BF: Tensor | None) -> Tensor:
        total = torch.zeros_like(x_BCF)
        for block in self.blocks:
            x_BCF, skip = block(masked(x_BCF, mask_BF))
            total = total + skip
        return masked(total, mask_BF)


class BidirectionalWaveNet(nn.Module):
    """One stack forwards and one backwards in time, summed."""

    def __init__(self, channels: int, layers: int, norm: bool, residual: bool):
        super().__init__()
        self.onwards = WaveNetStack(channels, layers, norm, residual)
        self.backwards = WaveNetStack(channels, layers, norm, residual)

    def forward(self, x_BCF: Tensor, mask_BF: Tensor | None) -> Tensor:
        flipped = None if mask_BF is None else mask_BF.flip(-1)
        back = self.backwards(x_BCF.flip(-1), flipped).flip(-1)
        return nn.functional.silu(self.onwards(x_BCF, mask_BF) + back)


class BidirectionalLSTM(nn.Module):
    """LSTM layers both ways; packed where clips differ in length, so that the way back starts at a clip's end."""

    def __init__(self, channels: int, layers: int, dropout: float):
        super().__init__()
        between = dropout if layers > 1 else 0.0
        self.lstm = nn.LSTM(channels, channels // 2, layers, batch_first=True, bidirectional=True, dropout=between)

    def forward(self, x_BCF: Tensor, mask_BF: Tensor | None) -> Tensor:
        x_BFC = x_BCF.transpose(1, 2)
        if mask_BF is None:
            return self.lstm(x_BFC)[0].transpose(1, 2)
        packed = pack_padded_sequence(x_BFC, mask_BF.sum(1).cpu().long(), batch_first=True, enforce_sorted=False)
        heard, _ = pad_packed_sequence(self.lstm(packed)[0], batch_first=True, total_length=x_BFC.shape[1])
        return heard.transpose(1, 2)
