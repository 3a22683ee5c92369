"""How near generated mels are to real ones: in distribution, mode by mode, and to single training clips.

Distribution figures live in a feature space (the judge's last vector before its logits) and depend on the sample
size: the Frechet distance of two finite samples of one distribution is not 0, and grows as samples get fewer. So each
is computed for real against real too (two disjoint sets of clips) with the same counts; that is the floor or ceiling.

Axes: N samples (or K, another set), D features, M mel bands, F frames.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from affekt.features.crops import N_FRAMES, Crops
from affekt.features.mel import MEL_SCALE, denormalise

NEIGHBOURS = 5  # k of precision, recall, density and coverage (Naeem et al. 2020, section 4)
HOP = 8  # frames between the training windows in which nearest neighbours are looked for: 93 ms
POOL = 2  # bands and frames averaged before mels are compared, so that a shift of half a cell costs little
BATCH = 64


@dataclass(frozen=True)
class Heard:
    """What a recogniser makes of mels."""

    features: Tensor  # (N, D), float64
    classes: Tensor  # (N,)


@torch.no_grad()
def hear(judge: nn.Module, mel_NMF: Tensor) -> Heard:
    """Return features and most likely classes of normalised mels."""
    features, classes = [], []
    for mel_BMF in denormalise(mel_NMF).split(BATCH):
        features.append(judge.embed(mel_BMF, None).double().cpu())  # type: ignore[operator]
        classes.append(judge(mel_BMF, None).argmax(1).cpu())
    return Heard(torch.cat(features), torch.cat(classes))


def frechet_distance(a_ND: Tensor, b_KD: Tensor) -> float:
    """Squared Frechet distance of the Gaussians with the sets' means and covariances, in float64.

    Source: Dowson and Landau, The Frechet distance between multivariate normal distributions (1982), eq. 4; as a
    measure of generators Heusel et al. 2017, arXiv 1706.08500, eq. 6.
    """
    a_ND, b_KD = a_ND.double(), b_KD.double()
    cov_a, cov_b = torch.cov(a_ND.T), torch.cov(b_KD.T)
    values, vectors = torch.linalg.eigh(cov_a)
    root_a = vectors * values.clamp(min=0).sqrt() @ vectors.T
    # sqrtm(cov_a cov_b) has the trace of sqrtm(root_a cov_b root_a), which is symmetric: no complex leftovers.
    overlap = torch.linalg.eigvalsh(root_a @ cov_b @ root_a).clamp(min=0).sqrt().sum()
    means = (a_ND.mean(0) - b_KD.mean(0)).square().sum()
    return float((means + cov_a.trace() + cov_b.trace() - 2 * overlap).clamp(min=0))


def neighbourhoods(real_ND: Tensor, fake_KD: Tensor, k: int = NEIGHBOURS) -> dict[str, float]:
    """Return precision and recall (Kynkaanniemi et al. 2019), density and coverage (Naeem et al. 2020).

    A sample's neighbourhood is the ball that just holds its k-th nearest of its own set. Precision: fakes within a
    real neighbourhood; recall: reals within a fake one; density: real neighbourhoods around a fake, over k (may
    exceed 1); coverage: reals whose neighbourhood holds a fake. Raises ValueError with k samples or fewer.
    """
    if min(len(real_ND), len(fake_KD)) <= k:
        raise ValueError(f"neighbourhoods of {k} need more samples than {min(len(real_ND), len(fake_KD))}")
    distance_NK = torch.cdist(real_ND, fake_KD)
    within_real_NK = distance_NK <= radius(real_ND, k)[:, None]
    within_fake_NK = distance_NK <= radius(fake_KD, k)[None, :]
    return {
        "precision": float(within_real_NK.any(0).double().mean()),
        "recall": float(within_fake_NK.any(1).double().mean()),
        "density": float(within_real_NK.double().sum(0).mean() / k),
        "coverage": float(within_real_NK.any(1).double().mean()),
    }


def radius(features_ND: Tensor, k: int) -> Tensor:
    """Distance of each sample to its k-th nearest other one, (N,)."""
    return torch.cdist(features_ND, features_ND).kthvalue(k + 1, dim=1).values  # the nearest is itself


def diversity(mel_NMF: Tensor) -> float:
    """Mean root-mean-square difference between two mels of a set, nepers; 0 for a collapsed generator."""
    return float(torch.pdist(mel_NMF.flatten(1).double()).mean() * MEL_SCALE / mel_NMF[0].numel() ** 0.5)


def nearest_training(mel_NMF: Tensor, crops: Crops) -> Tensor:
    """Root-mean-square difference of each mel to its nearest training window, (N,), nepers.

    Windows begin every HOP frames; of a clip shorter than a window all placements in silence. Mels are averaged over
    cells of POOL x POOL first.
    """
    wanted_ND = pool(mel_NMF)
    nearest_N = torch.full((len(mel_NMF),), torch.inf, dtype=wanted_ND.dtype)
    clip_K, start_K = window_grid(crops.frames)
    for clip_B, start_B in zip(clip_K.split(BATCH), start_K.split(BATCH), strict=True):
        window_BD = pool(crops.cut(clip_B, start_B))
        nearest_N = torch.minimum(nearest_N, torch.cdist(wanted_ND, window_BD).amin(1))
    return nearest_N * MEL_SCALE / wanted_ND.shape[1] ** 0.5


def pool(mel_NMF: Tensor) -> Tensor:
    """Average over cells of POOL bands x POOL frames, and flatten."""
    return F.avg_pool2d(mel_NMF[:, None].cpu(), POOL).flatten(1)


def window_grid(frames: Tensor) -> tuple[Tensor, Tensor]:
    """Clips and first frames of all windows, HOP frames apart."""
    clips, starts = [], []
    for clip, length in enumerate(frames.tolist()):
        first, last = min(0, length - N_FRAMES), max(0, length - N_FRAMES)
        start = torch.arange(first, last + 1, HOP)
        clips.append(torch.full_like(start, clip))
        starts.append(start)
    return torch.cat(clips), torch.cat(starts)


def disjoint_halves(clips: int, samples: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Split clips in two at random, and take `samples` of each half."""
    assert samples <= clips // 2, "a clip would occur twice"
    order = torch.randperm(clips, generator=rng)
    return order[:samples], order[clips // 2 : clips // 2 + samples]


@dataclass(frozen=True)
class Reference:
    """Real windows beside which generated ones are measured; drawn and heard once, for all generators.

    `train` holds the clips that the generators were trained on.
    """

    train: Crops
    real_NMF: Tensor  # of one half of the training clips
    other_NMF: Tensor  # of the other half
    real: Heard
    other: Heard
    unseen_NMF: Tensor  # of other speakers

    @classmethod
    def draw(cls, judge: nn.Module, train: Crops, unseen: Crops, most: int, rng: torch.Generator) -> "Reference":
        """Draw `most` windows of each kind, or half as many as there are training clips.

        No real clip may occur twice: near-copies would shrink the neighbourhoods that precision and recall look at.
        """
        samples = min(most, len(train.frames) // 2)
        first_B, second_B = disjoint_halves(len(train.frames), samples, rng)
        real_NMF, other_NMF = train.draw(first_B, rng), train.draw(second_B, rng)
        unseen_NMF = unseen.draw(torch.randint(len(unseen.frames), (samples,), generator=rng), rng)
        return cls(train, real_NMF, other_NMF, hear(judge, real_NMF), hear(judge, other_NMF), unseen_NMF)

    @cached_property
    def nearest_unseen(self) -> float:
        """Mean distance of other speakers' windows to their nearest training window, nepers."""
        return float(nearest_training(self.unseen_NMF, self.train).mean())


def measure_generation(
    fake_NMF: Tensor, heard: Heard, reference: Reference, classes: tuple[str, ...]
) -> dict[str, float]:
    """All figures of a set of generated mels (normalised) and what the judge makes of them, keys without prefix.

    `x_real` is what real clips score where the generator scores `x`: one half of the training clips against the other,
    or clips of other speakers. As many samples are measured as the reference has windows.
    """
    real, other = reference.real, reference.other
    samples = len(real.classes)
    fake_NMF, fake = fake_NMF[:samples], Heard(heard.features[:samples], heard.classes[:samples])
    figures = {
        "frechet": frechet_distance(real.features, fake.features),
        "frechet_floor": frechet_distance(real.features, other.features),
        **neighbourhoods(real.features, fake.features),
        **{f"{k}_real": v for k, v in neighbourhoods(real.features, other.features).items()},
        "diversity": diversity(fake_NMF),
        "diversity_real": diversity(reference.real_NMF),
        "nearest_train": float(nearest_training(fake_NMF, reference.train).mean()),
        "nearest_train_real": reference.nearest_unseen,
        "samples": float(samples),
    }
    for label, name in enumerate(classes):
        figures[f"judged/{name}"] = share(fake.classes, label)
        figures[f"judged_real/{name}"] = share(torch.cat([real.classes, other.classes]), label)
    return figures


def measure_condition(
    fake: Heard, wanted_N: Tensor, real: Heard, truth_K: Tensor, classes: tuple[str, ...]
) -> dict[str, float]:
    """How often the judge hears the class that was wished for, and how often the real one in real clips.

    `right/<class>` is the share of a class's samples that are heard as it, `judge_accuracy` their mean over classes
    (UA); `_real` the same of real windows of speakers that the judge has not heard, `judge_accuracy_ratio` both
    accuracies' quotient.
    """
    rows: dict[str, float] = {}
    for ending, heard, asked in (("", fake, wanted_N), ("_real", real, truth_K)):
        recalls = {
            name: float((heard.classes[asked == label] == label).double().mean())
            for label, name in enumerate(classes)
            if (asked == label).any()
        }
        rows |= {f"right{ending}/{name}": value for name, value in recalls.items()}
        rows[f"judge_accuracy{ending}"] = float(np.mean(list(recalls.values())))
    return rows | {"judge_accuracy_ratio": rows["judge_accuracy"] / max(rows["judge_accuracy_real"], 1e-9)}


def share(classes_N: Tensor, label: int) -> float:
    """The part of samples that a class has."""
    return float(np.mean(classes_N.numpy() == label))
