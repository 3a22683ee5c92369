"""Sections of params.yaml about choices of the climb, and about edits of given recordings towards an emotion."""

from typing import Annotated

from pydantic import AfterValidator, Field

from affekt.core.section import Count, NonNegative, Positive, Section

Decibels = Annotated[float, Field(gt=0, le=60, allow_inf_nan=False)]


def check_rising(bounds: list[float]) -> list[float]:
    """Refuse numbers that do not rise: each has its own figures, and the last one is the largest."""
    if bounds != sorted(set(bounds)):
        raise ValueError("each must be larger than the one before")
    return bounds


class TradeoffParams(Section):
    seeds: Annotated[int, Field(ge=2)]
    steps: Count
    prior_weights: Annotated[list[NonNegative], Field(min_length=1), AfterValidator(check_rising)]


class ContentFixedParams(Section):
    seeds: Annotated[int, Field(ge=2)]  # each is compared with another one, too
    steps: Count
    bound: NonNegative
    weight: Positive


class MaskParams(Section):
    clips: Annotated[int, Field(ge=2)]
    rms_db: Annotated[list[Decibels], Field(min_length=1), AfterValidator(check_rising)]
    peak_db: Decibels
    band_cell: Annotated[int, Field(ge=1, le=40)]
    frame_cell: Annotated[int, Field(ge=1, le=256)]
    steps: Count
    lr: Positive
    views: Count
    smoothness: NonNegative
    content_weight: NonNegative
    content_bound: NonNegative


class InversionParams(Section):
    bound: NonNegative
    weight: NonNegative
    candidates: Count
    invert_steps: Count
    invert_lr: Positive
    overlap_frames: Annotated[int, Field(ge=0, le=80)]
    steps: Count
    lr: Positive
    prior_weight: NonNegative
    views: Count
