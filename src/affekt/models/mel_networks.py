"""Recognisers of raw log-mels: convolutional, WaveNet in both directions, LSTM, and a 1-D CNN on MFCCs of the mel.

Axes: B clips, C channels, M mel bands, F frames, D features. All take `norm` and `residual`, to leave out what they
name, and give features by attentive statistics pooling, so that clips may have any length.
"""

import torch
from torch import Tensor, nn

from affekt.features.mel import N_MELS
from affekt.features.mfcc import mfcc
from affekt.models.blocks import Front, Residual, convolution_1d, masked
from affekt.models.normalise import SPREAD, normalise_level
from affekt.models.pooling import AttentiveStatistics, frame_mask
from affekt.models.sequences import BidirectionalLSTM, BidirectionalWaveNet, TimeConvolutions


class PooledRecogniser(nn.Module):
    """What all recognisers have in common: features over time, pooled, and a linear head."""

    def __init__(self, width: int, classes: int, dropout: float):
        super().__init__()
        self.pool = AttentiveStatistics(width, width // 4)
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(2 * width, classes))

    def sequence(self, x: Tensor, lengths_B: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return features over time (B, width, frames) and their mask; each recogniser has its own."""
        raise NotImplementedError

    def embed(self, x: Tensor, lengths_B: Tensor | None = None) -> Tensor:
        """Return pooled features (B, 2 * width)."""
        return self.pool(*self.sequence(x, lengths_B))

    def forward(self, x: Tensor, lengths_B: Tensor | None = None) -> Tensor:
        """Return logits (B, classes) of clips with so many valid frames (or samples, for waveforms)."""
        return self.head(self.embed(x, lengths_B))


class MelRecogniser(PooledRecogniser):
    """Convolutions over bands and frames, then a network along time."""

    def __init__(self, along_time: nn.Module, channels: int, classes: int, dropout: float, norm: bool, residual: bool):
        super().__init__(4 * channels, classes, dropout)
        self.front = Front(N_MELS, channels, 4 * channels, dropout, norm, residual)
        self.time = along_time

    def sequence(self, x: Tensor, lengths_B: Tensor | None) -> tuple[Tensor, Tensor | None]:
        x_BCF, mask_BF = self.front(normalise_level(x, lengths_B), lengths_B)
        return self.time(x_BCF, mask_BF), mask_BF


class MelCNN(MelRecogniser):
    """Seed 0's mel CNN: convolutions alone; with strides for pooling and attention instead of the mean over time."""

    def __init__(
        self, channels: int, layers: int, classes: int, dropout: float = 0.2, norm: bool = True, residual: bool = True
    ):
        time = TimeConvolutions(4 * channels, layers, norm, residual)
        super().__init__(time, channels, classes, dropout, norm, residual)


class MelWaveNet(MelRecogniser):
    """Seed 0's bidirectional mel WaveNet, its gates mended: tanh and sigmoid."""

    def __init__(
        self, channels: int, layers: int, classes: int, dropout: float = 0.2, norm: bool = True, residual: bool = True
    ):
        time = BidirectionalWaveNet(4 * channels, layers, norm, residual)
        super().__init__(time, channels, classes, dropout, norm, residual)


class MelLSTM(MelRecogniser):
    """Seed 0's mel LSTM, pooled instead of flattened."""

    def __init__(
        self, channels: int, layers: int, classes: int, dropout: float = 0.2, norm: bool = True, residual: bool = True
    ):
        time = BidirectionalLSTM(4 * channels, layers, dropout)
        super().__init__(time, channels, classes, dropout, norm, residual)


class MfccCNN(PooledRecogniser):
    """Seed 2's 1-D CNN on MFCCs, for emotion and gender at once; it keeps the coefficients, which seed 2 averaged."""

    KERNEL = 5  # frames, as in seed 2

    def __init__(
        self, channels: int, layers: int, classes: int, dropout: float = 0.2, norm: bool = True, residual: bool = True,
        coefficients: int = 40,
    ):  # fmt: skip
        width = 4 * channels
        super().__init__(width, classes, dropout)
        self.coefficients = coefficients
        # What a coefficient's size tells is learned: the first ones are ten times as large as the last.
        self.scale = nn.BatchNorm1d(3 * coefficients, affine=False)
        self.stem = nn.Sequential(*convolution_1d(3 * coefficients, width, self.KERNEL, norm=norm), nn.SiLU())
        self.blocks = nn.ModuleList(
            Residual(nn.Sequential(*convolution_1d(width, width, self.KERNEL, 2 ** (i % 4), norm), nn.SiLU()), residual)
            for i in range(layers)
        )
        self.dropout = nn.Dropout1d(dropout)

    def sequence(self, x: Tensor, lengths_B: Tensor | None) -> tuple[Tensor, Tensor | None]:
        mask_BF = frame_mask(lengths_B, x.shape[-1], 1, x.device)
        cepstrum = mfcc(normalise_level(x, lengths_B) * SPREAD, self.coefficients)
        delta = differences(cepstrum, lengths_B)
        stacked = torch.cat([cepstrum, delta, differences(delta, lengths_B)], dim=1)
        x_BCF = masked(self.stem(self._scaled(stacked, mask_BF)), mask_BF)
        for block in self.blocks:
            x_BCF = masked(self.dropout(block(x_BCF)), mask_BF)
        return x_BCF, mask_BF

    def _scaled(self, x_BCF: Tensor, mask_BF: Tensor | None) -> Tensor:
        """Give every coefficient the same size, measured on valid frames alone."""
        if mask_BF is None:
            return self.scale(x_BCF)
        x_BFC, valid_BF = x_BCF.transpose(1, 2), mask_BF > 0
        scaled_BFC = torch.zeros_like(x_BFC).masked_scatter(valid_BF[..., None], self.scale(x_BFC[valid_BF]))
        return scaled_BFC.transpose(1, 2)


def differences(x_BCF: Tensor, frames_B: Tensor | None) -> Tensor:
    """Half the difference of a frame's two neighbours; beyond either end of a clip its outermost frame is repeated."""
    last = x_BCF.shape[-1] - 1
    at_F = torch.arange(last + 1, device=x_BCF.device)[None]
    last_B1 = torch.full((1, 1), last, device=x_BCF.device) if frames_B is None else frames_B[:, None] - 1
    after_BF, before_BF = torch.minimum(at_F + 1, last_B1), torch.minimum((at_F - 1).clamp(min=0), last_B1)
    read = lambda index: x_BCF.gather(2, index[:, None].expand(len(x_BCF), x_BCF.shape[1], -1))  # noqa: E731
    return 0.5 * (read(after_BF) - read(before_BF))
