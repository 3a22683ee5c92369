"""Activation maximisation: latents of a mel GAN climb to what recognisers believe of their mel, or of their waveform.

Axes: B samples (every seed of every emotion), L latent, M mel bands, F frames, T samples of a waveform, E classes.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from affekt.core.devices import fast_bf16
from affekt.core.seeds import generator as seeded
from affekt.features.mel import denormalise, log_mel
from affekt.models.vocoder import IstftVocoder
from affekt.optimise.engine import PerSample, Problem, Settings, optimise
from affekt.optimise.networks import prepare
from affekt.optimise.objectives import cross_entropy, target_probability
from affekt.optimise.regularisers import shell
from affekt.optimise.trajectory import Trajectory
from affekt.optimise.transforms import random_view, random_wave_view

# Samples per forward pass, of mels and of waveforms: what fits a CPU's cache, what fills a GPU (40 MB a waveform).
CHUNK = {"cpu": (16, 16), "cuda": (512, 128)}
AUDIO_SNAPSHOTS, AUDIO_CHECKPOINT = 7, 5  # a step of waveforms costs many times one of mels, and a snapshot is vocoded


@dataclass(frozen=True)
class Plan:
    """Which sample is which: all seeds of the first emotion, then of the next."""

    seeds: tuple[int, ...]  # (B,)
    labels: tuple[int, ...]  # (B,) wanted class
    condition: tuple[int, ...] | None = None  # (B,) class that a conditional prior is given

    @classmethod
    def of(cls, seeds: int, labels: Sequence[int]) -> "Plan":
        return cls(tuple(range(seeds)) * len(labels), tuple(label for label in labels for _ in range(seeds)))

    def given(self, classes: Sequence[int], mismatched: bool = False, kinds: int = 1) -> "Plan":
        """The same plan for a conditional prior, which is given each sample's wanted emotion, or another one.

        `classes`: those that the prior has learned; class // kinds is its emotion (kinds is 2 where classes are emotion
        and gender). An emotion's classes take turns over seeds and, where mismatched, so do the plan's other emotions.
        """
        wanted = list(dict.fromkeys(self.labels))
        if mismatched and len(wanted) < 2:
            raise ValueError("a mismatched condition needs two emotions at least")
        learned = {emotion: [c for c in sorted(classes) if c // kinds == emotion] for emotion in wanted}
        condition = []
        for seed, label in zip(self.seeds, self.labels, strict=True):
            step = 1 + seed // kinds % (len(wanted) - 1) if mismatched else 0
            of_emotion = learned[wanted[(wanted.index(label) + step) % len(wanted)]]
            condition.append(of_emotion[seed % len(of_emotion)])
        return Plan(self.seeds, self.labels, tuple(condition))


@dataclass(frozen=True)
class Voice:
    """How a latent is heard: as the generator's mel or, with a vocoder, as the waveform that it speaks."""

    generator: nn.Module
    vocoder: nn.Module | None = None

    def mel(self, latent_BL: Tensor, condition_B: Tensor | None = None) -> Tensor:
        """Raw log mel (B, M, F) in float32 that the generator makes."""
        return generate_mel(self.generator, latent_BL, condition_B)

    def heard(self, latent_BL: Tensor, condition_B: Tensor | None = None) -> Tensor:
        """What recognisers of this domain hear: raw log mel (B, M, F), or waveform (B, T)."""
        return self.speak(self.mel(latent_BL, condition_B))

    def speak(self, mel_BMF: Tensor) -> Tensor:
        """The waveform (B, T) of a mel; without a vocoder the mel as it is."""
        if self.vocoder is None:
            return mel_BMF
        with torch.autocast(mel_BMF.device.type, enabled=False):  # phases and an inverse STFT: half the bits crackle
            return self.vocoder(mel_BMF.float())

    def judged(self, heard: Tensor) -> Tensor:
        """The raw log mel (B, M, F) by which the judge hears the same: of the waveform, where that is the domain."""
        return heard if self.vocoder is None else log_mel(heard)


