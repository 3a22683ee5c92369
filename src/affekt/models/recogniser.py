"""The recogniser that optimisation climbs: a convolutional network on mels with attentive statistics pooling.

Axes: B clips, C channels, M mel bands, F frames. The stem halves both axes at once, so that no full-resolution map is
kept: gradients to the input are what activation maximisation pays for.
"""

from torch import Tensor, nn

from affekt.features.mel import N_MELS
from affekt.models.normalise import normalise_level
from affekt.models.pooling import AttentiveStatistics, frame_mask

STRIDE = 4  # frames per step of the pooled sequence
BANDS = N_MELS // 8  # left after the stem and two blocks


class ConvRecogniser(nn.Module):
    """Log-mel to emotion logits; any number of frames."""

    def __init__(self, channels: int = 32, emotions: int = 8, dropout: float = 0.2):
        super().__init__()
        c = channels
        self.stem = _block(1, c, kernel=5, stride=(2, 2))
        self.middle = nn.Sequential(_block(c, 2 * c, stride=(2, 2)), _block(2 * c, 2 * c), nn.Dropout2d(dropout))
        self.top = nn.Sequential(_block(2 * c, 4 * c, stride=(2, 1)), nn.Dropout2d(dropout))
        self.project = nn.Sequential(nn.Conv1d(4 * c * BANDS, 4 * c, 1, bias=False), nn.BatchNorm1d(4 * c), nn.SiLU())
        self.time = nn.ModuleList([_TimeBlock(4 * c, dilation) for dilation in (1, 2)])
        self.pool = AttentiveStatistics(4 * c, c)
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(8 * c, emotions))

    def embed(self, mel_BMF: Tensor, frames_B: Tensor | None = None) -> Tensor:
        """Return the pooled features (B, 8 * channels) of raw log-mels (B, 80, F) with `frames_B` valid frames."""
        x_BCMF = normalise_level(mel_BMF, frames_B)[:, None]
        mask_BF = None
        # A mask after every convolution: the next one must see the zeros that it sees at the end of a clip alone.
        for layer, stride in ((self.stem, 2), *((layer, STRIDE) for layer in (*self.middle, *self.top))):
            x_BCMF = layer(x_BCMF)
            mask_BF = frame_mask(frames_B, x_BCMF.shape[-1], stride, x_BCMF.device)
            if mask_BF is not None:
                x_BCMF = x_BCMF * mask_BF[:, None, None]
        x_BCF = self.project(x_BCMF.flatten(1, 2))
        for block in self.time:
            x_BCF = block(x_BCF if mask_BF is None else x_BCF * mask_BF[:, None])
        return self.pool(x_BCF, mask_BF)

    def forward(self, mel_BMF: Tensor, frames_B: Tensor | None = None) -> Tensor:
        """Return emotion logits (B, emotions)."""
        return self.head(self.embed(mel_BMF, frames_B))


class _TimeBlock(nn.Module):
    def __init__(self, channels: int, dilation: int):
        super().__init__()
        self.conv = nn.Conv1d(channels, channels, 3, padding=dilation, dilation=dilation, bias=False)
        self.norm = nn.BatchNorm1d(channels)
        self.act = nn.SiLU()

    def forward(self, x_BCF: Tensor) -> Tensor:
        return x_BCF + self.act(self.norm(self.conv(x_BCF)))


def _block(inputs: int, outputs: int, kernel: int = 3, stride: tuple[int, int] = (1, 1)) -> nn.Sequential:
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.SiLU())
