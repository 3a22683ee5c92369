"""How the vocoder trains: random segments of packed audio, analysed and resynthesised.

First on spectral losses alone, then also against discriminators (models/discriminators.py), as HiFi-GAN
(arXiv 2010.05646) and Vocos (arXiv 2306.00814): the adversarial losses and feature matching are added. Both sides step
from the same discriminators, so that these hear each sound once.

Axes: B batch, M mel bands, K frequency bins, F frames, T samples.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from affekt.core.errors import UserError
from affekt.core.params import VocoderParams
from affekt.features.mel import HOP_LENGTH, N_FFT, WIN_LENGTH, log_mel
from affekt.features.phase import inverse, scaled
from affekt.features.stft import magnitude, window_of
from affekt.models.discriminators import Discriminators, match_features
from affekt.models.vocoder import IstftVocoder
from affekt.training.adversarial import LOSSES
from affekt.training.loop import LoopState, Method, OptimSpec
from affekt.training.losses import log_magnitude_l1, mel_l1, multi_resolution_stft, spectral_convergence
from affekt.training.segments import PackedAudio, Segments

BETAS = (0.8, 0.99)  # of vocoders since HiFi-GAN (arXiv 2010.05646, section 3)
WEIGHT_DECAY = 0.01
CLIP = 1.0
GAIN_DB = 6.0  # a segment's level is moved by up to this much: recordings of others are not levelled as the corpus
FEATURE_WEIGHT = 2.0  # of feature matching beside the adversarial loss, as in HiFi-GAN


class VocoderMethod(Method):
    """Train `vocoder`, and `discriminators` where the parameters ask for them, on segments of the given corpora."""

    def __init__(self, params: VocoderParams, corpora: Sequence[PackedAudio], seed: int, device: torch.device):
        self.segments = Segments(corpora)
        if len(self.segments) == 0:
            raise UserError("the vocoder has no clip to train on: check the splits of the corpus")
        self.params, self.device = params, device
        self.begin = first_adversarial(params)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            vocoder = IstftVocoder(params.channels, params.blocks, refine=params.refine, match=params.match)
            self.vocoder = vocoder.to(device)
            self.modules = {"vocoder": self.vocoder}
            if self.begin < params.steps:
                self.discriminators = Discriminators(params.critic_channels).to(device)
                self.modules["discriminators"] = self.discriminators
        self.loss = LOSSES[params.loss]
        self.samples = (params.segment_frames - 1) * HOP_LENGTH

    def optimisers(self) -> dict[str, OptimSpec]:
        return {
            name: OptimSpec(
                modules=(name,),
                lr=self.params.lr if name == "vocoder" else self.params.critic_lr,
                betas=BETAS,
                weight_decay=WEIGHT_DECAY,
                schedule="one_cycle",
                clip=CLIP,
            )
            for name in self.modules
        }

    def batch(self, step: int, rng: torch.Generator) -> dict[str, Tensor]:
        """Draw segments and move their levels."""
        waveform_BT = self.segments.draw(self.params.batch, self.samples, rng)
        gain_B1 = 10 ** ((2 * torch.rand(len(waveform_BT), 1, generator=rng) - 1) * GAIN_DB / 20)
        return {"waveform": (waveform_BT * gain_B1).to(self.device)}

    def step(self, state: LoopState, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        target_BT = batch["waveform"]
        waveform_BT, losses = self.resynthesise(state, target_BT)
        loss = torch.stack(list(losses.values())).sum()
        if state.step >= self.begin:
            opposed, scalars = self.oppose(state, waveform_BT.detach(), target_BT)
            losses |= scalars
            loss = loss + self.params.adversarial * (waveform_BT * opposed).sum()
        state.update("vocoder", loss)
        return losses

    def resynthesise(self, state: LoopState, target_BT: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Speak the target's mel; return the waveform and its spectral losses."""
        window = window_of(WIN_LENGTH, self.device)
        target_BKF = magnitude(target_BT, N_FFT, HOP_LENGTH, window)
        mel_BMF = log_mel(target_BT)
        with state.autocast():
            magnitude_BKF, rotation_BKF = self.vocoder.predict(mel_BMF)
        phase_BKF = self.vocoder.draft_phase(magnitude_BKF, rotation_BKF)
        # The draft teaches the rotation what the refinement hides.
        draft_BT = inverse(scaled(phase_BKF, magnitude_BKF.detach()), window, HOP_LENGTH, self.samples)
        waveform_BT = self.vocoder.speak(magnitude_BKF, phase_BKF, mel_BMF)
        draft_convergence, draft_log_l1 = multi_resolution_stft(draft_BT, target_BT)
        convergence, log_l1 = multi_resolution_stft(waveform_BT, target_BT)
        return waveform_BT, {
            "draft/convergence": draft_convergence,
            "draft/log_l1": draft_log_l1,
            "magnitude/convergence": spectral_convergence(magnitude_BKF, target_BKF),
            "magnitude/log_l1": log_magnitude_l1(magnitude_BKF, target_BKF),
            "stft/convergence": convergence,
            "stft/log_l1": log_l1,
            "mel/l1": self.params.mel_weight * mel_l1(waveform_BT, target_BT),
        }

    def oppose(self, state: LoopState, fake_BT: Tensor, real_BT: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Train the discriminators; return the gradient of the generator's adversarial losses by its waveform."""
        fake_BT = fake_BT.requires_grad_()
        # In float32: the backward pass of narrow bfloat16 convolutions took ten times as long on two threads as on one.
        fakes, reals = self.discriminators(fake_BT), self.discriminators(real_BT)
        pairs = [(real.logits, fake.logits) for real, fake in zip(reals, fakes, strict=True)]
        fooled = torch.stack([self.loss.generator(real.detach(), fake) for real, fake in pairs]).mean()
        matched = match_features(fakes, reals)
        (gradient_BT,) = torch.autograd.grad(fooled + FEATURE_WEIGHT * matched, fake_BT, retain_graph=True)
        told = torch.stack([self.loss.discriminator(real, fake) for real, fake in pairs]).mean()
        state.update("discriminators", told)
        return gradient_BT, {"adv/discriminators": told, "adv/vocoder": fooled, "adv/features": matched}


def first_adversarial(params: VocoderParams) -> int:
    """The step at which the discriminators come in; that after the last where they never do."""
    return round(params.warmup * params.steps) if params.adversarial > 0 else params.steps
