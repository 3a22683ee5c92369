"""A Laplacian pyramid of spectrograms (Burt & Adelson 1983), its octaves a factor apart that need not be two.

Axes: B batch, K frequency bins, F frames.
"""

import torch
from torch import Tensor

Size = tuple[int, int]  # bins, frames

# An axis is not shrunk below this: networks halve it five times.
SMALLEST = 32


def octave_sizes(whole: Size, octaves: int, ratio: float, both_axes: bool) -> list[Size]:
    """Sizes of at most `octaves` octaves, the finest first; fewer where the next would be too small to be heard."""
    (bins, frames), sizes = whole, [whole]
    for i in range(1, octaves):
        factor = ratio**i
        size = (round(bins / factor) if both_axes else bins, round(frames / factor))
        if min(size) < SMALLEST:
            break
        sizes.append(size)
    return sizes


def split(spectrogram_BKF: Tensor, sizes: list[Size]) -> tuple[list[Tensor], Tensor]:
    """The detail that each octave has beyond the next coarser one, finest first, and the coarsest octave."""
    details = []
    for size in sizes[1:]:
        smaller_BKF = resize(spectrogram_BKF, size)
        details.append(spectrogram_BKF - resize(smaller_BKF, _size(spectrogram_BKF)))
        spectrogram_BKF = smaller_BKF
    return details, spectrogram_BKF


def join(coarse_BKF: Tensor, detail_BKF: Tensor) -> Tensor:
    """The octave above: a coarser one enlarged, with its detail."""
    return resize(coarse_BKF, _size(detail_BKF)).add_(detail_BKF)


def resize(spectrogram_BKF: Tensor, size: Size) -> Tensor:
    """Linear in both axes, averaging what it skips; never below the least value nor above the greatest."""
    if _size(spectrogram_BKF) == size:
        return spectrogram_BKF.clone()
    resized = torch.nn.functional.interpolate(
        spectrogram_BKF[:, None], size, mode="bilinear", align_corners=False, antialias=True
    )
    return resized.squeeze(1)


def _size(spectrogram_BKF: Tensor) -> Size:
    return spectrogram_BKF.shape[1], spectrogram_BKF.shape[2]
