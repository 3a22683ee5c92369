"""Seeds: fixed numbers, 63 bits, different for different labels, the same on every machine."""

import itertools

import numpy as np
import torch

from affekt.core.seeds import SEED_BITS, derive, generator, numpy_rng


def test_golden_values() -> None:
    """sha256 of the text, so no machine or Python gives others; a change of these makes every result another."""
    assert derive(0) == 0x5FECEB66FFC86F38 >> 1  # `printf 0 | sha256sum` begins so
    assert derive(0, "gan", "", "init") == 7849661148585017316
    assert derive(7, "recogniser", "a", 3) == 3500211707050439352


def test_seeds_have_63_bits_that_torch_takes() -> None:
    seeds = [derive(seed, "stage", label) for seed in range(20) for label in range(100)]
    assert len(set(seeds)) == len(seeds)
    assert 0 <= min(seeds) < max(seeds) < 2**SEED_BITS
    high = np.mean([[seed >> bit & 1 for bit in range(SEED_BITS)] for seed in seeds], axis=0)
    assert np.abs(high - 0.5).max() < 0.06  # every bit is used: 5 deviations of 2,000 coins


def test_where_one_label_ends_matters() -> None:
    labels = [("a", "bc"), ("ab", "c"), ("abc",), ("a", "b", "c"), ("", "abc"), ("abc", ""), ()]
    assert all(derive(0, *one) != derive(0, *other) for one, other in itertools.combinations(labels, 2))
    assert derive(1, "2") != derive(12)


def test_generators_follow_seed_and_labels() -> None:
    def drawn(*labels: object) -> tuple[list[float], list[float]]:
        return torch.rand(3, generator=generator(*labels)).tolist(), numpy_rng(*labels).random(3).tolist()  # type: ignore[arg-type]

    assert drawn(0, "a") == drawn(0, "a")
    for other in ((0, "b"), (1, "a"), (0, "a", 0)):
        assert drawn(0, "a")[0] != drawn(*other)[0]
        assert drawn(0, "a")[1] != drawn(*other)[1]


def test_generators_leave_the_global_ones_alone() -> None:
    torch.manual_seed(0)
    expected = torch.rand(2)
    torch.manual_seed(0)
    torch.rand(5, generator=generator(3, "x"))
    assert torch.equal(torch.rand(2), expected)
