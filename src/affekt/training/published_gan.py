"""How the prototype trains its mel GAN, rebuilt to be compared with ours at equal compute and on equal clips.

As published: a sigmoid and then the squared error to 1 or 0 (least squares, Mao et al. 2017, arXiv 1611.04076, but on
probabilities); consistency of the discriminator on real mels under a shift in time of up to a tenth (Zhang et al. 2020,
arXiv 1910.12027), as mean absolute difference of scores; five steps of the discriminator, all on the same real mels and
the same fakes, for one of the generator (the "unrolling" restores nothing); Adam with beta1 0.5; a rate that falls to
0.99 of itself each epoch; mels in 0..1 by their own extremes; the last weights, not their average.

Where this differs, so that the comparison is fair: half a of the speakers alone is trained on, where the prototype took
all clips, those of its tests too; steps and batch come from params.yaml, clips are drawn with replacement, and an epoch
is as many steps as half a has batches; the forward pass is in bfloat16 where the hardware runs it, as ours is. Shorter
clips lie in silence, which the prototype's preparation did too. Shifted mels do not pass through 8-bit pictures.

Axes: B batch, L latent, M mel bands, F frames.
"""

import math

import torch
from torch import Tensor

from affekt.core.params import PublishedGanParams
from affekt.features.crops import N_FRAMES, Crops
from affekt.features.unit_range import to_unit
from affekt.models.published_gan import LATENT, PublishedDiscriminator, PublishedGenerator
from affekt.training.loop import LoopState, Method, OptimSpec

BETAS = (0.5, 0.999)
DECAY = 0.99  # of the rates, each epoch
DISCRIMINATOR_STEPS = 5
CONSISTENCY = 0.1 * 2  # weight, and the factor that the recipe has beside it
SHIFT = 0.1  # of the frames, at most


class PublishedGanMethod(Method):
    """Train `generator` and `discriminator` on random windows of clips, as the prototype does."""

    def __init__(self, params: PublishedGanParams, crops: Crops, seed: int, device: torch.device):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            networks = PublishedGenerator(LATENT, params.channels), PublishedDiscriminator(params.channels)
        for network in networks:  # the order in memory changes what a step costs, not what it does
            network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.generator, self.discriminator = networks
        self.modules = {"generator": self.generator, "discriminator": self.discriminator}
        self.params, self.crops, self.device = params, crops, device

    def optimisers(self) -> dict[str, OptimSpec]:
        epoch = math.ceil(len(self.crops.frames) / self.params.batch)
        return {
            name: OptimSpec((name,), self.params.lr, BETAS, decay=DECAY, decay_every=epoch)
            for name in ("generator", "discriminator")
        }

    def batch(self, step: int, rng: torch.Generator) -> dict[str, Tensor]:
        """Draw real windows in 0..1, the same shifted, and latents."""
        size = self.params.batch
        clip_B = torch.randint(len(self.crops.frames), (size,), generator=rng)
        real_BMF = to_unit(self.crops.draw(clip_B, rng))
        most = int(SHIFT * N_FRAMES)
        shift_B = torch.randint(-most, most + 1, (size,), generator=rng)
        latent_BL = torch.randn(size, LATENT, generator=rng).to(self.device)
        return {"real": real_BMF, "shifted": shift_in_time(real_BMF, shift_B.to(self.device)), "latent": latent_BL}

    def step(self, state: LoopState, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        with state.autocast():
            fake_BMF = self.generator(batch["latent"])
        for _ in range(DISCRIMINATOR_STEPS):
            with state.autocast():
                seen = [self.discriminator(mel) for mel in (batch["real"], fake_BMF.detach(), batch["shifted"])]
            loss = adversarial_loss(*seen[:2]) + consistency_loss(seen[0], seen[2])
            state.update("discriminator", loss)
        with state.autocast():
            fake_B = self.discriminator(fake_BMF)
        generator_loss = least_squares(fake_B, 1.0)
        state.update("generator", generator_loss)
        return {"adv/discriminator": loss, "adv/generator": generator_loss}


def least_squares(score_B: Tensor, target: float) -> Tensor:
    """Mean squared error of the scores' sigmoid to a target."""
    return (score_B.sigmoid() - target).square().mean()


def adversarial_loss(real_B: Tensor, fake_B: Tensor) -> Tensor:
    """What the discriminator minimises: reals are to be 1 and fakes 0."""
    return least_squares(real_B, 1.0) + least_squares(fake_B, 0.0)


def consistency_loss(real_B: Tensor, shifted_B: Tensor) -> Tensor:
    """Weighted mean absolute difference of the scores of real mels and of the same mels shifted."""
    return CONSISTENCY * (shifted_B - real_B).abs().mean()


def shift_in_time(mel_BMF: Tensor, shift_B: Tensor) -> Tensor:
    """Move each mel by whole frames, later if positive; what comes in from outside is 0."""
    source_BF = torch.arange(mel_BMF.shape[2], device=mel_BMF.device) - shift_B[:, None]
    inside_BF = (source_BF >= 0) & (source_BF < mel_BMF.shape[2])
    index_BMF = source_BF.clamp(0, mel_BMF.shape[2] - 1)[:, None].expand_as(mel_BMF)
    return mel_BMF.gather(2, index_BMF) * inside_BF[:, None]
