"""Seed 0's activation maximisation, rebuilt at its published sizes: its recogniser and one-at-a-time recipe.

Written from the facts in SEEDS.md (sections 0.3 and 0.4), for throughput only: the weights are random, since the
published ones cannot be had and do not change what a step costs. Where the facts are silent (padding of the
convolutions) the usual choice, the output as large as the input, is taken.
"""

import torch
from torch import Tensor, nn

from affekt.models.published_gan import PublishedGenerator

MEL_SHAPE = (80, 160)  # bands, frames
ITERATIONS = 301
LEARNING_RATE = 0.01
LEARNING_RATE_DECAY = 0.99  # each iteration
BETAS = (0.9, 0.999)
EPSILON = 1e-8
NORM_WEIGHT = 100.0  # of ||z||^2 / N with N = 80 * 160


class Seed0MelCnn(nn.Module):
    """mel (B, 1, 80, 160) -> logits (B, 4)."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(1, 64, 11, padding=5), nn.BatchNorm2d(64), nn.ReLU()]
        for before, after in ((64, 128), (128, 256), (256, 512)):
            layers += [nn.Conv2d(before, after, 3, padding=1), nn.MaxPool2d(2), nn.BatchNorm2d(after), nn.ReLU()]
        self.features = nn.Sequential(*layers)
        self.head = nn.Linear(512, 4)

    def forward(self, mel_B1MF: Tensor) -> Tensor:
        return self.head(self.features(mel_B1MF).mean(dim=(2, 3)))


def build(seed: int = 0) -> tuple[PublishedGenerator, Seed0MelCnn]:
    """Both networks as the recipe uses them: evaluation mode, weights frozen."""
    torch.manual_seed(seed)
    generator, classifier = PublishedGenerator().eval(), Seed0MelCnn().eval()
    return generator.requires_grad_(False), classifier.requires_grad_(False)


def objective(logits_1E: Tensor, z: Tensor, target: int) -> Tensor:
    """-logit(target) + mean of the other logits + 100 * ||z||^2 / 12,800."""
    others = torch.cat([logits_1E[0, :target], logits_1E[0, target + 1 :]])
    norm = NORM_WEIGHT * z.square().sum() / (MEL_SHAPE[0] * MEL_SHAPE[1])
    return -logits_1E[0, target] + others.mean() + norm


class Adam:
    """The published Adam: its bias correction is constant, 1 - beta where Adam divides by 1 - beta^t."""

    def __init__(self, z: Tensor):
        self.first, self.second = torch.zeros_like(z), torch.zeros_like(z)
        self.lr = LEARNING_RATE

    def step(self, z: Tensor, gradient: Tensor) -> Tensor:
        self.first = BETAS[0] * self.first + (1 - BETAS[0]) * gradient
        self.second = BETAS[1] * self.second + (1 - BETAS[1]) * gradient.square()
        first, second = self.first / (1 - BETAS[0]), self.second / (1 - BETAS[1])
        moved = z - self.lr * first / (second.sqrt() + EPSILON)
        self.lr *= LEARNING_RATE_DECAY
        return moved


def maximise_one(
    generator: nn.Module, classifier: nn.Module, z: Tensor, target: int, iterations: int = ITERATIONS
) -> Tensor:
    """Optimise one latent (1, 512) towards one emotion; returns the final latent."""
    z = z.detach().clone()
    adam = Adam(z)
    for _ in range(iterations):
        z.requires_grad_(True)
        loss = objective(classifier(generator(z)[:, None]), z, target)
        (gradient,) = torch.autograd.grad(loss, z)
        z = adam.step(z.detach(), gradient)
    return z
