"""params.yaml as frozen, typed sections."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from affekt.core.errors import UserError
from affekt.core.params_converting import (
    CodeganParams,
    ConversionParams,
    DisentanglingParams,
    JuryParams,
    SpeechSplitParams,
    TranslatorParams,
    VoiceganParams,
    VoicesParams,
)
from affekt.core.params_editing import ContentFixedParams, InversionParams, MaskParams, TradeoffParams
from affekt.core.params_making import (
    CganParams,
    GanParams,
    GenerationParams,
    PublishedGanParams,
    VocoderParams,
    VocodingParams,
    WaveGlowParams,
)
from affekt.core.problems import describe_problem
from affekt.core.section import Count, Fraction, NonNegative, Positive, Section

Emotion = Literal["neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised"]
Block = Literal["block1", "block2", "block3", "block4", "block5", "block6", "block7", "block8", "block9"]


def check_unique(names: list[Emotion]) -> list[Emotion]:
    """Refuse a list that names something twice."""
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"each may be named once, not {', '.join(twice)} again")
    return names


class ComputeParams(Section):
    device: Literal["auto", "cpu", "cuda"]
    threads: Annotated[int, Field(ge=1, le=256)]


class CorpusParams(Section):
    name: Literal["demo", "ravdess", "tess", "cremad"]


class PrepareParams(Section):
    max_quarantined: Annotated[int, Field(ge=0)]
    trim_db: Annotated[float, Field(gt=0, le=120)]
    trim_margin_s: Annotated[float, Field(ge=0, le=1)]


class DemoParams(Section):
    voices: Annotated[int, Field(ge=8)]
    statements: Count
    repetitions: Count


class FeaturesParams(Section):
    n_mfcc: Annotated[int, Field(ge=2, le=80)]
    f0_min_hz: Annotated[float, Field(ge=30, le=300)]
    f0_max_hz: Annotated[float, Field(ge=301, le=2000)]
    workers: Annotated[int, Field(ge=1, le=256)]


class BaselineParams(Section):
    c: Positive


class TrainingParams(Section):
    """How every recogniser trains; each aid can be switched off, which the stage `ablation` does in turn."""

    batch: Annotated[int, Field(ge=2)]
    lr: Positive
    schedule: Literal["one_cycle", "plateau", "cosine", "constant"]
    weight_decay: NonNegative
    dropout: Fraction
    norm: bool
    residual: bool
    crop_frames: Annotated[int, Field(ge=32, le=2000)]
    label_smoothing: Fraction
    mixup: NonNegative
    masks: bool
    speed: Annotated[float, Field(ge=0, le=0.5)]
    pitch: Annotated[float, Field(ge=0, le=12)]
    noise: Annotated[float, Field(ge=0, le=1)]
    bf16: bool


class JudgeParams(Section):
    channels: Annotated[int, Field(ge=4, le=512)]
    epochs: Count


class NetworkParams(Section):
    """A recogniser's size, and how long it trains."""

    channels: Annotated[int, Field(ge=4, le=512)]
    layers: Annotated[int, Field(ge=1, le=16)]
    epochs: Count
    noise: Annotated[float, Field(ge=0, le=1)] | None = None  # in the place of the section training's


class RecognisersParams(Section):
    """The recognisers that optimisation climbs: three of mels, two of waveforms."""

    mel_cnn: NetworkParams
    mel_wavenet: NetworkParams
    mel_lstm: NetworkParams
    audio_wavenet: NetworkParams
    audio_lstm: NetworkParams


class NetworksParams(RecognisersParams):
    """The recognisers of emotion that are cross-validated."""

    mfcc_cnn: NetworkParams


PLAIN = "mel_cnn"  # of these the prototype's best, which `leakage` and `ablation` train: one thing alone differs there


class BenchmarkParams(Section):
    seeds: Count
    folds: Annotated[int, Field(ge=2, le=6)]  # how many of the corpus' folds are tested
    workers: Annotated[int, Field(ge=1, le=256)]


class LeakageParams(Section):
    folds: Annotated[int, Field(ge=1, le=6)]


class AblationParams(Section):
    seeds: Annotated[int, Field(ge=2, le=32)]
    epochs: Count


