"""Seed 3's audio deep dream, rebuilt: one sound, 128 x 128 tiles one at a time, a backward pass for each.

Written from facts about its recipe, for throughput: the network is the project's own, of the prototype's shape. Where
the facts are silent the cheaper way is taken: the network runs only up to the layer, and tiles at the borders are as
few as possible. Sounds are at 22,050 Hz, where the prototype had 44,100 Hz and so twice the frames.

Axes: K frequency bins, F frames, T samples.
"""

import numpy as np
import torch
from torch import Tensor, nn

from affekt.features.spectrogram import POWER, Resolution
from affekt.optimise.layers import Layer, activation

TILE = 128
RATIO = 1.4
CHANNEL = 8  # of the layer; the prototype's own, and its only one
STEP = 0.6  # of an image of 255 levels
LEVELS = 255.0
EPSILON = 1e-8
GAIN = 8.0  # before clipping


def dream_sound(
    network: nn.Module, layer: Layer, wave_T: np.ndarray, resolution: Resolution, octaves: int, iterations: int
) -> np.ndarray:
    """Dream one sound (T,), from waveform to waveform."""
    import librosa

    transformed_KF = librosa.stft(wave_T, n_fft=resolution.n_fft, hop_length=resolution.hop_length)
    root_KF = np.abs(transformed_KF) ** (1 / POWER)
    loudest = float(root_KF.max())
    device = next(network.parameters()).device
    dreamed_KF = dream_image(network, layer, torch.from_numpy(root_KF / loudest).to(device), octaves, iterations)
    magnitude_KF = np.maximum(dreamed_KF.cpu().numpy() * loudest, 0) ** POWER
    phased_KF = magnitude_KF * np.exp(1j * np.angle(transformed_KF))
    sound_T = librosa.istft(phased_KF, hop_length=resolution.hop_length, length=len(wave_T))
    sound_T = np.clip(GAIN * sound_T, -1, 1)
    return sound_T / max(float(np.abs(sound_T).max()), EPSILON)


def dream_image(network: nn.Module, layer: Layer, image_KF: Tensor, octaves: int, iterations: int) -> Tensor:
    """Climb in each octave of a Laplacian pyramid, the coarsest first, and add the detail of the next."""
    details = []
    for _ in range(octaves - 1):
        smaller_KF = resize(image_KF, [round(size / RATIO) for size in image_KF.shape])
        details.append(image_KF - resize(smaller_KF, list(image_KF.shape)))
        image_KF = smaller_KF
    for octave in range(octaves):
        if octave:
            detail_KF = details.pop()
            image_KF = resize(image_KF, list(detail_KF.shape)) + detail_KF
        for _ in range(iterations):
            gradient_KF = tiled_gradient(network, layer, image_KF)
            image_KF = image_KF + STEP / LEVELS * gradient_KF / (gradient_KF.abs().mean() + EPSILON)
    return image_KF


def tiled_gradient(network: nn.Module, layer: Layer, image_KF: Tensor) -> Tensor:
    """The gradient of each tile's own mean activation, after a random roll of both axes, and rolled back."""
    shift = [int(size) for size in torch.randint(TILE, (2,))]
    rolled_KF = image_KF.roll(shift, dims=(0, 1))
    gradient_KF = torch.zeros_like(rolled_KF)
    for rows in spans(rolled_KF.shape[0]):
        for columns in spans(rolled_KF.shape[1]):
            tile_KF = rolled_KF[rows, columns].clone().requires_grad_()
            mean = activation(network, layer, min(CHANNEL, layer.channels - 1), tile_KF[None]).sum()
            gradient_KF[rows, columns] = torch.autograd.grad(mean, tile_KF)[0]
    return gradient_KF.roll([-s for s in shift], dims=(0, 1))


def spans(size: int) -> list[slice]:
    """Tiles along an axis; the last one takes what is left, up to half a tile more."""
    count = max(1, round(size / TILE))
    return [slice(i * TILE, size if i + 1 == count else (i + 1) * TILE) for i in range(count)]


def resize(image_KF: Tensor, shape: list[int]) -> Tensor:
    """Bilinear, without the averaging that would cost more."""
    return nn.functional.interpolate(image_KF[None, None], shape, mode="bilinear", align_corners=False)[0, 0]
