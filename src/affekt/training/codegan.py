"""How CodeGAN trains: a StarGAN (Choi et al. 2018, arXiv 1711.09020) on codes of melody and timing.

A frozen SpeechSplit encodes all clips once. The critic is Wasserstein's with a gradient penalty, and names the emotion
of real codes; the generator is to be found real and of the wanted emotion, to find the way back, and to leave codes of
the wanted emotion alone. Batches are balanced: a clip's emotion and the wanted one are each as likely as all others.

Axes: B batch, C clips, D numbers of the codes, S steps, N all steps.
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from affekt.core.errors import UserError
from affekt.core.params import CodeganParams
from affekt.corpora.table import EMOTIONS
from affekt.features.crops import silence
from affekt.features.mel import denormalise
from affekt.features.packed import Packed
from affekt.models.codegan import CodeCritic, CodeGenerator
from affekt.models.conversion import Utterance, prosody_of, take_apart, utterance_of
from affekt.models.speechsplit import STEP, SpeechSplit
from affekt.training.loop import LoopState, Method, OptimSpec
from affekt.training.speechsplit import mean_embeddings
from affekt.training.wasserstein import penalty

BETAS = (0.5, 0.9)
FLATTEST = 1e-4  # deviation of a code that says nothing: it is not blown up


@dataclass(frozen=True)
class ProsodyCodes:
    """Codes of melody and timing of clips on the device one after another, and the tables that find them."""

    code_ND: Tensor  # each clip's own steps, and those of silence after one that is shorter than a crop
    offset_C: Tensor  # first step; on the CPU, as is what follows
    steps_C: Tensor  # of the clip and of the silence after it
    own_C: Tensor  # of the clip alone
    emotion_C: np.ndarray  # index of EMOTIONS

    @classmethod
    @torch.no_grad()
    def of(cls, packed: Packed, rows: np.ndarray, split: SpeechSplit, least: int) -> "ProsodyCodes":
        """Encode these rows one by one, in their speaker's neutral voice; each has at least `least` steps.

        The encoders normalise over a clip: beside a longer one a clip would have other codes. A melody is told from the
        register of the voice, and an emotional voice has another one: what is converted is mostly neutral.
        """
        clips = packed.clips.iloc[rows]
        _, voice_C = np.unique(clips["speaker"].to_numpy(str), return_inverse=True)
        speaker_CE = neutral_embeddings(packed.speaker[rows], voice_C, clips["emotion"].to_numpy(str))[voice_C]
        device = next(split.parameters()).device
        codes: list[Tensor] = []
        for row, speaker_E in zip(rows, speaker_CE, strict=True):
            span = packed.span(int(row))
            clip = utterance_of(packed.mel[span], packed.f0[span], speaker_E, device)
            codes.append(prosody_of(take_apart(split, [followed(clip, least * STEP)])[0])[0].T)
        steps = torch.tensor([len(code_SD) for code_SD in codes])
        return cls(
            code_ND=torch.cat(codes),
            offset_C=steps.cumsum(0) - steps,
            steps_C=steps,
            own_C=torch.from_numpy(-(-packed.frames[rows].astype(np.int64) // STEP)),
            emotion_C=clips["emotion"].map(EMOTIONS.index).to_numpy(np.int64),
        )

    def own(self) -> Tensor:
        """Return the steps of all clips without the silence after them, (N, D)."""
        spans = zip(self.offset_C.tolist(), self.own_C.tolist(), strict=True)
        return torch.cat([self.code_ND[start : start + steps] for start, steps in spans])

    def crop(self, clip_B: Tensor, part_B: Tensor, steps: int) -> Tensor:
        """Cut crops of codes; `part_B` in 0 .. 1 says where: (B, D, S)."""
        spare_B = self.steps_C[clip_B] - steps
        start_B = self.offset_C[clip_B] + (part_B * (spare_B + 1)).long()
        index_BS = start_B[:, None] + torch.arange(steps)
        return self.code_ND[index_BS.to(self.code_ND.device)].transpose(1, 2)


class CodeganMethod(Method):
    """Train `generator` and `critic` on the neutral and the strong clips of half a of the speakers."""

    def __init__(self, params: CodeganParams, split: SpeechSplit, packed: Packed, seed: int, device: torch.device):
        self.params, self.device = params, device
        rows = emotional_rows(packed)
        self.codes = ProsodyCodes.of(packed, rows, split, params.crop_steps)
        self.emotions = np.unique(self.codes.emotion_C)
        if len(self.emotions) < 2:
            raise UserError("codegan: half a of the corpus has clips of fewer than two emotions; choose another corpus")
        own_ND = self.codes.own()
        self.config = {"size": own_ND.shape[1], "emotions": len(EMOTIONS), "channels": params.channels}
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.generator = CodeGenerator(**self.config).to(device)
            self.critic = CodeCritic(**self.config).to(device)
        self.generator.mean_D1.copy_(own_ND.mean(0)[:, None])
        self.generator.deviation_D1.copy_(own_ND.std(0).clamp(min=FLATTEST)[:, None])
        self.modules = {"generator": self.generator, "critic": self.critic}

    def optimisers(self) -> dict[str, OptimSpec]:
        return {name: OptimSpec((name,), self.params.lr, BETAS, schedule="cosine") for name in self.modules}

    def batch(self, step: int, rng: torch.Generator) -> dict[str, Tensor]:
        """Draw whitened crops of each emotion alike, other emotions that are wanted of them, and the critic's noise."""
        size, steps = self.params.batch, self.params.crop_steps
        own_B = torch.randint(len(self.emotions), (size,), generator=rng)
        away_B = torch.randint(1, len(self.emotions), (size,), generator=rng)
        where_B2 = torch.rand(size, 2, generator=rng, dtype=torch.float64)
        emotion_B, wanted_B = (torch.from_numpy(self.emotions)[x % len(self.emotions)] for x in (own_B, own_B + away_B))
        clip_B = torch.tensor([self._pick(*drawn) for drawn in zip(emotion_B.tolist(), where_B2[:, 0], strict=True)])
        code_BDS = self.generator.whiten(self.codes.crop(clip_B, where_B2[:, 1], steps))
        noise_3BDS = self.params.noise * torch.randn(3, *code_BDS.shape, generator=rng)
        drawn = {"emotion": emotion_B, "wanted": wanted_B, "mix": torch.rand(size, generator=rng), "noise": noise_3BDS}
        return {"code": code_BDS} | {name: x.to(self.device) for name, x in drawn.items()}

    def step(self, state: LoopState, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        scalars = self.train_critic(state, batch)
        # Its losses are noted of each step.
        updates = (state.step + 1) % self.params.critic_steps == 0
        with torch.set_grad_enabled(updates):
            loss, losses = self.generator_losses(batch)
        if updates:
            state.update("generator", loss)
        return scalars | losses

    def train_critic(self, state: LoopState, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Take one step of the critic."""
        p, (on_real_BDS, on_fake_BDS, _) = self.params, batch["noise"]
        with torch.no_grad():
            fake_BDS = self.generator(batch["code"], batch["wanted"]) + on_fake_BDS
        real_BDS = batch["code"] + on_real_BDS
        real_B, named_BE = self.critic(real_BDS)
        distance = self.critic(fake_BDS)[0].mean() - real_B.mean()
        steepness = penalty(lambda x: self.critic(x)[0], real_BDS, fake_BDS, batch["mix"])
        named = F.cross_entropy(named_BE, batch["emotion"])
        state.update("critic", distance + p.penalty * steepness + p.emotion * named)
        accuracy = (named_BE.argmax(1) == batch["emotion"]).float().mean()
        return {"adv/critic": distance, "adv/penalty": steepness, "code/real_accuracy": accuracy}

    def generator_losses(self, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """Return what the generator goes down, and its parts."""
        p, code_BDS = self.params, batch["code"]
        fake_BDS = self.generator(code_BDS, batch["wanted"])
        real_B, named_BE = self.critic(fake_BDS + batch["noise"][2])
        adversarial, named = -real_B.mean(), F.cross_entropy(named_BE, batch["wanted"])
        cycle = (self.generator(fake_BDS, batch["emotion"]) - code_BDS).abs().mean()
        identity = (self.generator(code_BDS, batch["emotion"]) - code_BDS).abs().mean()
        return adversarial + p.emotion * named + p.cycle * cycle + p.identity * identity, {
            "adv/generator": adversarial,
            "code/emotion": named,
            "code/cycle": cycle,
            "code/identity": identity,
            "code/fake_accuracy": (named_BE.argmax(1) == batch["wanted"]).float().mean(),
        }

    def _pick(self, emotion: int, where: Tensor) -> int:
        clips = np.flatnonzero(self.codes.emotion_C == emotion)
        return int(clips[int(float(where) * len(clips))])


def neutral_embeddings(embedding_CE: np.ndarray, voice_C: np.ndarray, emotion_C: np.ndarray) -> np.ndarray:
    """Return the mean embedding (V, E) of each voice's neutral clips, of all of them where it has no neutral one."""
    neutral_C = emotion_C == "neutral"
    chosen_C = neutral_C | ~np.isin(voice_C, voice_C[neutral_C])
    return mean_embeddings(embedding_CE[chosen_C], voice_C[chosen_C])


def emotional_rows(packed: Packed) -> np.ndarray:
    """Return half a's rows that are strong, or of an emotion that the speaker says the statement in never strongly."""
    own = packed.clips[packed.clips["half"] == "a"]
    strong = own["intensity"] == "strong"
    import pandas as pd

    said = pd.MultiIndex.from_frame(own[["speaker", "statement", "emotion"]])
    chosen = strong.to_numpy() | ~said.isin(said[strong])
    return np.flatnonzero(packed.clips["half"] == "a")[chosen]


def followed(clip: Utterance, frames: int) -> Utterance:
    """Return a clip followed by silence to at least so many frames."""
    spare = max(0, frames - len(clip.f0_F))
    quiet = float(denormalise(torch.tensor(silence())))
    return Utterance(F.pad(clip.mel_MF, (0, spare), value=quiet), F.pad(clip.f0_F, (0, spare)), clip.speaker_E)
