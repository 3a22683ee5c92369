"""How the mel GAN trains.

The loss is a parameter (training/adversarial.py). The default is the relativistic pairing of R3GAN (Huang et al. 2024,
arXiv 2501.05441, sections 2 and 3): the discriminator tells a real mel from the fake one beside it,
log(1 + exp(D(fake) - D(real))), the generator the other way round. Each fake must beat a real one, which gives the
generator no gain from giving up modes. With zero-centred gradient penalties on real mels (R1) and on fakes (R2) this
loss provably converges locally (the same, section 2.2; Mescheder et al. 2018, arXiv 1801.04406, section 4). The
penalties are lazy: every `r1_every` steps, times `r1_every` (Karras et al. 2020, arXiv 1912.04958, appendix B). There
is no momentum (beta1 is 0), as with StyleGAN.

A few hundred clips are few: real and fake mels pass alike through random views (Zhao et al. 2020, arXiv 2006.10738)
before the discriminator sees them, namely a level shift, a circular shift in time and a cut-out. What is kept is the
moving average of the generator (Karras et al. 2018, arXiv 1710.10196, section 4).

A conditional GAN is trained alike: a fake is drawn of the class of the real mel beside it, and must beat it as one of
that class.

Axes: B batch, L latent, M mel bands, F frames, N all frames of the corpus.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from affekt.core.params import GanParams
from affekt.features.crops import N_FRAMES, Crops
from affekt.features.mel import N_MELS
from affekt.models.gan import Discriminator, Generator, set_batch_statistics
from affekt.training.adversarial import LOSSES
from affekt.training.loop import LoopState, Method, OptimSpec

BETAS = (0.0, 0.99)  # of StyleGAN (Karras et al. 2019), for the generator and the discriminator
LEVEL = 0.1  # standard deviation of the level shift, normalised units: 2.8 dB
SHIFT = 12  # frames, at most: 0.14 s
CUT_OUT = (20, 40)  # bands x frames that a cut-out hides, at most: a sixteenth of the mel
CUT_OUT_RATE = (
    0.5  # of views; views without one keep the generator from drawing holes (Karras et al. 2020b, 2006.06676)
)


@dataclass(frozen=True)
class Views:
    """One random view per mel of a batch; differentiable, and the same whoever looks through it."""

    level: Tensor  # (B, 1, 1), added
    frame: Tensor  # (B, F), which frame comes to each place
    keep: Tensor  # (B, M, F), False where cut out

    @classmethod
    def draw(cls, batch: int, rng: torch.Generator, device: torch.device) -> "Views":
        shift_B1 = torch.randint(-SHIFT, SHIFT + 1, (batch, 1), generator=rng)
        frame_BF = (torch.arange(N_FRAMES) + shift_B1) % N_FRAMES
        level_B11 = torch.randn(batch, 1, 1, generator=rng) * LEVEL
        centre_B2 = torch.rand(batch, 2, generator=rng) * torch.tensor([N_MELS, N_FRAMES])
        cut_B = torch.rand(batch, generator=rng) < CUT_OUT_RATE
        band_BM = (torch.arange(N_MELS) + 0.5 - centre_B2[:, :1]).abs() < CUT_OUT[0] / 2
        time_BF = (torch.arange(N_FRAMES) + 0.5 - centre_B2[:, 1:]).abs() < CUT_OUT[1] / 2
        hole_BMF = band_BM[:, :, None] & time_BF[:, None, :] & cut_B[:, None, None]
        return cls(level_B11.to(device), frame_BF.to(device), ~hole_BMF.to(device))

    @classmethod
    def plain(cls, batch: int, rng: torch.Generator, device: torch.device) -> "Views":
        """Views that change nothing."""
        frame_BF = torch.arange(N_FRAMES, device=device).expand(batch, -1)
        keep_BMF = torch.ones(batch, N_MELS, N_FRAMES, dtype=torch.bool, device=device)
        return cls(torch.zeros(batch, 1, 1, device=device), frame_BF, keep_BMF)

    def __call__(self, mel_BMF: Tensor) -> Tensor:
        """Shift, level and cut out; what is cut out is 0, the middle of normalised mels."""
        index_BMF = self.frame[:, None].expand_as(mel_BMF)
        return (mel_BMF.gather(2, index_BMF) + self.level) * self.keep


class GanMethod(Method):
    """Train `generator` and `discriminator` on random windows of clips; with the clips' classes, both know them."""

    def __init__(
        self,
        params: GanParams,
        crops: Crops,
        seed: int,
        device: torch.device,
        label_N: np.ndarray | None = None,
        classes: int = 0,
    ):
        """`label_N`: int (clips,), in the order of `crops`, each under `classes`."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.generator = Generator(params.latent, params.channels, classes).to(device)
            self.discriminator = Discriminator(params.channels, classes).to(device)
        self.modules = {"generator": self.generator, "discriminator": self.discriminator}
        self.params, self.crops, self.device = params, crops, device
        self.loss = LOSSES[params.loss]
        self.label_N = None if label_N is None else torch.from_numpy(label_N)

    def optimisers(self) -> dict[str, OptimSpec]:
        return {
            name: OptimSpec(modules=(name,), lr=self.params.lr, betas=BETAS, schedule="late")
            for name in ("generator", "discriminator")
        }

    def batch(self, step: int, rng: torch.Generator) -> dict[str, Tensor]:
        """Draw real windows, latents, and the views of reals and fakes."""
        size = self.params.batch
        clip_B = torch.randint(len(self.crops.frames), (size,), generator=rng)
        real_BMF = self.crops.draw(clip_B, rng)
        draw = Views.draw if self.params.views else Views.plain
        real_BMF = draw(size, rng, self.device)(real_BMF)
        views = draw(size, rng, self.device)
        latent_BL = torch.randn(size, self.params.latent, generator=rng).to(self.device)
        labels = {} if self.label_N is None else {"label": self.label_N[clip_B].to(self.device)}
        return {"real": real_BMF, "latent": latent_BL, **vars(views), **labels}

    def step(self, state: LoopState, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        real_BMF, label_B = batch["real"], batch.get("label")
        views = Views(*(batch[name] for name in Views.__dataclass_fields__))
        with state.autocast():
            fake_BMF = views(self.generator(batch["latent"], label_B))
        scalars = self.train_discriminator(state, real_BMF, fake_BMF.detach(), label_B)
        with state.autocast():
            with torch.no_grad():
                real_B = self.discriminator(real_BMF, label_B)
            fake_B = self.discriminator(fake_BMF, label_B)
        loss = self.loss.generator(real_B, fake_B)
        state.update("generator", loss)
        return {**scalars, "adv/generator": loss}

    def train_discriminator(
        self, state: LoopState, real_BMF: Tensor, fake_BMF: Tensor, label_B: Tensor | None
    ) -> dict[str, Tensor]:
        """Take one step of the discriminator, with penalties where the step's number says so."""
        p = self.params
        penalise = p.r1 + p.r2 > 0 and state.step % p.r1_every == 0
        real_BMF, fake_BMF = (x.detach().requires_grad_(penalise) for x in (real_BMF, fake_BMF))
        with state.autocast():
            real_B, fake_B = self.discriminator(real_BMF, label_B), self.discriminator(fake_BMF, label_B)
        loss = adversarial = self.loss.discriminator(real_B, fake_B)
        if penalise:
            penalties = [(p.r1, real_B, real_BMF), (p.r2, fake_B, fake_BMF)]
            weighted = [gamma * gradient_penalty(logit_B, mel) for gamma, logit_B, mel in penalties if gamma > 0]
            loss = adversarial + p.r1_every / 2 * torch.stack(weighted).sum()
        state.update("discriminator", loss)
        margin = (real_B - fake_B).mean()
        return {"adv/discriminator": adversarial, "adv/margin": margin}


def gradient_penalty(logit_B: Tensor, mel_BMF: Tensor) -> Tensor:
    """Mean over the batch of the squared norm of each logit's gradient by its mel; differentiable itself."""
    (gradient_BMF,) = torch.autograd.grad(logit_B.sum(), mel_BMF, create_graph=True)
    return gradient_BMF.float().square().sum((1, 2)).mean()


def averaged_generator(
    method: GanMethod, weights: dict[str, Tensor], rng: torch.Generator, samples: int = 1024
) -> Generator:
    """Put the averaged weights into the method's generator, with batch statistics of their own."""
    method.generator.load_state_dict(weights)
    latent_NL = torch.randn(samples, method.params.latent, generator=rng).to(method.device)
    label_N = None
    if method.label_N is not None:  # as often as the clips have them, which is how training drew them
        label_N = method.label_N[torch.randint(len(method.label_N), (samples,), generator=rng)].to(method.device)
    set_batch_statistics(method.generator, latent_NL, label_N)
    return method.generator.eval()
