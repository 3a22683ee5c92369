"""How VoiceGAN trains: speaker embeddings of a Wasserstein GAN whose critic also names the gender.

As the prototype's (its seed: WGAN-GP, Gulrajani et al. 2017, arXiv 1704.00028; the gender as Odena et al. 2017, arXiv
1610.09585), with its penalty mended: one mix for each pair. A few actors speak most of the clips, hundreds of readers
one or some each: speakers are drawn, then one of their clips, so that voices are spread as speakers are. Both genders
are drawn equally often. The critic learns the gender from real embeddings alone, for it to say what people say.

Axes: B batch, N clips, E numbers of an embedding, L latent, S speakers of a gender.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from affekt.core.errors import UserError
from affekt.core.params_converting import VoiceganParams
from affekt.corpora.table import GENDERS
from affekt.features.labels import labels_of
from affekt.features.packed import Packed
from affekt.models.voicegan import VoiceCritic, VoiceGenerator
from affekt.training.loop import LoopState, Method, OptimSpec
from affekt.training.wasserstein import penalty

BETAS = (0.5, 0.9)  # of Adam, nearly as WGAN-GP has them (0, 0.9)


@dataclass(frozen=True)
class Voices:
    """Embeddings of clips (N, E), and whose they are."""

    embedding_NE: np.ndarray  # unit vectors, float32
    gender_N: np.ndarray  # indices of GENDERS
    speaker_N: np.ndarray  # names

    @classmethod
    def of_half(cls, corpora: Sequence[Packed], half: str) -> "Voices":
        """Take the clips of one half of the speakers of all corpora; a UserError when a gender is missing."""
        packed = Packed.join(corpora)
        rows = np.flatnonzero(packed.clips["half"].to_numpy() == half)
        clips = packed.clips.iloc[rows]
        found = cls(np.array(packed.speaker[rows]), labels_of(clips, "gender"), clips["speaker"].to_numpy(str))
        for index, gender in enumerate(GENDERS):
            if not (found.gender_N == index).any():
                raise UserError(
                    f"half {half} of the corpus and of the readers has no clip of gender `{gender}`, "
                    "and voices need both: choose another `corpus.name` or `reading.name` in params.yaml"
                )
        return found

    @cached_property
    def by_gender(self) -> list[list[np.ndarray]]:
        """For each gender the rows of each of its speakers."""
        return [
            [np.flatnonzero(self.speaker_N == name) for name in np.unique(self.speaker_N[self.gender_N == index])]
            for index in range(len(GENDERS))
        ]

    def draw(self, gender_B: Tensor, rng: torch.Generator) -> Tensor:
        """Draw a row for each wished gender: any of its speakers, then any clip of that one."""
        part_B2 = torch.rand(len(gender_B), 2, generator=rng, dtype=torch.float64).tolist()
        rows = []
        for gender, (of_speakers, of_clips) in zip(gender_B.tolist(), part_B2, strict=True):
            speakers = self.by_gender[gender]
            clips = speakers[int(of_speakers * len(speakers))]
            rows.append(int(clips[int(of_clips * len(clips))]))
        return torch.tensor(rows)


def alternating(count: int) -> Tensor:
    """Return genders (count,), one after the other in turn."""
    return torch.arange(count) % len(GENDERS)


class VoiceganMethod(Method):
    """Train `generator` and `critic` on the embeddings of real voices."""

    def __init__(self, params: VoiceganParams, voices: Voices, seed: int, device: torch.device):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            networks = VoiceGenerator(params.latent, params.width), VoiceCritic(params.width)
        self.generator, self.critic = (network.to(device) for network in networks)
        self.modules = {"generator": self.generator, "critic": self.critic}
        self.params, self.voices, self.device = params, voices, device
        self.embedding_NE = torch.from_numpy(voices.embedding_NE).to(device)

    def optimisers(self) -> dict[str, OptimSpec]:
        return {name: OptimSpec((name,), self.params.lr, BETAS) for name in self.modules}

    def batch(self, step: int, rng: torch.Generator) -> dict[str, Tensor]:
        """Draw real embeddings, both genders in turn, latents for fakes of these genders, and where to penalise."""
        size = self.params.batch
        gender_B = alternating(size)
        drawn = {
            "gender": gender_B,
            "row": self.voices.draw(gender_B, rng),
            "latent": torch.randn(size, self.params.latent, generator=rng),
            "mix": torch.rand(size, generator=rng),
        }
        batch = {name: value.to(self.device) for name, value in drawn.items()}
        return batch | {"real": self.embedding_NE[batch["row"]]}

    def step(self, state: LoopState, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        gender_B, turn = batch["gender"], (state.step + 1) % self.params.critic_steps == 0
        with torch.set_grad_enabled(turn):
            fake_BE = self.generator(batch["latent"], gender_B)
        scalars = self.train_critic(state, batch, fake_BE.detach())
        with torch.set_grad_enabled(turn):  # what is noted has the same names at each step
            score_B, named_BG = self.critic(fake_BE)
            fooled, gender = -score_B.mean(), F.cross_entropy(named_BG, gender_B)
        if turn:
            state.update("generator", fooled + self.params.gender * gender)
        return scalars | {
            "adv/generator": fooled.detach(),
            "voice/gender": gender.detach(),
            "voice/fake_accuracy": accuracy(named_BG, gender_B),
        }

    def train_critic(self, state: LoopState, batch: dict[str, Tensor], fake_BE: Tensor) -> dict[str, Tensor]:
        """Take a step of the critic; `adv/critic` is the negative of its estimate of the distance."""
        real_BE, gender_B = batch["real"], batch["gender"]
        real_B, named_BG = self.critic(real_BE)
        distance = self.critic(fake_BE)[0].mean() - real_B.mean()
        steepness = penalty(lambda speaker_BE: self.critic(speaker_BE)[0], real_BE, fake_BE, batch["mix"])
        gender = F.cross_entropy(named_BG, gender_B)
        state.update("critic", distance + self.params.penalty * steepness + self.params.gender * gender)
        return {
            "adv/critic": distance.detach(),
            "adv/penalty": steepness.detach(),
            "voice/real_accuracy": accuracy(named_BG, gender_B),
        }


def accuracy(named_BG: Tensor, gender_B: Tensor) -> Tensor:
    """Share of voices whose gender is named rightly."""
    return (named_BG.argmax(1) == gender_B).float().mean()
