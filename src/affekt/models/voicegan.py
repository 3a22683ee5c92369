"""Voices of nobody: a GAN over speaker embeddings, a woman's or a man's as wished.

A conditional Wasserstein GAN (Gulrajani et al. 2017, arXiv 1704.00028) whose critic also names the gender (Odena et al.
2017, arXiv 1610.09585). Axes: B batch, L latent, E numbers of an embedding.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from affekt.corpora.table import GENDERS
from affekt.features.speaker import EMBEDDING_SIZE

SLOPE = 0.2


class VoiceGenerator(nn.Module):
    """Latents (B, L), standard normal, and genders (B,) to embeddings (B, E): unit vectors without negative numbers."""

    def __init__(self, latent: int = 64, width: int = 512):
        super().__init__()
        self.latent = latent
        self.body = nn.Sequential(
            nn.Linear(latent + len(GENDERS), width),
            nn.LeakyReLU(SLOPE),
            nn.Linear(width, width),
            nn.LeakyReLU(SLOPE),
            nn.Linear(width, EMBEDDING_SIZE),
        )

    def forward(self, latent_BL: Tensor, gender_B: Tensor) -> Tensor:
        given = torch.cat([latent_BL, F.one_hot(gender_B, len(GENDERS)).to(latent_BL)], 1)
        return F.normalize(F.softplus(self.body(given), beta=20), dim=1)


class VoiceCritic(nn.Module):
    """Embeddings (B, E) to how real they are (B,), and logits of their gender (B, 2)."""

    def __init__(self, width: int = 512):
        super().__init__()
        self.body = nn.Sequential(
            nn.Linear(EMBEDDING_SIZE, width), nn.LeakyReLU(SLOPE), nn.Linear(width, width), nn.LeakyReLU(SLOPE)
        )
        self.real, self.gender = nn.Linear(width, 1), nn.Linear(width, len(GENDERS))

    def forward(self, speaker_BE: Tensor) -> tuple[Tensor, Tensor]:
        hidden_BC = self.body(speaker_BE)
        return self.real(hidden_BC)[:, 0], self.gender(hidden_BC)