def generate_mel(generator: nn.Module, latent_BL: Tensor, condition_B: Tensor | None = None) -> Tensor:
    """Raw log mel (B, M, F) in float32 of latents; `condition_B` int64 classes of a conditional generator."""
    given = () if condition_B is None else (condition_B,)
    return denormalise(generator(latent_BL, *given).float())


def start_latents(plan: Plan, latent: int, seed: int) -> Tensor:
    """Standard normal (B, L): equal for equal seeds, whatever the emotion and however many seeds there are."""
    drawn = {i: torch.randn(latent, generator=seeded(seed, "latent", i)) for i in set(plan.seeds)}
    return torch.stack([drawn[i] for i in plan.seeds])


def believed_by_all(recognisers: Sequence[nn.Module]) -> Callable[..., Tensor]:
    """Score by several recognisers: the mean of their log-probabilities (B, E); by one, its logits.

    What is returned takes what a recogniser takes: a sound and, if its clips differ in length, their lengths.

    What fools one of them need not fool the others: against adversarial solutions (Liu et al. 2017, arXiv 1611.02770,
    section 5, turned round).
    """
    if len(recognisers) == 1:
        return recognisers[0]
    return lambda *heard: torch.stack([r(*heard).float().log_softmax(1) for r in recognisers]).mean(0)


def latent_problem(
    voice: Voice,
    recognisers: Sequence[nn.Module],
    prior_weight: float,
    views: bool,
    kept: Mapping[str, tuple[float, PerSample]],
) -> Problem:
    """Wanted: a latent of the prior that all recognisers name as the target, seen from random views if asked.

    `kept` holds further regularisers.
    """
    view = random_view if voice.vocoder is None else random_wave_view
    return Problem(
        path=voice.heard,
        score=believed_by_all(recognisers),
        objective=cross_entropy,
        measure=target_probability,
        regularisers={"prior": (prior_weight, shell), **kept},
        view=view if views else None,
    )


def maximise(
    voice: Voice,
    recognisers: Sequence[nn.Module],
    plan: Plan,
    settings: Settings,
    prior_weight: float,
    device: torch.device,
    work: Path | None = None,
    progress: Callable[[Iterable[int]], Iterable[int]] = iter,
    kept: Mapping[str, tuple[float, PerSample]] | None = None,
) -> Trajectory:
    """Optimise every sample of the plan at once; `settings_for` gives settings that suit the device.

    With `settings.views` 0 recognisers hear the sound as it is. `kept` holds further regularisers by name, with weight.
    """
    latent = int(voice.generator.latent)  # type: ignore[arg-type]
    ready = Voice(
        prepare(voice.generator, device, settings.bf16),
        None if voice.vocoder is None else drafting(prepare(voice.vocoder, device, bf16=False)),
    )
    climbed = [prepare(recogniser, device, settings.bf16) for recogniser in recognisers]
    problem = latent_problem(ready, climbed, prior_weight, settings.views > 0, kept or {})
    start_BL = start_latents(plan, latent, settings.seed).to(device)
    targets_B = torch.tensor(plan.labels, device=device)
    condition_B = None if plan.condition is None else torch.tensor(plan.condition, device=device)
    return optimise(problem, start_BL, targets_B, settings, work, progress, condition_B)


def drafting(vocoder: nn.Module) -> nn.Module:
    """A vocoder for steps: without the last matchings of its mel, which cost as much as all the rest of a step.

    What climbs is then a draft of the sound; who listens to the end hears the whole vocoder.
    """
    if isinstance(vocoder, IstftVocoder):
        vocoder.match = 0
    return vocoder


def settings_for(
    device: torch.device, steps: int, lr: float, views: int, seed: int, in_waveform: bool = False
) -> Settings:
    """Settings with the chunk, precision, snapshots and checkpoints that suit this device and what is heard."""
    chunk = CHUNK[device.type][in_waveform]
    settings = Settings(steps=steps, lr=lr, seed=seed, views=views, chunk=chunk, bf16=fast_bf16(device))
    if not in_waveform:
        return settings
    return replace(settings, snapshots=AUDIO_SNAPSHOTS, checkpoint_every=AUDIO_CHECKPOINT)
