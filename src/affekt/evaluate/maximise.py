"""Did optimised latents convince the judge, which they were never optimised for, and do they still lie in the prior?

Nothing here has a gradient. Axes: B samples, S snapshots, L latent, E emotions, D features of the judge.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from affekt.core.errors import UserError
from affekt.corpora.table import EMOTIONS
from affekt.evaluate.generation import frechet_distance
from affekt.evaluate.proportions import above_chance, holm, mcnemar, sign_test
from affekt.optimise.maximise import Plan, Voice, believed_by_all
from affekt.optimise.trajectory import Trajectory

CHUNK = 64  # samples per forward pass
LEAST_CLIPS = 4  # of an emotion: two halves of two, whose spread can be told

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Beliefs:
    """Probabilities of one classifier at every snapshot (S, B, E)."""

    probability: np.ndarray  # (S, B, E)

    def wanted(self, labels: Sequence[int]) -> np.ndarray:
        """Probability of each sample's wanted emotion (S, B)."""
        return self.probability[:, np.arange(len(labels)), list(labels)]

    def hits(self, labels: Sequence[int]) -> np.ndarray:
        """Whether each sample is named as wanted (S, B)."""
        return self.probability.argmax(axis=2) == np.asarray(labels)


@dataclass(frozen=True)
class Listened:
    """What the climbed recognisers and the judge make of a trajectory; the judge's features of its two ends."""

    own: Beliefs
    judge: Beliefs
    before_BD: Tensor  # float64
    after_BD: Tensor


@torch.no_grad()
def listen(
    voice: Voice,
    recognisers: Sequence[nn.Module],
    judge: nn.Module,
    trajectory: Trajectory,
    plan: Plan,
    device: torch.device,
) -> Listened:
    """Ask the recognisers together, and the judge, in evaluation mode and float32, about every snapshot."""
    own = believed_by_all(recognisers)
    snapshots, samples = trajectory.snapshots.shape[:2]
    condition_B = None if plan.condition is None else torch.tensor(plan.condition)
    found: dict[str, list[np.ndarray]] = {"own": [], "judge": []}
    features: list[Tensor] = []
    for place in range(snapshots):
        for chosen in torch.arange(samples).split(CHUNK):
            given = None if condition_B is None else condition_B[chosen].to(device)
            heard = voice.heard(trajectory.snapshots[place, chosen].to(device), given)
            judged_BMF = voice.judged(heard)
            for name, logits_BE in (("own", own(heard)), ("judge", judge(judged_BMF))):
                found[name].append(logits_BE.float().softmax(dim=1).cpu().numpy())
            if place in (0, snapshots - 1):
                features.append(judge.embed(judged_BMF, None).double().cpu())  # type: ignore[operator]
    beliefs = {name: Beliefs(np.concatenate(rows).reshape(snapshots, samples, -1)) for name, rows in found.items()}
    before_BD, after_BD = torch.cat(features).split(samples)
    return Listened(beliefs["own"], beliefs["judge"], before_BD, after_BD)


def summarise_features(
    listened: Listened, plan: Plan, real: Mapping[int, Tensor], emotions: Sequence[str], prefix: str
) -> dict[str, float]:
    """Rows `<prefix>/<emotion>/<figure>`: Frechet distance to real speech of that emotion, and diversity.

    `real`: the judge's features (K, D) of real windows by emotion. `frechet_floor` is the distance of one half of these
    to as many of the other as there are samples, where there are so many. `diversity` is the mean distance of two
    samples in the judge's feature space, `diversity_real` that of two real windows. A Frechet distance grows as samples
    get fewer: those of other numbers of samples cannot be compared.
    """
    labels = np.asarray(plan.labels)
    rows: dict[str, float] = {}
    for name, chosen in _groups(labels, emotions):
        wanted = sorted(set(labels[chosen].tolist()))
        real_KD = torch.cat([real[label] for label in wanted])
        half_KD, others_KD = real_KD[::2], real_KD[1::2]
        few = torch.linspace(0, len(others_KD) - 1, min(int(chosen.sum()), len(others_KD))).long()  # of all emotions
        row = {"diversity_real": spread(real_KD), "frechet_floor": frechet_distance(half_KD, others_KD[few])}
        for when, features_BD in (("before", listened.before_BD), ("after", listened.after_BD)):
            here_BD = features_BD[torch.from_numpy(chosen)]
            row |= {f"frechet_{when}": frechet_distance(real_KD, here_BD), f"diversity_{when}": spread(here_BD)}
        rows |= {f"{prefix}/{name}/{key}": value for key, value in row.items()}
    return rows


def spread(features_ND: Tensor) -> float:
    """Mean Euclidean distance between two samples of a set (N, D)."""
    return float(torch.pdist(features_ND).mean())


