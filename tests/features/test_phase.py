import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from affekt.features.mel import HOP_LENGTH, N_FFT, SAMPLE_RATE
from affekt.features.phase import accumulate_phase, find_partials, inverse, overlap_add, refine_phase
from affekt.features.stft import magnitude, window_of

WINDOW = window_of(N_FFT)


def tone(frequency_hz: float, samples: int = 64 * HOP_LENGTH) -> torch.Tensor:
    return 0.3 * torch.sin(2 * math.pi * frequency_hz / SAMPLE_RATE * torch.arange(samples))


def buzz() -> torch.Tensor:
    return torch.stack([tone(137.0 * k) / k for k in range(1, 20)]).sum(0)


def resynthesise(waveform_T: torch.Tensor, iterations: int) -> torch.Tensor:
    magnitude_BKF = magnitude(waveform_T[None], N_FFT, HOP_LENGTH, WINDOW)
    phase_BKF = accumulate_phase(magnitude_BKF, HOP_LENGTH)
    phase_BKF = refine_phase(magnitude_BKF, phase_BKF, WINDOW, HOP_LENGTH, iterations)
    return inverse(magnitude_BKF * phase_BKF, WINDOW, HOP_LENGTH, len(waveform_T))[0]


def inconsistency(waveform_T: torch.Tensor, rebuilt_T: torch.Tensor) -> float:
    wanted, found = (magnitude(x[None], N_FFT, HOP_LENGTH, WINDOW) for x in (waveform_T, rebuilt_T))
    return float((wanted - found).norm() / wanted.norm())


def test_overlap_add_inverts_as_the_library_does() -> None:
    rng = torch.Generator().manual_seed(0)
    for n_fft, hop, samples in ((1024, 256, 9 * 256), (512, 128, 9 * 128 + 100), (2048, 256, 9 * 256)):
        window = window_of(n_fft)
        spectrum = torch.randn(2, n_fft // 2 + 1, 10, generator=rng, dtype=torch.complex64)
        theirs = torch.istft(spectrum, n_fft, hop, window=window, length=samples)
        torch.testing.assert_close(inverse(spectrum, window, hop, samples), theirs, atol=1e-5, rtol=1e-4)


def test_a_hop_that_does_not_divide_is_refused() -> None:
    with pytest.raises(ValueError, match="hop of 300"):
        overlap_add(torch.zeros(1, 4, 1024), 300)


def test_gradient_of_the_inverse_is_the_librarys() -> None:
    spectrum = torch.randn(1, 513, 9, generator=torch.Generator().manual_seed(0), dtype=torch.complex64)
    gradients = []
    for invert in (
        lambda x: inverse(x, WINDOW, HOP_LENGTH, 8 * HOP_LENGTH),
        lambda x: torch.istft(x, N_FFT, HOP_LENGTH, window=WINDOW, length=8 * HOP_LENGTH),
    ):
        leaf = spectrum.clone().requires_grad_()
        gradients.append(torch.autograd.grad(invert(leaf).square().sum(), leaf)[0])
    torch.testing.assert_close(*gradients, atol=1e-5, rtol=1e-4)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1000), frames=st.integers(1, 37), bins=st.sampled_from([3, 5, 17, 65]))
