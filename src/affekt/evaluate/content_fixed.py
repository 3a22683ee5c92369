"""How much of what was said is still said after a climb, by a content network that took no part in it.

Axes: B samples, S snapshots.
"""

from collections.abc import Sequence

import numpy as np
import torch

from affekt.models.content import ContentNetwork, pool_statements
from affekt.optimise.content import agreement, drift
from affekt.optimise.maximise import Plan, Voice
from affekt.optimise.trajectory import Trajectory

CHUNK = 64  # samples per forward pass


@torch.no_grad()
def content_kept(
    voice: Voice,
    content: ContentNetwork,
    trajectory: Trajectory,
    plan: Plan,
    emotions: Sequence[str],
    device: torch.device,
) -> dict[str, float]:
    """Rows `<emotion>/<figure>`, and of `all`, of mels at the end against those at the start.

    `drift` in nats a frame, `drift_most` the largest of a sample; `agreement`: share of frames with the part that was
    said before, or its neighbour; `statement_kept`: share of samples that are heard as the statement of the start.
    `scrambled_drift` and `scrambled_agreement` compare starts of different seeds: what content that is not kept has.
    """
    said = [content.log_posteriors(voice.mel(z_BL.to(device))).cpu() for z_BL in trajectory.start.split(CHUNK)]
    now = [content.log_posteriors(voice.mel(z_BL.to(device))).cpu() for z_BL in trajectory.end.split(CHUNK)]
    said_BCF, now_BCF = torch.cat(said), torch.cat(now)
    other_BCF = said_BCF.roll(1, dims=0)
    statements = [pool_statements(x_BCF, content.segments).argmax(1) for x_BCF in (said_BCF, now_BCF)]
    of_each = {
        "drift": drift(said_BCF, now_BCF),
        "agreement": agreement(said_BCF, now_BCF, content.segments),
        "statement_kept": (statements[0] == statements[1]).float(),
        "scrambled_drift": drift(said_BCF, other_BCF),
        "scrambled_agreement": agreement(said_BCF, other_BCF, content.segments),
    }
    labels = np.asarray(plan.labels)
    groups = [(emotions[label], labels == label) for label in sorted(set(labels.tolist()))]
    rows: dict[str, float] = {}
    for name, chosen in [*groups, ("all", np.ones(len(labels), dtype=bool))]:
        rows |= {f"{name}/{key}": float(values.numpy()[chosen].mean()) for key, values in of_each.items()}
        rows[f"{name}/drift_most"] = float(of_each["drift"].numpy()[chosen].max())
    return rows
