"""Training a translator on clips in which a speaker says a statement in several emotions, laid frame by frame.

What an emotion changes is learned in two parts: timing and melody from what the other clip does at the same sounds, and
the mel from the other clip read at this clip's frames, with the harmonics of that clip's f0 shown. A critic of patches
tells real mels of an emotion from translated ones (Isola et al. 2017, arXiv 1611.07004, sections 3.1 and 3.2.2).

Axes: B clips, E emotions drawn for each, M mel bands, F frames, P patches, G groups (a speaker's clips of a statement).
"""

import math
from typing import Any

import torch
from torch import Tensor

from affekt.core import seeds
from affekt.core.errors import UserError
from affekt.core.params import TranslatorParams
from affekt.corpora.table import EMOTIONS
from affekt.features.harmonics import SEMITONES
from affekt.features.mel import LOG_FLOOR
from affekt.features.parallel import SMOOTH, Parallel
from affekt.models.discriminators import Opinion, match_features
from affekt.models.patch_critic import PatchCritic
from affekt.models.prosody import INTENSITIES
from affekt.models.translator import Translator
from affekt.training import distributed
from affekt.training.adversarial import LOSSES
from affekt.training.augment import interpolate, mask
from affekt.training.loop import LoopState, Method, OptimSpec

CLIP = 5.0  # gradient norm
CRITIC_BETAS = (0.5, 0.9)
QUIET = math.log(LOG_FLOOR)
BEYOND = 2.0  # the place of frames that follow a clip: no place in a clip is as high
VALIDATIONS = 8  # batches of held-out clips that the plateau schedule watches


