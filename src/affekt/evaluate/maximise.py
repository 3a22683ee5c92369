"""Did optimised latents convince the judge, which they were never optimised for, and do they still lie in the prior?

Nothing here has a gradient. Axes: B samples, S snapshots, L latent, E emotions.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from affekt.evaluate.proportions import above_chance, holm, mcnemar, sign_test
from affekt.evaluate.recognition import confusion_matrix
from affekt.optimise.maximise import Plan, generate_mel
from affekt.optimise.trajectory import Trajectory

CHUNK = 64  # samples per forward pass


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


@torch.no_grad()
def believe(
    generator: nn.Module, classifiers: Sequence[nn.Module], snapshots_SBL: Tensor, device: torch.device
) -> list[Beliefs]:
    """Ask each classifier, in evaluation mode and float32, about every snapshot."""
    snapshots, samples = snapshots_SBL.shape[:2]
    found: list[list[np.ndarray]] = [[] for _ in classifiers]
    for latent_BL in snapshots_SBL.flatten(0, 1).split(CHUNK):
        mel_BMF = generate_mel(generator, latent_BL.to(device))
        for classifier, parts in zip(classifiers, found, strict=True):
            parts.append(classifier(mel_BMF).float().softmax(dim=1).cpu().numpy())
    return [Beliefs(np.concatenate(parts).reshape(snapshots, samples, -1)) for parts in found]


def summarise(
    trajectory: Trajectory, plan: Plan, own: Beliefs, judge: Beliefs, emotions: Sequence[str], prefix: str
) -> dict[str, float]:
    """Flat rows `<prefix>/<emotion>/<figure>` for each emotion of the plan and `all`.

    p_value: two-sided, of the judge's rate before and after; per emotion McNemar's exact test over its seeds. In
    `all` a seed occurs once per emotion, so it counts as one: sign test over seeds of their sums of hits.
    p_holm: the same, adjusted for the number of emotions.
    p_chance: one-sided, of the judge's rate after against one in len(emotions); not in `all`, whose samples are not
    independent.
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
            row |= _against_chance(after, emotions, judge, chosen, emotions.index(name))
        rows |= {f"{prefix}/{name}/{key}": float(value) for key, value in row.items()}
    names = [name for name, _ in _groups(labels, emotions) if name != "all"]
    adjusted = holm([rows[f"{prefix}/{name}/p_value"] for name in names])
    return rows | {f"{prefix}/{name}/p_holm": p for name, p in zip(names, adjusted, strict=True)}


def confusion(beliefs: Beliefs, plan: Plan, emotions: Sequence[str]) -> np.ndarray:
    """Count what was wanted (rows) against what was named at the last snapshot (columns), int64 (E, E)."""
    return confusion_matrix(np.asarray(plan.labels), beliefs.probability[-1].argmax(axis=1), len(emotions))


def _against_chance(
    after: np.ndarray, emotions: Sequence[str], judge: Beliefs, chosen: np.ndarray, label: int
) -> dict[str, float]:
    row = {"p_chance": above_chance(int(after.sum()), len(after), 1 / len(emotions))}
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


def _prior_rows(trajectory: Trajectory) -> dict[str, np.ndarray]:
    """Distance from the prior per sample: the norm's percentile before and after, and the angle to the start."""
    from scipy.stats import chi

    start_BL, end_BL = trajectory.start.flatten(1), trajectory.end.flatten(1)

    def percentile(latent_BL: Tensor) -> np.ndarray:
        return 100 * chi.cdf(latent_BL.double().norm(dim=1).numpy(), latent_BL.shape[1])

    return {
        "prior_percentile_before": percentile(start_BL),
        "prior_percentile": percentile(end_BL),
        "start_cosine": torch.nn.functional.cosine_similarity(start_BL, end_BL, dim=1).numpy(),
    }
