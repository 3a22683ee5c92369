"""Measures of generated mels against closed forms and toy sets."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from affekt.evaluate.generation import (
    Heard,
    Reference,
    disjoint_halves,
    diversity,
    frechet_distance,
    hear,
    measure_condition,
    measure_generation,
    nearest_training,
    neighbourhoods,
    window_grid,
)
from affekt.features.crops import Crops
from affekt.features.mel import MEL_SCALE

CPU = torch.device("cpu")


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def gaussian(samples: int, seed: int, mean: float = 0.0, sd: float = 1.0, dims: int = 6) -> Tensor:
    """Samples whose mean and covariance are exactly `mean` and `sd ** 2` times the unit matrix."""
    x_ND = torch.randn(samples, dims, generator=rng(seed), dtype=torch.float64)
    x_ND = x_ND - x_ND.mean(0)
    values, vectors = torch.linalg.eigh(torch.cov(x_ND.T))
    return x_ND @ vectors / values.sqrt() * sd + mean


def test_frechet_distance_of_gaussians_is_the_closed_form() -> None:
    ours = frechet_distance(gaussian(100, 0, 0.0, 1.0), gaussian(150, 1, 0.5, 3.0))
    assert ours == pytest.approx(6 * 0.5**2 + 6 * (1.0 - 3.0) ** 2)


def test_frechet_distance_equals_scipys_matrix_root() -> None:
    from scipy.linalg import sqrtm

    a = torch.randn(80, 6, generator=rng(2), dtype=torch.float64) @ torch.randn(6, 6, generator=rng(3)).double()
    b = torch.randn(90, 6, generator=rng(4), dtype=torch.float64) @ torch.randn(6, 6, generator=rng(5)).double() + 1
    ca, cb = np.cov(a.numpy().T), np.cov(b.numpy().T)
    means = ((a.mean(0) - b.mean(0)) ** 2).sum()
    expected = float(means) + np.trace(ca + cb - 2 * np.real(sqrtm(ca @ cb)))
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-6)


def test_frechet_distance_of_a_set_to_itself_is_nothing_even_without_full_rank() -> None:
    few_ND = torch.randn(5, 32, generator=rng(6))
    assert frechet_distance(few_ND, few_ND) == pytest.approx(0, abs=1e-6)


def test_frechet_floor_falls_with_samples() -> None:
    floors = [
        frechet_distance(torch.randn(n, 6, generator=rng(7)), torch.randn(n, 6, generator=rng(8)))
        for n in (20, 200, 5000)
    ]
    assert floors[0] > floors[1] > floors[2]
    assert floors[2] < 0.01


def test_neighbourhoods_of_one_distribution_are_nearly_full() -> None:
    got = neighbourhoods(torch.randn(400, 3, generator=rng(0)), torch.randn(400, 3, generator=rng(1)))
    assert got["precision"] > 0.9
    assert got["recall"] > 0.9
    assert got["density"] == pytest.approx(1, abs=0.15)
    assert got["coverage"] > 0.9


def test_a_dropped_mode_lowers_recall_and_coverage_but_not_precision() -> None:
    x_ND = torch.randn(200, 3, generator=rng(0))
    real = torch.cat([x_ND[:100], x_ND[100:] + 50])
    fake = torch.randn(100, 3, generator=rng(1))
    got = neighbourhoods(real, fake)
    assert got["precision"] > 0.9
    assert 0.4 < got["recall"] <= 0.5
    assert 0.4 < got["coverage"] <= 0.5


def test_fakes_far_away_have_neither() -> None:
    got = neighbourhoods(torch.randn(50, 3, generator=rng(0)), torch.randn(50, 3, generator=rng(1)) + 100)
    assert got == {"precision": 0, "recall": 0, "density": 0, "coverage": 0}


def test_too_few_samples_are_refused() -> None:
    with pytest.raises(ValueError, match="5 need more samples than 5"):
        neighbourhoods(torch.zeros(5, 2), torch.zeros(9, 2))


def test_diversity_is_in_nepers_and_nothing_for_a_collapsed_set() -> None:
    mel_NMF = torch.stack([torch.zeros(80, 160), torch.ones(80, 160)])
    assert diversity(mel_NMF) == pytest.approx(MEL_SCALE)
    assert diversity(torch.zeros(3, 80, 160)) == 0


def noise_crops(lengths: tuple[int, ...], seed: int) -> Crops:
    frames = np.array(lengths)
    mel_NM = torch.randn(int(frames.sum()), 80, generator=rng(seed)).numpy() * 2 - 5
    return Crops.of(mel_NM, np.cumsum(frames) - frames, frames, CPU)


def test_a_copy_of_training_data_is_found_and_a_stranger_is_not() -> None:
    crops = noise_crops((130, 160, 210), 0)
    copies = crops.cut(torch.tensor([0, 1, 2]), torch.tensor([-22, 0, 16]))  # on the grid of windows
    assert float(nearest_training(copies, crops).max()) < 1e-2
    stranger = noise_crops((160,), 1).cut(torch.tensor([0]), torch.tensor([0]))
    assert float(nearest_training(stranger, crops)) > 0.5


def test_windows_cover_clips_and_placements() -> None:
    clip_K, start_K = window_grid(torch.tensor([144, 160, 180]))
    assert clip_K.tolist() == [0, 0, 0, 1, 2, 2, 2]
    assert start_K.tolist() == [-16, -8, 0, 0, 0, 8, 16]


def test_halves_share_no_clip_and_use_none_twice() -> None:
    first, second = disjoint_halves(11, 5, rng())
    assert len(set(first.tolist()) | set(second.tolist())) == 10
    with pytest.raises(AssertionError, match="twice"):
        disjoint_halves(11, 6, rng())


class ToyJudge(nn.Module):
    """Features: mean of four bands; class: the larger of the first two."""

    def embed(self, mel_BMF: Tensor, frames_B: Tensor | None = None) -> Tensor:
        return mel_BMF[:, :4].mean(2)

    def forward(self, mel_BMF: Tensor, frames_B: Tensor | None = None) -> Tensor:
        return self.embed(mel_BMF)[:, :2]


class CountingJudge(ToyJudge):
    """Counts the mels that it hears."""

    def __init__(self) -> None:
        super().__init__()
        self.heard = 0

    def embed(self, mel_BMF: Tensor, frames_B: Tensor | None = None) -> Tensor:
        self.heard += len(mel_BMF)
        return super().embed(mel_BMF, frames_B)


def test_real_mels_as_samples_score_as_real_ones_do() -> None:
    train, unseen = noise_crops((160,) * 120, 0), noise_crops((160,) * 30, 1)
    fake_NMF = noise_crops((160,) * 60, 2).cut(torch.arange(60), torch.zeros(60, dtype=torch.long))
    judge = CountingJudge()
    reference = Reference.draw(judge, train, unseen, 200, rng())
    of_reals = judge.heard

    def measured(mel_NMF: Tensor) -> dict[str, float]:
        return measure_generation(mel_NMF, hear(ToyJudge(), mel_NMF), reference, ("left", "right"))

    got = measured(fake_NMF)
    assert got["frechet"] < 3 * got["frechet_floor"]
    assert got["precision"] > 0.8
    assert got["recall"] > 0.8
    assert got["diversity"] == pytest.approx(got["diversity_real"], rel=0.02)
    assert got["nearest_train"] == pytest.approx(got["nearest_train_real"], rel=0.02)
    assert got["judged/left"] + got["judged/right"] == 1
    assert got["samples"] == 60
    collapsed = measured(fake_NMF[:1].expand(60, -1, -1))
    assert collapsed["diversity"] == 0
    assert collapsed["recall"] < 0.1
    assert collapsed["frechet"] > 3 * got["frechet"]
    assert judge.heard == of_reals, "real clips are heard once for all generators"


def test_the_reference_is_no_larger_than_half_the_clips_or_what_is_asked_for() -> None:
    train, unseen = noise_crops((160,) * 21, 0), noise_crops((160,) * 3, 1)
    assert len(Reference.draw(ToyJudge(), train, unseen, 200, rng()).real.classes) == 10
    reference = Reference.draw(ToyJudge(), train, unseen, 7, rng())
    assert [len(part) for part in (reference.real_NMF, reference.other_NMF, reference.unseen_NMF)] == [7, 7, 7]


def test_wishes_are_counted_by_class() -> None:
    heard = Heard(torch.zeros(6, 2), torch.tensor([0, 0, 1, 1, 1, 0]))
    real = Heard(torch.zeros(4, 2), torch.tensor([0, 1, 1, 1]))
    wanted, truth = torch.tensor([0, 0, 0, 1, 1, 1]), torch.tensor([0, 1, 1, 1])
    got = measure_condition(heard, wanted, real, truth, ("left", "right", "nowhere"))
    assert got == {
        "right/left": pytest.approx(2 / 3), "right/right": pytest.approx(2 / 3),
        "judge_accuracy": pytest.approx(2 / 3),
        "right_real/left": 1, "right_real/right": 1, "judge_accuracy_real": 1,
        "judge_accuracy_ratio": pytest.approx(2 / 3),
    }  # fmt: skip