class GenderParams(Section):
    channels: Annotated[int, Field(ge=2, le=256)]
    steps: Count
    crop_frames: Annotated[int, Field(ge=32, le=2000)]
    lr: Positive
    speed: Annotated[float, Field(ge=0, le=0.2)]
    folds: Annotated[int, Field(ge=1, le=6)]


class ReadingParams(Section):
    name: Literal["demo_reading", "librispeech"]
    speakers: Annotated[int, Field(ge=12, le=64)]
    utterances: Annotated[int, Field(ge=1, le=64)]


class DreamParams(Section):
    network: Literal["gender_fast", "gender_slow"]
    clips: Count
    seconds: Annotated[float, Field(ge=0.2, le=60)]
    octaves: Annotated[int, Field(ge=1, le=12)]
    ratio: Annotated[float, Field(gt=1, le=4)]
    iterations: Count
    step: Positive
    tile_frames: Annotated[int, Field(ge=32, le=8192)]
    jitter_frames: Annotated[int, Field(ge=0, le=4096)]
    jitter_bins: Annotated[int, Field(ge=0, le=512)]
    grid_layers: Annotated[list[Block], Field(min_length=1)]
    grid_octaves: Annotated[list[Count], Field(min_length=1)]
    grid_steps: Annotated[list[Positive], Field(min_length=1)]


class ContentParams(Section):
    """The recognisers of what is said; the rest of their training is the section `training`'s."""

    channels: Annotated[int, Field(ge=4, le=512)]
    segments: Annotated[int, Field(ge=2, le=64)]
    steps: Count


class MaximiseParams(Section):
    seeds: Annotated[int, Field(ge=2)]  # of one sample there is no spread
    compared: Annotated[int, Field(ge=2)]
    steps: Count
    lr: Positive
    audio_steps: Count
    audio_lr: Positive
    prior_weight: NonNegative
    transforms: Annotated[int, Field(ge=0)]
    # Two at least: success is also measured against the rate where another emotion was wanted.
    emotions: Annotated[list[Emotion], Field(min_length=2), AfterValidator(check_unique)]


class ReportParams(Section):
    examples: Annotated[int, Field(ge=1, le=16)]


class Params(Section):
    """The whole of params.yaml."""

    seed: Annotated[int, Field(ge=0, lt=2**31)]
    compute: ComputeParams
    corpus: CorpusParams
    demo: DemoParams
    prepare: PrepareParams
    features: FeaturesParams
    baseline: BaselineParams
    training: TrainingParams
    recognisers: RecognisersParams
    judge: JudgeParams
    content: ContentParams
    gan: GanParams
    cgan: CganParams
    published_gan: PublishedGanParams
    vocoder: VocoderParams
    waveglow: WaveGlowParams
    networks: NetworksParams
    benchmark: BenchmarkParams
    leakage: LeakageParams
    ablation: AblationParams
    reading: ReadingParams
    gender: GenderParams
    dream: DreamParams
    generation: GenerationParams
    vocoding: VocodingParams
    maximise: MaximiseParams
    tradeoff: TradeoffParams
    mask: MaskParams
    inversion: InversionParams
    content_fixed: ContentFixedParams
    translator: TranslatorParams
    speechsplit: SpeechSplitParams
    codegan: CodeganParams
    voicegan: VoiceganParams
    jury: JuryParams
    conversion: ConversionParams
    disentangling: DisentanglingParams
    voices: VoicesParams
    report: ReportParams


def load_params(path: Path) -> Params:
    """Read and check params.yaml; a UserError names every wrong key, its value and what is allowed."""
    return parse_params(read_yaml(path), path)


def read_yaml(path: Path) -> Any:
    """Read a YAML file as plain data; a broken one is a UserError that names the line."""
    try:
        return YAML(typ="safe").load(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such file; run from the repository's root") from None
    except (YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: is not valid YAML: {' '.join(str(error).split())}") from None


def parse_params(values: Any, path: Path) -> Params:
    """Check values against the schema; `path` is only for the message."""
    if not isinstance(values, dict):
        raise UserError(f"{path}: must hold sections (seed, compute, corpus, …), found {type(values).__name__}")
    try:
        return Params.model_validate(values)
    except ValidationError as error:
        problems = [describe_problem(e, Params) for e in error.errors(include_url=False)]
        raise UserError(f"{path}: " + "; ".join(problems)) from None
