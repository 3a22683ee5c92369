"""Recognisers of the waveform itself: a learned filterbank, then WaveNet's gated blocks or an LSTM.

Axes: B clips, T samples, N bands, F frames. Seed 0 fed samples to 20 gated blocks, or to an LSTM after strided
convolutions: with a thousand clips such a front end learns little. Here it starts as the mel and may leave it.
"""

from torch import Tensor, nn

from affekt.models.blocks import Front, SpecMask
from affekt.models.filterbank import BANDS, Filterbank, frames_of_samples
from affekt.models.mel_networks import PooledRecogniser
from affekt.models.normalise import normalise_level
from affekt.models.sequences import BidirectionalLSTM, WaveNetStack

MASKED_BANDS, MASKED_FRAMES, MASKS = 12, 24, 2  # SpecAugment on what the filterbank hears


class AudioRecogniser(PooledRecogniser):
    """Filterbank, convolutions over bands and frames, then a network along time."""

    def __init__(
        self,
        along_time: nn.Module,
        channels: int,
        classes: int,
        dropout: float,
        norm: bool,
        residual: bool,
        masks: bool,
    ):
        super().__init__(4 * channels, classes, dropout)
        self.filterbank = Filterbank()
        self.mask = SpecMask(MASKED_BANDS, MASKED_FRAMES, MASKS if masks else 0)
        self.front = Front(BANDS, channels, 4 * channels, dropout, norm, residual)
        self.time = along_time

    def sequence(self, x: Tensor, lengths_B: Tensor | None) -> tuple[Tensor, Tensor | None]:
        frames_B = frames_of_samples(lengths_B)
        bands_BNF = normalise_level(self.filterbank(x, lengths_B), frames_B)
        x_BCF, mask_BF = self.front(self.mask(bands_BNF), frames_B)
        return self.time(x_BCF, mask_BF), mask_BF


class AudioWaveNet(AudioRecogniser):
    """Seed 0's waveform WaveNet, in one direction as there; its gates mended."""

    def __init__(
        self, channels: int, layers: int, classes: int, dropout: float = 0.2, norm: bool = True, residual: bool = True,
        masks: bool = True,
    ):  # fmt: skip
        time = WaveNetStack(4 * channels, layers, norm, residual)
        super().__init__(time, channels, classes, dropout, norm, residual, masks)


class AudioLSTM(AudioRecogniser):
    """Seed 0's waveform LSTM, pooled instead of flattened."""

    def __init__(
        self, channels: int, layers: int, classes: int, dropout: float = 0.2, norm: bool = True, residual: bool = True,
        masks: bool = True,
    ):  # fmt: skip
        time = BidirectionalLSTM(4 * channels, layers, dropout)
        super().__init__(time, channels, classes, dropout, norm, residual, masks)
