"""The judge: convolutions, a bidirectional recurrent layer and attentive pooling; used in no loss.

Axes: B clips, C channels, M mel bands, F frames. Another architecture than the recogniser on purpose: an optimised
input that only exploits the recogniser's own filters should not move it.
"""

from torch import Tensor, nn

from affekt.features.mel import N_MELS
from affekt.models.normalise import normalise_level
from affekt.models.pooling import AttentiveStatistics, frame_mask

STRIDE = 4
BANDS = N_MELS // 16


class RecurrentRecogniser(nn.Module):
    """Log-mel to emotion logits by CNN and bidirectional GRU; any number of frames."""

    def __init__(self, channels: int = 32, emotions: int = 8, dropout: float = 0.2):
        super().__init__()
        c = channels
        self.convolutions = nn.ModuleList(
            [
                _block(1, c, dropout, stride=2),
                _block(c, 2 * c, dropout, pool=(2, 2)),
                _block(2 * c, 2 * c, dropout, pool=(4, 1)),
            ]
        )
        self.recurrent = nn.GRU(2 * c * BANDS, 2 * c, batch_first=True, bidirectional=True)
        self.pool = AttentiveStatistics(4 * c, c)
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(8 * c, emotions))

    def embed(self, mel_BMF: Tensor, frames_B: Tensor | None = None) -> Tensor:
        """Return the pooled features (B, 8 * channels) of raw log-mels (B, 80, F) with `frames_B` valid frames."""
        x_BCMF = normalise_level(mel_BMF, frames_B)[:, None]
        mask_BF = None
        for block, stride in zip(self.convolutions, (2, STRIDE, STRIDE), strict=True):
            x_BCMF = block(x_BCMF)
            mask_BF = frame_mask(frames_B, x_BCMF.shape[-1], stride, x_BCMF.device)
            if mask_BF is not None:
                x_BCMF = x_BCMF * mask_BF[:, None, None]
        x_BFC, _ = self.recurrent(x_BCMF.flatten(1, 2).transpose(1, 2))
        return self.pool(x_BFC.transpose(1, 2), mask_BF)

    def forward(self, mel_BMF: Tensor, frames_B: Tensor | None = None) -> Tensor:
        """Return emotion logits (B, emotions)."""
        return self.head(self.embed(mel_BMF, frames_B))


def _block(inputs: int, outputs: int, dropout: float, stride: int = 1, pool: tuple[int, int] = (1, 1)) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ELU(),
        nn.MaxPool2d(pool, ceil_mode=True),
        nn.Dropout2d(dropout),
    )
