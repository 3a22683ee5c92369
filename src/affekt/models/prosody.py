"""How an emotion would time and pitch what is said. Axes: B batch, E emotions, C channels, M mel bands, F frames."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from affekt.features.mel import N_MELS
from affekt.models.blocks import convolution_1d

INTENSITIES = 2
DILATIONS = (1, 2, 4, 8, 16)  # with kernels of 5 the network hears 125 frames, 1.5 s


class Prosody(nn.Module):
    """Mel and f0 to how each emotion would change the tempo and the melody, frame by frame."""

    def __init__(self, emotions: int, channels: int, norm: bool = True):
        super().__init__()
        width = 8 * channels
        self.stem = nn.Sequential(*convolution_1d(N_MELS + 2, width, 5, norm=norm), nn.SiLU())
        self.time = nn.ModuleList(
            nn.Sequential(*convolution_1d(width, width, 5, dilation, norm), nn.SiLU()) for dilation in DILATIONS
        )
        self.style = nn.Linear(emotions * INTENSITIES, width)
        self.head = nn.Sequential(nn.Conv1d(width, width, 1), nn.SiLU(), nn.Conv1d(width, 2, 1))
        self.emotions = emotions

    def forward(self, mel_BMF: Tensor, melody_B2F: Tensor, mask_B1F: Tensor, intensity_B: Tensor) -> Tensor:
        """Return for each emotion the log of how much longer a frame lasts, and octaves to add: (B, E, 2, F)."""
        x_BCF = self.stem(torch.cat([mel_BMF, melody_B2F], 1)) * mask_B1F
        for layer in self.time:
            x_BCF = x_BCF + layer(x_BCF) * mask_B1F
        mean_BC1 = x_BCF.sum(2, keepdim=True) / mask_B1F.sum(2, keepdim=True)
        style_EC = self.style(styles(self.emotions, intensity_B)).unflatten(0, (-1, self.emotions))
        each_BECF = (x_BCF + mean_BC1)[:, None] + style_EC[..., None]
        found_B2F = self.head(each_BECF.flatten(0, 1)).unflatten(0, (-1, self.emotions))
        return found_B2F * mask_B1F[:, None]


def melody(f0_BF: Tensor) -> Tensor:
    """Octaves of f0 above the clip's mean, 0 where unvoiced, and whether it is voiced: (B, 2, F)."""
    voiced_BF = (f0_BF > 0).float()
    octave_BF = torch.log2(f0_BF.clamp(min=1.0)) * voiced_BF
    mean_B1 = octave_BF.sum(1, keepdim=True) / voiced_BF.sum(1, keepdim=True).clamp(min=1.0)
    return torch.stack([(octave_BF - mean_B1) * voiced_BF, voiced_BF], 1)


def one_hot(emotions: int, emotion_BE: Tensor, intensity_B: Tensor) -> Tensor:
    """Return emotions of intensities as float (B, E, emotions * INTENSITIES)."""
    return F.one_hot(intensity_B[:, None] * emotions + emotion_BE, emotions * INTENSITIES).float()


def styles(emotions: int, intensity_B: Tensor) -> Tensor:
    """Return every emotion of these intensities, one after another: (B * E, emotions * INTENSITIES)."""
    every_BE = torch.arange(emotions, device=intensity_B.device).expand(len(intensity_B), -1)
    return one_hot(emotions, every_BE, intensity_B).flatten(0, 1)
