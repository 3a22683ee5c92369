"""Octaves are a factor apart, give the spectrogram back, and are as smooth as their size asks."""

import torch

from affekt.optimise.pyramid import SMALLEST, join, octave_sizes, resize, split


def spectrogram(bins: int = 257, frames: int = 173) -> torch.Tensor:
    return torch.rand(2, bins, frames, generator=torch.Generator().manual_seed(0))


def test_sizes_are_a_ratio_apart_on_one_axis_or_both() -> None:
    assert octave_sizes((257, 173), 3, 1.4, both_axes=True) == [(257, 173), (184, 124), (131, 88)]
    assert octave_sizes((257, 173), 3, 2.0, both_axes=False) == [(257, 173), (257, 86), (257, 43)]


def test_no_octave_is_too_small_to_be_heard() -> None:
    sizes = octave_sizes((257, 173), 100, 1.4, both_axes=True)
    assert min(sizes[-1]) >= SMALLEST
    assert round(min(sizes[-1]) / 1.4) < SMALLEST
    assert octave_sizes((257, 10), 5, 1.4, both_axes=True) == [(257, 10)], "a short sound is heard as it is"


def test_split_and_join_give_the_spectrogram_back() -> None:
    whole = spectrogram()
    for both in (True, False):
        details, current = split(whole, octave_sizes((257, 173), 4, 1.4, both))
        assert [tuple(detail.shape[1:]) for detail in details] == octave_sizes((257, 173), 3, 1.4, both)
        while details:
            current = join(current, details.pop())
        assert torch.allclose(current, whole, atol=1e-6)


def test_what_changes_coarsely_arrives_in_every_octave() -> None:
    whole = spectrogram()
    details, current = split(whole, octave_sizes((257, 173), 3, 1.4, True))
    for detail in reversed(details):
        current = join(current + 0.25 if current.shape[1] == 131 else current, detail)
    assert torch.allclose(current, whole + 0.25, atol=1e-6)


def test_resizing_averages_and_stays_in_range() -> None:
    whole = spectrogram()
    small = resize(whole, (64, 43))
    assert small.shape == (2, 64, 43)
    assert whole.min() <= small.min()
    assert small.max() <= whole.max()
    assert small.std() < 0.5 * whole.std(), "noise is averaged, not sampled"
    checks = (torch.arange(256) % 2).float().expand(1, 64, 256)
    assert (resize(checks, (64, 128)) - 0.5).abs()[..., 2:-2].max() < 0.15, "no alias of the finest pattern"


def test_a_size_that_fits_is_a_copy() -> None:
    whole = spectrogram()
    same = resize(whole, (257, 173))
    same.add_(1)
    assert torch.equal(whole, spectrogram())
