"""A recogniser of what is said and where: for each frame, which statement and which part of it.

Axes: B clips, C classes (statement * segments + part), M mel bands, F frames, S statements, P parts of a statement.
Corpora of acted speech have few statements, which all actors speak in all emotions: a network that tells their parts
apart in all of these gives a phonetic posteriorgram (Hazen, Shen & White 2009) without transcripts.
"""

import torch
from torch import Tensor, nn

from affekt.features.mel import N_MELS
from affekt.models.blocks import FRAME_STRIDE, Front, masked
from affekt.models.normalise import normalise_level
from affekt.models.pooling import frame_mask
from affekt.models.sequences import TimeConvolutions

LAYERS = 2  # along time: with the front each output hears 49 frames, 0.57 s: a few sounds, not the clip


class ContentNetwork(nn.Module):
    """Raw log-mels (B, 80, F) to classes of every fourth frame; output i is centred on frame 4 * i.

    `norm`, `residual` and `dropout` are the training aids of the recognisers.
    """

    def __init__(
        self, statements: int, segments: int, channels: int, dropout: float = 0.2, norm: bool = True,
        residual: bool = True,
    ):  # fmt: skip
        super().__init__()
        self.statements, self.segments = statements, segments
        width = 4 * channels
        self.front = Front(N_MELS, channels, width, dropout, norm, residual)
        self.time = TimeConvolutions(width, LAYERS, norm, residual)
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Conv1d(width, statements * segments, 1))

    @property
    def classes(self) -> int:
        """Number of classes C."""
        return self.statements * self.segments

    def forward(self, mel_BMF: Tensor, frames_B: Tensor | None = None) -> Tensor:
        """Return logits (B, C, ceil(F / 4)) of raw log-mels with `frames_B` valid frames; 0 beyond a clip's end."""
        x_BCF, mask_BF = self.front(normalise_level(mel_BMF, frames_B), frames_B)
        return masked(self.head(self.time(x_BCF, mask_BF)).float(), mask_BF)

    def log_posteriors(self, mel_BMF: Tensor, frames_B: Tensor | None = None) -> Tensor:
        """Return log-probabilities (B, C, ceil(F / 4)); all classes are alike beyond a clip's end."""
        return self(mel_BMF, frames_B).log_softmax(dim=1)

    def posteriors(self, mel_BMF: Tensor, frames_B: Tensor | None = None) -> Tensor:
        """Return probabilities (B, C, ceil(F / 4)), the posteriorgram."""
        return self.log_posteriors(mel_BMF, frames_B).exp()

    def statement_logits(self, mel_BMF: Tensor, frames_B: Tensor | None = None) -> Tensor:
        """Return (B, S): the mean over valid frames of the log-probability of a statement, that of all its parts."""
        log_BCF = self.log_posteriors(mel_BMF, frames_B)
        return pool_statements(log_BCF, self.segments, self.mask(frames_B, log_BCF))

    @staticmethod
    def mask(frames_B: Tensor | None, output_BCF: Tensor) -> Tensor | None:
        """Return 1 at the outputs that lie in their clips (B, ceil(F / 4)), or None where all do."""
        return frame_mask(frames_B, output_BCF.shape[-1], FRAME_STRIDE, output_BCF.device)


def pool_statements(log_posterior_BCF: Tensor, segments: int, mask_BF: Tensor | None = None) -> Tensor:
    """Return the mean over valid frames of each statement's log-probability (B, S) from log-posteriors."""
    log_BSF = log_posterior_BCF.unflatten(1, (-1, segments)).logsumexp(dim=2)
    if mask_BF is None:
        return log_BSF.mean(-1)
    return torch.where(mask_BF[:, None] > 0, log_BSF, 0.0).sum(-1) / mask_BF.sum(1, keepdim=True)
