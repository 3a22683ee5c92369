import math

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from affekt.features.mel import HOP_LENGTH, N_FFT, SAMPLE_RATE
from affekt.features.phase import accumulate_phase, accumulate_turns, find_partials, inverse, refine_phase
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


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1000), frames=st.integers(1, 37))
def test_scan_equals_walking_frame_by_frame(seed: int, frames: int) -> None:
    rng = torch.Generator().manual_seed(seed)
    owner = torch.randint(9, (2, 9, frames), generator=rng)
    advance = torch.rand(2, 9, frames, generator=rng, dtype=torch.float64)
    walked = advance.clone()
    for f in range(1, frames):
        walked[..., f] += walked[..., f - 1].gather(1, owner[..., f])
    apart = (accumulate_turns(owner, advance) - walked) % 1
    assert torch.minimum(apart, 1 - apart).max() < 1e-9


def test_partials_are_found_where_they_are() -> None:
    waveform_T = tone(1000.0) + tone(3000.0)
    owner_BKF, place_BKF = find_partials(magnitude(waveform_T[None], N_FFT, HOP_LENGTH, WINDOW))
    middle = owner_BKF.shape[-1] // 2
    for frequency_hz in (1000.0, 3000.0):
        bin_ = frequency_hz * N_FFT / SAMPLE_RATE
        for k in (round(bin_) - 1, round(bin_), round(bin_) + 1):
            assert owner_BKF[0, k, middle] == round(bin_)
            assert abs(place_BKF[0, k, middle] - bin_) < 0.15


def test_frames_without_a_peak_are_one_partial() -> None:
    owner_BKF, place_BKF = find_partials(torch.full((1, 513, 3), 1e-4))
    assert not owner_BKF.any()
    assert not place_BKF.any()


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
