"""Sections of params.yaml about what makes mels and sound: priors, vocoders, and how they are measured."""

from typing import Annotated, Literal

from pydantic import Field

from affekt.core.section import Count, Fraction, NonNegative, Positive, Section


class GanParams(Section):
    latent: Annotated[int, Field(ge=3, le=4096)]  # with fewer the shell of the prior has no mode to stay near
    channels: Annotated[int, Field(ge=4, le=256)]
    steps: Count
    batch: Annotated[int, Field(ge=2)]
    lr: Positive
    loss: Literal["relativistic", "logistic", "hinge"]
    r1: NonNegative
    r2: NonNegative
    r1_every: Count
    ema: Fraction
    views: bool
    bf16: bool


class CganParams(GanParams):
    condition: Literal["emotion", "emotion_gender"]


class PublishedGanParams(Section):
    channels: Annotated[int, Field(ge=4, le=256)]  # 64 as published
    steps: Count  # of the generator; the discriminator takes five for each
    batch: Annotated[int, Field(ge=2)]
    lr: Positive
    bf16: bool


class VocoderParams(Section):
    channels: Annotated[int, Field(ge=8, le=2048)]
    blocks: Annotated[int, Field(ge=1, le=64)]
    steps: Count
    batch: Count
    segment_frames: Annotated[int, Field(ge=16, le=2000)]
    lr: Positive
    refine: Annotated[int, Field(ge=0, le=64)]
    match: Annotated[int, Field(ge=0, le=64)]
    mel_weight: NonNegative
    adversarial: NonNegative
    warmup: Annotated[float, Field(ge=0, le=1)]
    critic_channels: Annotated[int, Field(ge=2, le=256)]
    critic_lr: Positive
    loss: Literal["hinge", "logistic", "relativistic"]
    ema: Fraction
    bf16: bool


class WaveGlowParams(Section):
    channels: Annotated[int, Field(ge=4, le=1024)]
    layers: Annotated[int, Field(ge=1, le=12)]
    flows: Annotated[int, Field(ge=1, le=12)]  # of 8 channels, four flows each take two
    condition: Annotated[int, Field(ge=4, le=1024)]
    sigma: Annotated[float, Field(ge=0, le=1)]
    steps: Count
    batch: Count
    segment_frames: Annotated[int, Field(ge=16, le=2000)]
    lr: Positive
    bf16: bool


class GenerationParams(Section):
    samples: Annotated[int, Field(ge=16)]


class VocodingParams(Section):
    clips: Count
    griffin_lim_iterations: Count