class Pairs:
    """Draws crops of clips, each with the same words of other clips of its group laid onto its frames."""

    def __init__(self, clips: Parallel, alignment: str, crop_frames: int, targets: int):
        self.clips, self.alignment, self.crop_frames, self.targets = clips, alignment, crop_frames, targets
        device = clips.mel_BFM.device
        self.octave_BF = torch.log2(clips.melody_BF.clamp(min=1.0))
        frame_F = torch.arange(clips.mel_BFM.shape[1], device=device)
        self.onto_BF = torch.where(frame_F < clips.frames_B[:, None], clips.place_BF, BEYOND)
        self.said_GE = torch.zeros(int(clips.group_B.max()) + 1, len(EMOTIONS), dtype=torch.bool)
        self.said_GE[torch.from_numpy(clips.group_B.copy()), torch.from_numpy(clips.emotion_B.copy())] = True
        if int(self.said_GE.sum(1).max()) < 2:
            raise UserError(
                "the translator has nobody to learn from: no speaker says a statement in two emotions; choose a corpus "
                "that has (corpus.name in params.yaml)"
            )

    def __len__(self) -> int:
        return len(self.clips.frames_B)

    def draw(self, source_B: Tensor, rng: torch.Generator) -> dict[str, Tensor]:
        """Draw an intensity, emotions and a window for each clip; see `read` for what comes back beside these two."""
        batch = len(source_B)
        intensity_B = torch.randint(INTENSITIES, (batch,), generator=rng)
        emotion_BE = self.draw_emotions(source_B, rng)
        target_BE = self.choose_targets(source_B, emotion_BE, intensity_B, rng)
        device = self.onto_BF.device
        source_B, target_BE = source_B.to(device), target_BE.to(device)
        spare_B = (self.clips.frames_B[source_B] - self.crop_frames).clamp(min=0)
        start_B = (torch.rand(batch, generator=rng).to(device) * (spare_B + 1)).long().clamp(max=spare_B)
        found = self.read(source_B, target_BE, start_B)
        return found | {"emotion": emotion_BE.to(device), "intensity": intensity_B.to(device)}

    def draw_emotions(self, source_B: Tensor, rng: torch.Generator) -> Tensor:
        """Draw `targets` emotions in which each clip's group is said, its own among them; where few, again."""
        said_BE = self.said_GE[self.clips.group_B[source_B.numpy()]]
        rank_BE = torch.rand(said_BE.shape, generator=rng).masked_fill(~said_BE, -1.0).argsort(1, descending=True)
        return rank_BE.gather(1, torch.arange(self.targets)[None] % said_BE.sum(1, keepdim=True))

    def choose_targets(self, source_B: Tensor, emotion_BE: Tensor, intensity_B: Tensor, rng: torch.Generator) -> Tensor:
        """Choose a clip of each clip's group for each emotion, of the intensity if there is one; (B, E)."""
        pick_BE = torch.rand(emotion_BE.shape, generator=rng)
        rows = zip(source_B.tolist(), emotion_BE.tolist(), intensity_B.tolist(), pick_BE.tolist(), strict=True)
        return torch.tensor(
            [
                [self.clips.choose(source, e, intensity, pick) for e, pick in zip(emotions, picks, strict=True)]
                for source, emotions, intensity, picks in rows
            ]
        )

    def read(self, source_B: Tensor, target_BE: Tensor, start_B: Tensor) -> dict[str, Tensor]:
        """Return windows of clips and what others do at their frames, by name.

        `mel` (B, M, F), `f0` and `frames` of the window; `target` mels (B, E, M, F) and their f0 `wanted` (B, E, F), in
        Hz, where the source is voiced; `stretch`, the log of how much longer the target takes; `semitones` that it is
        higher, and `voiced`, where both are.
        """
        clips, source_B1 = self.clips, source_B[:, None]
        frame_BF = start_B[:, None] + torch.arange(self.crop_frames, device=start_B.device)
        inside_BF = frame_BF < clips.frames_B[source_B1]
        frame_BF = torch.minimum(frame_BF, clips.frames_B[source_B1] - 1)
        mel_BFM = torch.where(inside_BF[..., None], clips.mel_BFM[source_B1, frame_BF], QUIET)
        f0_BF = clips.f0_BF[source_B1, frame_BF] * inside_BF
        time_BEF = self.times(source_B, target_BE, frame_BF)
        target_N, time_NF = target_BE.flatten(), time_BEF.flatten(0, 1)
        target_NFM = interpolate(clips.mel_BFM[target_N], time_NF)
        octave_BEF = interpolate(self.octave_BF[target_N, :, None], time_NF)[..., 0].view_as(time_BEF)
        near_NF = clips.f0_BF[target_N[:, None], time_NF.round().long()]
        voiced_BEF = (f0_BF > 0)[:, None] & (near_NF > 0).view_as(time_BEF)
        inside_BEFM = inside_BF[:, None, :, None]
        target_BEFM = torch.where(inside_BEFM, target_NFM.unflatten(0, target_BE.shape), QUIET)
        return {
            "mel": mel_BFM.transpose(1, 2),
            "f0": f0_BF,
            "frames": inside_BF.sum(1),
            "target": target_BEFM.transpose(2, 3),
            "wanted": torch.exp2(octave_BEF) * (f0_BF > 0)[:, None],
            "stretch": self.stretch(source_B, target_BE, frame_BF),
            "semitones": SEMITONES * (octave_BEF - self.octave_BF[source_B1, frame_BF][:, None]),
            "voiced": voiced_BEF,
        }

    def times(self, source_B: Tensor, target_BE: Tensor, frame_BF: Tensor) -> Tensor:
        """Return the frame of each target that says what these frames of the source say, (B, E, F)."""
        last_BE1 = self.clips.frames_B[target_BE][..., None] - 1
        if self.alignment == "even":
            share_BF = frame_BF / (self.clips.frames_B[source_B] - 1).clamp(min=1)[:, None]
            return share_BF[:, None] * last_BE1
        place_BEF = self.clips.place_BF[source_B[:, None], frame_BF][:, None].expand(-1, target_BE.shape[1], -1)
        onto_BEF = self.onto_BF[target_BE]
        low_BEF = torch.searchsorted(onto_BEF, place_BEF.contiguous(), right=True) - 1
        low_BEF = torch.minimum(low_BEF, (last_BE1 - 1).clamp(min=0))
        before_BEF, after_BEF = onto_BEF.gather(2, low_BEF), onto_BEF.gather(2, low_BEF + 1)
        part_BEF = ((place_BEF - before_BEF) / (after_BEF - before_BEF)).clamp(0, 1)
        return torch.minimum(low_BEF + part_BEF, last_BE1)

    def stretch(self, source_B: Tensor, target_BE: Tensor, frame_BF: Tensor) -> Tensor:
        """Return the log of how many of the target's frames one of the source lasts, over SMOOTH of them; (B, E, F)."""
        last_B1 = self.clips.frames_B[source_B, None] - 1
        low_BF = (frame_BF - SMOOTH // 2).clamp(min=0)
        high_BF = torch.minimum(frame_BF + SMOOTH // 2, last_B1)
        passed_BEF = self.times(source_B, target_BE, high_BF) - self.times(source_B, target_BE, low_BF)
        return torch.log(passed_BEF / (high_BF - low_BF)[:, None])


class TranslatorMethod(Method):
    """Train a `translator`, and a `critic` where the parameters give it a say.

    The critic sees whole mels: SpecAugment's masks hide a part of the clip from the translator, but what it adds is
    added to the clip without masks. The critic's classes are the emotions, each in both intensities.
    `validation`: clips of other speakers, which the plateau schedule watches.
    """

    def __init__(self, params: TranslatorParams, clips: Parallel, seed: int, validation: Parallel | None = None):
        self.params, self.seed = params, seed
        options = (params.alignment, params.crop_frames, params.targets)
        self.pairs = Pairs(clips, *options)
        self.validation = None if validation is None else Pairs(validation, *options)
        device = clips.mel_BFM.device
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.translator = Translator(**config_of(params)).to(device)
            self.modules = {"translator": self.translator}
            if params.critic > 0:
                self.critic = PatchCritic(len(EMOTIONS) * INTENSITIES, params.critic_channels).to(device)
                self.modules["critic"] = self.critic
        self.steps_per_epoch = max(1, len(self.pairs) // params.batch)

    def optimisers(self) -> dict[str, OptimSpec]:
        p = self.params
        specs = {
            "translator": OptimSpec(
                ("translator",), lr=p.lr, weight_decay=p.weight_decay, schedule=p.schedule, clip=CLIP
            )
        }
        if p.critic > 0:
            specs["critic"] = OptimSpec(("critic",), lr=p.critic_lr, betas=CRITIC_BETAS, clip=CLIP)
        return specs

    def batch(self, step: int, rng: torch.Generator) -> dict[str, Tensor]:
        """Draw pairs; `heard` is the mel with parts hidden, if asked."""
        batch = self.pairs.draw(self._choose(step), rng)
        return batch | {"heard": mask(batch["mel"], rng) if self.params.masks else batch["mel"]}

    def step(self, state: LoopState, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        with state.autocast():
            losses = self.plan(batch)
            made_BEMF = self.render(batch)
        losses["mel/l1"] = mel_l1(made_BEMF, batch)
        loss = losses["prosody/stretch"] + losses["prosody/pitch"] / SEMITONES + losses["mel/l1"]
        if self.params.critic > 0:
            opposed_BEMF, scalars = self.oppose(state, made_BEMF.detach(), batch)
            losses |= scalars
            loss = loss + self.params.critic * (made_BEMF * opposed_BEMF).sum()
        state.update("translator", loss)
        return losses

    def plan(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Plan timing and melody of the drawn emotions: the losses, of log stretch and in semitones."""
        planned = self.translator.plan(batch["heard"], batch["f0"], batch["frames"], batch["intensity"])
        rows_B1 = torch.arange(len(batch["mel"]), device=batch["mel"].device)[:, None]
        stretch_BEF, semitones_BEF = (x_BEF[rows_B1, batch["emotion"]] for x_BEF in planned)
        inside_BEF = inside(batch)[:, None].expand_as(stretch_BEF)
        stretch = lengthen_error(stretch_BEF, batch["stretch"])
        pitch = (semitones_BEF - batch["semitones"]).abs()
        return {
            "prosody/stretch": mean_where(inside_BEF, stretch),
            "prosody/pitch": mean_where(batch["voiced"], pitch),
        }

    def render(self, batch: dict[str, Tensor]) -> Tensor:
        """Draw the mels of the drawn emotions (B, E, M, F): what the translator adds to what it heard, on the clip."""
        heard_BMF, mel_BMF = batch["heard"], batch["mel"]
        made_BEMF = self.translator.render(
            heard_BMF, batch["f0"], batch["wanted"], batch["emotion"], batch["intensity"], batch["frames"]
        )
        return made_BEMF + (mel_BMF - heard_BMF)[:, None]

    def oppose(self, state: LoopState, made_BEMF: Tensor, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """Train the critic; return the gradient of the translator's adversarial losses by its mels."""
        made_BEMF = made_BEMF.requires_grad_()
        fake_BEMF = torch.where(inside(batch)[:, None, None], made_BEMF, QUIET)
        class_BE = batch["intensity"][:, None] * len(EMOTIONS) + batch["emotion"]
        source_NMF = batch["mel"].repeat_interleave(class_BE.shape[1], 0)
        with state.autocast():
            fake, real = (
                Opinion(*self.critic(source_NMF, mel_BEMF.flatten(0, 1), class_BE.flatten()))
                for mel_BEMF in (fake_BEMF, batch["target"])
            )
        matched = match_features([fake], [real])
        fooled = LOSSES["hinge"].generator(real.logits, fake.logits)
        (gradient_BEMF,) = torch.autograd.grad(fooled + self.params.matching * matched, made_BEMF, retain_graph=True)
        told = tell_apart(real.logits, fake.logits, self.params.label_smoothing)
        state.update("critic", told)
        return gradient_BEMF, {"adv/translator": fooled, "adv/critic": told, "mel/features": matched}

    @torch.no_grad()
    def validate(self) -> float:
        """Mean L1 of mels of the validation clips, drawn alike each time and unmasked."""
        assert self.validation is not None, "the plateau schedule needs validation clips"
        self.translator.eval()
        rng = seeds.generator(self.seed, "validation")
        losses = []
        for _ in range(VALIDATIONS):
            chosen_B = torch.randint(len(self.validation), (self.params.batch,), generator=rng)
            batch = self.validation.draw(chosen_B, rng)
            losses.append(mel_l1(self.render(batch | {"heard": batch["mel"]}), batch))
        self.translator.train()
        return float(torch.stack(losses).mean())

    def _choose(self, step: int) -> Tensor:
        epoch, place = divmod(step, self.steps_per_epoch)
        shuffled = seeds.generator(self.seed, "epoch", epoch, distributed.rank())
        batch = self.params.batch
        return torch.randperm(len(self.pairs), generator=shuffled)[place * batch : (place + 1) * batch]


def config_of(params: TranslatorParams) -> dict[str, Any]:
    """Return the scalars that rebuild the translator."""
    chosen = {name: getattr(params, name) for name in ("channels", "norm", "residual")}
    return {"emotions": len(EMOTIONS), **chosen}


def lengthen_error(planned: Tensor, wanted: Tensor) -> Tensor:
    """How far planned lengths are from wanted ones, both as logs: 0 where equal, above elsewhere.

    A Bregman divergence of lengths, least where the planned one is the mean of the wanted ones: that of their logs is
    shorter, and with it what is said would be.
    """
    length = wanted.exp()
    return planned.exp() - length * (1 + planned - wanted)


def tell_apart(real_BP: Tensor, fake_BP: Tensor, smoothing: float) -> Tensor:
    """Return the critic's hinge loss, with the labels of real mels smoothed: this share of them counts as fake.

    One-sided, after Salimans et al. 2016 (arXiv 1606.03498, section 3.4).
    """
    turned = (1 + real_BP).relu().mean() - (1 - real_BP).relu().mean()
    return LOSSES["hinge"].discriminator(real_BP, fake_BP) + smoothing * turned


def mel_l1(made_BEMF: Tensor, batch: dict[str, Tensor]) -> Tensor:
    """Mean absolute difference of log mels within the clips, in nepers."""
    inside_BEF = inside(batch)[:, None].expand(-1, made_BEMF.shape[1], -1)
    return mean_where(inside_BEF, (made_BEMF - batch["target"]).abs().mean(2))


def inside(batch: dict[str, Tensor]) -> Tensor:
    """Which frames of the windows lie in their clips, (B, F)."""
    frames = batch["f0"].shape[1]
    return torch.arange(frames, device=batch["f0"].device) < batch["frames"][:, None]


def mean_where(chosen: Tensor, x: Tensor) -> Tensor:
    """Mean of what is chosen, 0 where nothing is; equal shapes."""
    return (x * chosen).sum() / chosen.sum().clamp(min=1)
