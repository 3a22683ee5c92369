"""Codes of one emotion to codes of another: a StarGAN over the pitch and rhythm codes of SpeechSplit.

Choi et al. 2018 (arXiv 1711.09020): one generator for all emotions, one critic that also names the emotion.
Axes: B batch, E emotions, D numbers of the codes, C channels, S steps.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SLOPE = 0.2
BLOCKS = 3


class CodeGenerator(nn.Module):
    """Whitened codes (B, D, S) and a wanted emotion to codes; it starts as the identity."""

    # Codes as the encoders give them, to codes of mean 0 and deviation 1; the training measures them.
    mean_D1: Tensor
    deviation_D1: Tensor

    def __init__(self, size: int, emotions: int, channels: int = 128):
        super().__init__()
        self.enter = nn.Conv1d(size, channels, 5, padding=2)
        self.blocks = nn.ModuleList(nn.Conv1d(channels, channels, 5, padding=2) for _ in range(BLOCKS))
        self.styles = nn.ModuleList(nn.Embedding(emotions, 2 * channels) for _ in range(BLOCKS))
        self.leave = nn.Conv1d(channels, size, 1)
        for parameter in self.leave.parameters():
            nn.init.zeros_(parameter)
        self.register_buffer("mean_D1", torch.zeros(size, 1))
        self.register_buffer("deviation_D1", torch.ones(size, 1))

    def forward(self, code_BDS: Tensor, emotion_B: Tensor) -> Tensor:
        x = F.leaky_relu(self.enter(code_BDS), SLOPE)
        for block, style in zip(self.blocks, self.styles, strict=True):
            scale, shift = style(emotion_B)[..., None].chunk(2, 1)
            normed = F.instance_norm(block(x))
            x = x + F.leaky_relu(normed * (1 + scale) + shift, SLOPE)
        return code_BDS + self.leave(x)

    def whiten(self, code_BDS: Tensor) -> Tensor:
        """Codes as the encoders give them to those of this network."""
        return (code_BDS - self.mean_D1) / self.deviation_D1

    def colour(self, code_BDS: Tensor) -> Tensor:
        """The way back."""
        return code_BDS * self.deviation_D1 + self.mean_D1

    def convert(self, code_BDS: Tensor, emotion_B: Tensor) -> Tensor:
        """Codes as the encoders give them, to such codes of a wanted emotion."""
        return self.colour(self(self.whiten(code_BDS), emotion_B))


class CodeCritic(nn.Module):
    """Whitened codes (B, D, S) to how real they are (B,), and logits of their emotion (B, E)."""

    def __init__(self, size: int, emotions: int, channels: int = 128):
        super().__init__()
        widths = [size, channels, channels, 2 * channels]
        self.layers = nn.ModuleList(
            nn.Conv1d(i, o, 5, stride=stride, padding=2)
            for i, o, stride in zip(widths, widths[1:], (1, 2, 2), strict=False)
        )
        self.real = nn.Linear(2 * channels, 1)
        self.emotion = nn.Linear(2 * channels, emotions)

    def forward(self, code_BDS: Tensor) -> tuple[Tensor, Tensor]:
        x = code_BDS
        for layer in self.layers:
            x = F.leaky_relu(layer(x), SLOPE)
        mean_BC = x.mean(2)
        return self.real(mean_BC)[:, 0], self.emotion(mean_BC)
