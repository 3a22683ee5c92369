"""Sections of params.yaml about what changes a voice: translation, disentangling, codes, voices, and their measures."""

from typing import Annotated, Literal

from pydantic import Field

from affekt.core.section import Count, Fraction, NonNegative, Positive, Section

EighthFrames = Annotated[int, Field(ge=32, le=2000, multiple_of=8)]  # codes have a step for eight frames
CodeSize = Annotated[int, Field(ge=1, le=64)]


class TranslatorParams(Section):
    channels: Annotated[int, Field(ge=4, le=256)]
    steps: Count
    batch: Annotated[int, Field(ge=2)]
    lr: Positive
    schedule: Literal["one_cycle", "cosine", "constant", "plateau"]
    weight_decay: NonNegative
    norm: bool
    residual: bool
    crop_frames: EighthFrames
    targets: Annotated[int, Field(ge=1, le=8)]  # emotions of each clip that a step draws
    alignment: Literal["dtw", "even"]
    critic: NonNegative  # weight of the patch critic's say; 0: none
    critic_channels: Annotated[int, Field(ge=4, le=256)]
    critic_lr: Positive
    matching: NonNegative  # weight of the critic's features
    label_smoothing: Fraction  # of the critic's labels
    masks: bool
    bf16: bool


class SpeechSplitParams(Section):
    channels: Annotated[int, Field(ge=16, le=1024, multiple_of=16)]  # in groups of eight, halved in two encoders
    content: CodeSize
    pitch: CodeSize
    rhythm: CodeSize
    decoder: Annotated[int, Field(ge=16, le=2048, multiple_of=4)]
    steps: Count
    batch: Annotated[int, Field(ge=2)]
    lr: Positive
    crop_frames: EighthFrames
    voice: Fraction  # the content's encoder hears voices scaled in frequency by up to this share
    bf16: bool


class CodeganParams(Section):
    channels: Annotated[int, Field(ge=8, le=1024)]
    steps: Count
    critic_steps: Count  # of the critic for one of the generator
    batch: Annotated[int, Field(ge=2)]
    lr: Positive
    crop_steps: Annotated[int, Field(ge=4, le=250)]  # of the codes
    penalty: NonNegative
    emotion: NonNegative
    cycle: NonNegative
    identity: NonNegative
    noise: NonNegative


class VoiceganParams(Section):
    latent: Annotated[int, Field(ge=2, le=1024)]
    width: Annotated[int, Field(ge=8, le=4096)]
    steps: Count  # of the critic
    critic_steps: Count
    batch: Annotated[int, Field(ge=2)]
    lr: Positive
    penalty: NonNegative
    gender: NonNegative


class JuryParams(Section):
    channels: Annotated[int, Field(ge=4, le=256)]
    epochs: Count


class ConversionParams(Section):
    sources: Count  # neutral clips of each speaker and statement that are converted
    speakers: Annotated[int, Field(ge=1)]  # of half b, at most
    strength: Annotated[float, Field(ge=0, le=3, allow_inf_nan=False)]
    steps: Count  # of the optimisation of codes
    lr: Positive
    prior_weight: NonNegative
    views: Count


class DisentanglingParams(Section):
    pairs: Annotated[int, Field(ge=2)]


class VoicesParams(Section):
    samples: Annotated[int, Field(ge=4)]  # embeddings that are drawn, half of them of each gender
    decoded: Annotated[int, Field(ge=2)]  # of these, voices in which a recording is spoken
    flatten: Annotated[float, Field(ge=0, le=1)]  # of the melody's movement that "fake neutral" leaves