def test_phase_equals_walking_frame_by_frame(seed: int, frames: int, bins: int) -> None:
    """By the definition: a bin has its partial's phase, a partial that of its place a frame ago plus its advance."""
    magnitude_BKF = torch.rand(2, bins, frames, generator=torch.Generator().manual_seed(seed))
    hop = (bins - 1) // 2
    partials = find_partials(magnitude_BKF)
    owner_BKF = (partials.place_P % bins)[partials.owner_BFK].mT
    advance_BKF = (partials.bin_P * hop / (2 * (bins - 1)))[partials.owner_BFK].mT.double()
    turns_BKF = torch.zeros(2, bins, frames, dtype=torch.float64)
    for f in range(1, frames):
        turns_BKF[..., f] = turns_BKF[..., f - 1].gather(1, owner_BKF[..., f]) + advance_BKF[..., f]
    turns_BKF += torch.arange(bins)[:, None] % 2 / 2
    walked_BKF = torch.polar(torch.ones_like(turns_BKF), 2 * math.pi * turns_BKF)
    assert (accumulate_phase(magnitude_BKF, hop) - walked_BKF).abs().max() < 1e-3


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1000), bins=st.sampled_from([3, 5, 17, 65]))
def test_every_bin_belongs_to_the_nearest_peak_of_its_frame(seed: int, bins: int) -> None:
    magnitude_BKF = torch.rand(2, bins, 4, generator=torch.Generator().manual_seed(seed))
    partials = find_partials(magnitude_BKF)
    for frame, owner_K in zip(magnitude_BKF.mT.flatten(0, 1), partials.owner_BFK.flatten(0, 1), strict=True):
        peaks = [k for k in range(1, bins - 1) if frame[k - 1] < frame[k] >= frame[k + 1]] or [0]
        nearest = [min(peaks, key=lambda peak: (abs(peak - k), peak)) for k in range(bins)]
        assert (partials.place_P[owner_K] % bins).tolist() == nearest


def test_partials_are_found_where_they_are() -> None:
    waveform_T = tone(1000.0) + tone(3000.0)
    partials = find_partials(magnitude(waveform_T[None], N_FFT, HOP_LENGTH, WINDOW))
    middle_K = partials.owner_BFK[0, partials.owner_BFK.shape[1] // 2]
    for frequency_hz in (1000.0, 3000.0):
        bin_ = frequency_hz * N_FFT / SAMPLE_RATE
        for k in (round(bin_) - 1, round(bin_), round(bin_) + 1):
            assert partials.place_P[middle_K[k]] % (N_FFT // 2 + 1) == round(bin_)
            assert abs(partials.bin_P[middle_K[k]] - bin_) < 0.15


def test_frames_without_a_peak_are_one_partial() -> None:
    partials = find_partials(torch.full((1, 513, 3), 1e-4))
    assert partials.place_P.tolist() == [0, 513, 1026]
    assert not partials.bin_P.any()


def test_silence_has_a_finite_phase() -> None:
    zero_BKF = torch.zeros(1, 513, 8)
    refined_BKF = refine_phase(zero_BKF, accumulate_phase(zero_BKF, HOP_LENGTH), WINDOW, HOP_LENGTH, 3)
    assert torch.isfinite(torch.view_as_real(refined_BKF)).all()


def test_a_tone_keeps_its_frequency_and_level_without_iterations() -> None:
    waveform_T = tone(997.0)
    rebuilt_T = resynthesise(waveform_T, 0)[4096:-4096]
    spectrum = torch.fft.rfft(rebuilt_T * torch.hann_window(len(rebuilt_T)))
    assert abs(spectrum.abs().argmax() * SAMPLE_RATE / len(rebuilt_T) - 997.0) < 3.0
    assert abs(rebuilt_T.square().mean() / waveform_T.square().mean() - 1) < 0.1


def test_refinement_makes_the_phase_more_consistent() -> None:
    waveform_T = buzz()
    errors = [inconsistency(waveform_T, resynthesise(waveform_T, n)) for n in (0, 4, 16)]
    assert errors[0] > errors[1] > errors[2]
    assert errors[0] < 0.35  # random phases begin at about 0.6


def test_phase_beats_random_phase() -> None:
    waveform_T = buzz()
    magnitude_BKF = magnitude(waveform_T[None], N_FFT, HOP_LENGTH, WINDOW)
    random_BKF = 2 * math.pi * torch.rand(magnitude_BKF.shape, generator=torch.Generator().manual_seed(0))
    rebuilt_T = inverse(torch.polar(magnitude_BKF, random_BKF), WINDOW, HOP_LENGTH, len(waveform_T))[0]
    assert inconsistency(waveform_T, resynthesise(waveform_T, 0)) < 0.7 * inconsistency(waveform_T, rebuilt_T)
