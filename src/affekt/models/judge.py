"""The judge: convolutions with max-pooling, a bidirectional GRU and attentive pooling; used in no loss.

Axes: B clips, C channels, M mel bands, F frames. Another architecture than the recogniser on purpose: an optimised
input that only exploits the recogniser's own filters should not move it.
"""

from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from affekt.features.mel import N_MELS
from affekt.models.normalise import normalise_level
from affekt.models.pooling import AttentiveStatistics, frame_mask

STRIDE = 4  # frames per step of the recurrent layer
BANDS = N_MELS // 8  # left after the stem and two pools


class RecurrentRecogniser(nn.Module):
    """Log-mel to emotion logits by CNN and bidirectional GRU; any number of frames."""

    def __init__(self, channels: int = 32, classes: int = 8, dropout: float = 0.2):
        super().__init__()
        c = channels
        self.stem = _block(1, c, stride=2)
        self.middle = nn.Sequential(
            _block(c, 2 * c), nn.MaxPool2d(2, ceil_mode=True), _block(2 * c, 2 * c), nn.Dropout2d(dropout)
        )
        self.top = nn.Sequential(_block(2 * c, 4 * c), nn.MaxPool2d((2, 1)), nn.Dropout2d(dropout))
        self.project = nn.Sequential(nn.Conv1d(4 * c * BANDS, 4 * c, 1, bias=False), nn.BatchNorm1d(4 * c), nn.ReLU())
        self.recurrent = nn.GRU(4 * c, 2 * c, batch_first=True, bidirectional=True)
        self.pool = AttentiveStatistics(4 * c, c)
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(8 * c, classes))

    def embed(self, mel_BMF: Tensor, frames_B: Tensor | None = None) -> Tensor:
        """Return the pooled features (B, 8 * channels) of raw log-mels (B, 80, F) with `frames_B` valid frames."""
        x_BCMF = normalise_level(mel_BMF, frames_B)[:, None]
        mask_BF = None
        # A mask after every layer: the next must see the zeros that it sees at the end of a clip alone (ReLU's least
        # value too, so that they win no maximum).
        after_pool = [(layer, STRIDE) for layer in [*list(self.middle)[1:], *self.top]]
        for layer, stride in ((self.stem, 2), (self.middle[0], 2), *after_pool):
            x_BCMF = layer(x_BCMF)
            mask_BF = frame_mask(frames_B, x_BCMF.shape[-1], stride, x_BCMF.device)
            if mask_BF is not None:
                x_BCMF = x_BCMF * mask_BF[:, None, None]
        x_BFC = self.project(x_BCMF.flatten(1, 2)).transpose(1, 2)
        return self.pool(self._listen(x_BFC, mask_BF).transpose(1, 2), mask_BF)

    def _listen(self, x_BFC: Tensor, mask_BF: Tensor | None) -> Tensor:
        """Run the recurrent layer; packed where clips differ in length, so that the way back starts at a clip's end."""
        if mask_BF is None:
            return self.recurrent(x_BFC)[0]
        packed = pack_padded_sequence(x_BFC, mask_BF.sum(1).cpu().long(), batch_first=True, enforce_sorted=False)
        return pad_packed_sequence(self.recurrent(packed)[0], batch_first=True, total_length=x_BFC.shape[1])[0]

    def forward(self, mel_BMF: Tensor, frames_B: Tensor | None = None) -> Tensor:
        """Return emotion logits (B, classes)."""
        return self.head(self.embed(mel_BMF, frames_B))


def _block(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU())