def check_emotions(wanted: Sequence[str], clips: "pd.DataFrame") -> None:
    """Raise UserError for an emotion that too few clips of half a have: no network has learned it, nothing is real."""
    counts = clips.loc[clips["half"] == "a", "emotion"].value_counts()
    there = [emotion for emotion in EMOTIONS if counts.get(emotion, 0) >= LEAST_CLIPS]
    if lacking := [emotion for emotion in wanted if emotion not in there]:
        raise UserError(
            f"maximise.emotions: {counts.get(lacking[0], 0)} clips of the half that networks learn from are "
            f"{lacking[0]}, fewer than {LEAST_CLIPS}; choose of {', '.join(there)} in params.yaml"
        )


def summarise(
    trajectory: Trajectory, plan: Plan, own: Beliefs, judge: Beliefs, emotions: Sequence[str], prefix: str,
    chance: float,
) -> dict[str, float]:  # fmt: skip
    """Flat rows `<prefix>/<emotion>/<figure>` for each emotion of the plan and `all`.

    p_value: two-sided, of the judge's rate before and after; per emotion McNemar's exact test over its seeds. In
    `all` a seed occurs once per emotion, so it counts as one: sign test over seeds of their sums of hits.
    p_holm: the same, adjusted for the number of emotions.
    p_chance: one-sided, of the judge's rate after against `chance`, one in the number of the corpus's emotions; not in
    `all`, whose samples are not independent.
    judge_elsewhere: how often the judge names this emotion where another one was wanted. A climb that makes
    everything sound alike raises this rate as much as judge_after.
    """
    labels = np.asarray(plan.labels)
    own_SB, judge_SB = own.hits(plan.labels), judge.hits(plan.labels)
    prior = _prior_rows(trajectory)
    rows: dict[str, float] = {}
    for name, chosen in _groups(labels, emotions):
        before, after = judge_SB[0, chosen], judge_SB[-1, chosen]
        row = {
            "own_before": own_SB[0, chosen].mean(),
            "own_after": own_SB[-1, chosen].mean(),
            "judge_before": before.mean(),
            "judge_after": after.mean(),
            "p_value": mcnemar(before, after) if name != "all" else _seed_test(plan, judge_SB),
            **{key: values[chosen].mean() for key, values in prior.items()},
        }
        if name != "all":
            row |= _against_chance(after, chance, judge, chosen, emotions.index(name))
        rows |= {f"{prefix}/{name}/{key}": float(value) for key, value in row.items()}
    names = [name for name, _ in _groups(labels, emotions) if name != "all"]
    adjusted = holm([rows[f"{prefix}/{name}/p_value"] for name in names])
    return rows | {f"{prefix}/{name}/p_holm": p for name, p in zip(names, adjusted, strict=True)}


def _against_chance(
    after: np.ndarray, chance: float, judge: Beliefs, chosen: np.ndarray, label: int
) -> dict[str, float]:
    row = {"p_chance": above_chance(int(after.sum()), len(after), chance)}
    if not chosen.all():
        row["judge_elsewhere"] = float((judge.probability[-1].argmax(axis=1)[~chosen] == label).mean())
    return row


def _groups(labels: np.ndarray, emotions: Sequence[str]) -> list[tuple[str, np.ndarray]]:
    wanted = [(emotions[label], labels == label) for label in sorted(set(labels.tolist()))]
    return [*wanted, ("all", np.ones(len(labels), dtype=bool))]


def _seed_test(plan: Plan, hits_SB: np.ndarray) -> float:
    seeds = np.asarray(plan.seeds)
    gain = hits_SB[-1].astype(int) - hits_SB[0].astype(int)
    gains = np.bincount(seeds, weights=gain)
    return sign_test(int((gains > 0).sum()), int((gains < 0).sum()))


def prior_percentiles(latent_BL: Tensor) -> np.ndarray:
    """Where the lengths of latents lie among those of standard normal ones, in percent (B,)."""
    from scipy.stats import chi

    flat_BL = latent_BL.flatten(1).double()
    return 100 * chi.cdf(flat_BL.norm(dim=1).numpy(), flat_BL.shape[1])


def _prior_rows(trajectory: Trajectory) -> dict[str, np.ndarray]:
    """Distance from the prior per sample: the norm's percentile before and after, and the angle to the start."""
    start_BL, end_BL = trajectory.start.flatten(1), trajectory.end.flatten(1)
    return {
        "prior_percentile_before": prior_percentiles(start_BL),
        "prior_percentile": prior_percentiles(end_BL),
        "start_cosine": torch.nn.functional.cosine_similarity(start_BL, end_BL, dim=1).numpy(),
    }
