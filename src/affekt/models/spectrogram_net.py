"""Seed 3's residual network on root magnitudes of the spectrogram, the network that deep dream dreams with.

Axes: B clips, C channels, K frequency bins, F frames.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn

from affekt.features.mel import SAMPLE_RATE
from affekt.models.pooling import clip_mean, frame_mask

HIGHEST_HZ = 8000.0  # what read speech at 16 kHz has; seeing more would tell corpora apart, not voices
WIDTHS = (1, 4, 4, 8, 8, 16, 16, 16, 16)  # of block1 to block9, times `channels`
POOLED = (1, 3, 5, 7)  # a max-pool follows these blocks
STEM_STRIDE = 2
SPREAD = 0.5  # standard deviation of root magnitudes divided by their mean, about
SMALLEST = 1e-4  # mean root magnitude of digital silence, so that it stays finite


class SpectrogramResNet(nn.Module):
    """Root magnitudes (B, n_fft // 2 + 1, F) to logits (B, classes); any number of frames.

    The clip's level is taken out, as the magnitudes are divided by their mean: in the prototype it decided. A second
    input channel holds the frequency: convolutions and the mean at the end would not know a high voice from a low one.
    """

    def __init__(
        self, n_fft: int, hop_length: int, channels: int, classes: int = 2, dropout: float = 0.1, norm: bool = True,
        residual: bool = True,
    ):  # fmt: skip
        super().__init__()
        self.n_fft, self.hop_length = n_fft, hop_length
        self.bins = int(HIGHEST_HZ / SAMPLE_RATE * n_fft) + 1
        widths = [2, *(width * channels for width in WIDTHS)]
        for i, (inputs, outputs) in enumerate(pairwise(widths), start=1):
            self.add_module(f"block{i}", ResidualBlock(inputs, outputs, i == 1, norm, residual))
        self.pool = nn.MaxPool2d(2, ceil_mode=True)
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(widths[-1], classes))

    def embed(self, root_BKF: Tensor, frames_B: Tensor | None = None) -> Tensor:
        """Return the mean over bins and valid frames of the last block (B, 16 * channels)."""
        x_BCKF = with_frequency(scale(root_BKF[:, : self.bins], frames_B), frames_B)
        mask_BF, stride = None, 1
        for i in range(1, len(WIDTHS) + 1):
            block_stride = STEM_STRIDE if i == 1 else 1
            stride *= block_stride
            mask_BF = frame_mask(frames_B, -(-x_BCKF.shape[-1] // block_stride), stride, x_BCKF.device)
            x_BCKF = hide(self.get_submodule(f"block{i}")(x_BCKF, mask_BF), mask_BF)
            if i in POOLED:
                x_BCKF, stride = self.pool(x_BCKF), 2 * stride
                mask_BF = frame_mask(frames_B, x_BCKF.shape[-1], stride, x_BCKF.device)
                x_BCKF = hide(x_BCKF, mask_BF)
        if mask_BF is None:
            return x_BCKF.float().mean(dim=(2, 3))
        return x_BCKF.float().mean(2).sum(-1) / mask_BF.sum(1, keepdim=True)

    def forward(self, root_BKF: Tensor, frames_B: Tensor | None = None) -> Tensor:
        """Return logits (B, classes)."""
        return self.head(self.embed(root_BKF, frames_B))


def scale(root_BKF: Tensor, frames_B: Tensor | None) -> Tensor:
    """Divide by the clip's mean over bins and valid frames, and centre; 0 beyond the clip."""
    mask_BF = frame_mask(frames_B, root_BKF.shape[-1], 1, root_BKF.device)
    scaled_BKF = (root_BKF / clip_mean(root_BKF, mask_BF).clamp(min=SMALLEST) - 1) / SPREAD
    return scaled_BKF if mask_BF is None else torch.where(mask_BF[:, None] > 0, scaled_BKF, 0.0)


def with_frequency(x_BKF: Tensor, frames_B: Tensor | None) -> Tensor:
    """Add a channel that rises from -1 to 1 over the bins (Liu et al. 2018, CoordConv); (B, 2, K, F)."""
    rising_K1 = torch.linspace(-1, 1, x_BKF.shape[1], device=x_BKF.device, dtype=x_BKF.dtype)[:, None]
    frequency_B1KF = rising_K1.expand_as(x_BKF)[:, None]
    mask_BF = frame_mask(frames_B, x_BKF.shape[-1], 1, x_BKF.device)
    return torch.cat([x_BKF[:, None], hide(frequency_B1KF, mask_BF)], dim=1)


def hide(x_BCKF: Tensor, mask_BF: Tensor | None) -> Tensor:
    """Set to zero what lies beyond a clip's end: the next convolution must see what it sees of a clip alone."""
    return x_BCKF if mask_BF is None else x_BCKF * mask_BF[:, None, None].to(x_BCKF.dtype)


class ResidualBlock(nn.Module):
    """Two convolutions and what skips them; the first block has a wide kernel and a stride."""

    def __init__(self, inputs: int, outputs: int, first: bool, norm: bool, residual: bool):
        super().__init__()
        kernel, stride = (7, STEM_STRIDE) if first else (3, 1)
        self.residual = residual
        conv_1 = nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=not norm)
        conv_2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=not norm)
        norms = [nn.BatchNorm2d(outputs) if norm else nn.Identity() for _ in range(2)]
        self.enter = nn.Sequential(conv_1, norms[0], nn.ReLU())
        self.leave = nn.Sequential(conv_2, norms[1])
        # The prototype left the skip out wherever shapes differ; here a 1 x 1 convolution fits them.
        same = inputs == outputs and stride == 1
        self.skip = nn.Identity() if same else nn.Conv2d(inputs, outputs, 1, stride)
        self.activation = nn.ReLU()

    def forward(self, x_BCKF: Tensor, mask_BF: Tensor | None = None) -> Tensor:
        """`mask_BF` marks the valid frames of what comes out."""
        path = self.leave(hide(self.enter(x_BCKF), mask_BF))
        return self.activation(path + self.skip(x_BCKF) if self.residual else path)
