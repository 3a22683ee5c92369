"""How much of what was said is still said after a climb, by a content network that took no part in it.

Axes: B samples, S snapshots.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from affekt.evaluate.proportions import sign_test
from affekt.models.content import ContentNetwork, pool_statements
from affekt.optimise.content import agreement, drift
from affekt.optimise.maximise import Plan, Voice
from affekt.optimise.trajectory import Trajectory

CHUNK = 64  # samples per forward pass


@torch.no_grad()
def content_kept(
    voice: Voice, content: ContentNetwork, trajectory: Trajectory, plan: Plan, device: torch.device
) -> dict[str, np.ndarray]:
    """Figures (B,) of each sample's mel at the end against that at the start.

    `drift` in nats a frame; `agreement`: share of frames with the part that was said before, or its neighbour;
    `statement_kept`: whether the same statement is heard. `scrambled_*` compare starts of different seeds: what content
    that is not kept has.
    """
    said, now = ([content.log_posteriors(voice.mel(z_BL.to(device))).cpu() for z_BL in latents.split(CHUNK)]
                 for latents in (trajectory.start, trajectory.end))  # fmt: skip
    said_BCF, now_BCF = torch.cat(said), torch.cat(now)
    seeds = len(set(plan.seeds))
    at_B = torch.arange(len(plan.seeds))
    other_BCF = said_BCF[at_B - at_B % seeds + (at_B + 1) % seeds]  # of the same emotion's next seed
    found: dict[str, np.ndarray] = {}
    for ending, heard_BCF in (("", now_BCF), ("scrambled_", other_BCF)):
        first, second = (pool_statements(x_BCF, content.segments).argmax(1) for x_BCF in (said_BCF, heard_BCF))
        figures = {
            "drift": drift(said_BCF, heard_BCF),
            "agreement": agreement(said_BCF, heard_BCF, content.segments),
            "statement_kept": (first == second).float(),
        }
        found |= {f"{ending}{key}": values.numpy() for key, values in figures.items()}
    return found


def summarise_content(kept: Mapping[str, np.ndarray], plan: Plan, emotions: Sequence[str]) -> dict[str, float]:
    """Rows `<emotion>/<figure>`, and of `all`: means over samples; `drift_most` the largest drift of a sample."""
    labels = np.asarray(plan.labels)
    groups = [(emotions[label], labels == label) for label in sorted(set(labels.tolist()))]
    rows: dict[str, float] = {}
    for name, chosen in [*groups, ("all", np.ones(len(labels), dtype=bool))]:
        rows |= {f"{name}/{key}": float(values[chosen].mean()) for key, values in kept.items()}
        rows[f"{name}/drift_most"] = float(kept["drift"][chosen].max())
    return rows


def less_drift(free_B: np.ndarray, held_B: np.ndarray, plan: Plan) -> float:
    """Two-sided p of a sign test over seeds, each with the sum over emotions: whether one climb drifts less."""
    gains = np.bincount(np.asarray(plan.seeds), weights=free_B - held_B)
    return sign_test(int((gains > 0).sum()), int((gains < 0).sum()))
