"""Climbs that differ in one choice, side by side: what each brings by the judge, and how far it leaves the prior.

Axes: B samples, S snapshots, P points (variant and prior weight).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from affekt.evaluate.maximise import Listened
from affekt.optimise.maximise import Plan


@dataclass(frozen=True)
class Variant:
    """Which recognisers are climbed together, and how many random views a step averages over."""

    name: str
    recognisers: tuple[str, ...]
    views: int


VARIANTS = (
    Variant("plain", ("mel_cnn",), 0),
    Variant("views", ("mel_cnn",), 1),
    Variant("ensemble", ("mel_cnn", "mel_wavenet", "mel_lstm"), 0),
    Variant("ensemble_views", ("mel_cnn", "mel_wavenet", "mel_lstm"), 1),
)


@dataclass(frozen=True)
class Point:
    """One climb and what was made of it."""

    variant: str
    weight: float  # of the prior
    steps: tuple[int, ...]  # (S,) of the snapshots
    heard: Listened
    percentile_SB: np.ndarray  # where the latents' lengths lie among those of random ones

    def curves(self, plan: Plan) -> np.ndarray:
        """Rates of the wanted emotion by who was climbed and by the judge, and the mean percentile, (S, 3)."""
        hits = [beliefs.hits(plan.labels).mean(axis=1) for beliefs in (self.heard.own, self.heard.judge)]
        return np.stack([*hits, self.percentile_SB.mean(axis=1)], axis=1)


def summarise(points: Sequence[Point], plan: Plan) -> dict[str, float]:
    """Rows `tradeoff/<variant>/<weight>/<figure>` at the last snapshot.

    `fooled`: the share of samples that who was climbed names as wanted and the judge does not.
    """
    rows: dict[str, float] = {}
    for point in points:
        own_SB, judge_SB = (beliefs.hits(plan.labels) for beliefs in (point.heard.own, point.heard.judge))
        figures = {
            "own_after": own_SB[-1].mean(),
            "judge_before": judge_SB[0].mean(),
            "judge_after": judge_SB[-1].mean(),
            "fooled": (own_SB[-1] & ~judge_SB[-1]).mean(),
            "prior_percentile": point.percentile_SB[-1].mean(),
        }
        rows |= {f"tradeoff/{point.variant}/{point.weight:g}/{key}": float(value) for key, value in figures.items()}
    return rows
