"""params.yaml as frozen, typed sections."""

import difflib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from affekt.core.errors import UserError

Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Fraction = Annotated[float, Field(ge=0, lt=1)]
Emotion = Literal["neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised"]


def check_unique(names: list[Emotion]) -> list[Emotion]:
    """Refuse a list that names something twice."""
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"each may be named once, not {', '.join(twice)} again")
    return names


class Section(BaseModel):
    """A section of params.yaml: unknown keys, wrong types and impossible values are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class ComputeParams(Section):
    device: Literal["auto", "cpu", "cuda"]
    threads: Annotated[int, Field(ge=1, le=256)]


class CorpusParams(Section):
    name: Literal["demo", "ravdess"]


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


class RecogniserParams(Section):
    channels: Annotated[int, Field(ge=4, le=512)]
    epochs: Count
    batch: Annotated[int, Field(ge=2)]
    lr: Positive
    weight_decay: NonNegative
    dropout: Fraction
    crop_frames: Annotated[int, Field(ge=32, le=2000)]
    label_smoothing: Fraction
    mixup: NonNegative
    bf16: bool


class JudgeParams(RecogniserParams):
    pass


class GanParams(Section):
    latent: Annotated[int, Field(ge=3, le=4096)]  # with fewer the shell of the prior has no mode to stay near
    channels: Annotated[int, Field(ge=4, le=256)]
    steps: Count
    batch: Annotated[int, Field(ge=2)]
    lr: Positive
    r1: NonNegative
    r1_every: Count
    ema: Fraction
    bf16: bool


class VocoderParams(Section):
    channels: Annotated[int, Field(ge=8, le=2048)]
    blocks: Annotated[int, Field(ge=1, le=64)]
    steps: Count
    batch: Count
    segment_frames: Annotated[int, Field(ge=16, le=2000)]
    lr: Positive


class GenerationParams(Section):
    samples: Annotated[int, Field(ge=16)]


class VocodingParams(Section):
    clips: Count
    griffin_lim_iterations: Count


class MaximiseParams(Section):
    seeds: Count
    steps: Count
    lr: Positive
    prior_weight: NonNegative
    transforms: Count
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
    recogniser: RecogniserParams
    judge: JudgeParams
    gan: GanParams
    vocoder: VocoderParams
    generation: GenerationParams
    vocoding: VocodingParams
    maximise: MaximiseParams
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
        problems = [describe_problem(e, values) for e in error.errors(include_url=False)]
        raise UserError(f"{path}: " + "; ".join(problems)) from None


def describe_problem(error: Any, values: Any) -> str:
    """Say in one line which key is wrong, what it holds and what is allowed."""
    key = ".".join(map(str, error["loc"]))
    if error["type"] == "extra_forbidden":
        near = difflib.get_close_matches(str(error["loc"][-1]), known_keys(error["loc"][:-1]), n=1)
        hint = f"; did you mean `{near[0]}`?" if near else f"; known are {', '.join(known_keys(error['loc'][:-1]))}"
        return f"{key}: unknown key{hint}"
    if error["type"] == "missing":
        return f"{key}: is missing; add it (see the committed params.yaml)"
    message = error["msg"].removeprefix("Value error, ")
    allowed = message[0].lower() + message[1:]
    return f"{key}: got {error['input']!r}; {allowed}"


def known_keys(location: tuple[int | str, ...]) -> list[str]:
    """List the keys that the schema has at a place."""
    model: Any = Params
    for part in location:
        model = model.model_fields[part].annotation
    return list(model.model_fields)
