"""Views of waveforms: speed and pitch move a tone as far as they say, noise is as loud as asked, nothing leaks."""

import math

import pytest
import torch
from torch import Tensor

from affekt.features.clips import INT16_SCALE, Waves
from affekt.training import augment_audio
from affekt.training.augment import Augment
from affekt.training.augment_audio import add_noise, random_windows, read_between, shift_some, tilt

RATE = 22050
PLAIN = Augment(128)
ROWS = torch.arange(40)


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def no_gain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Level and microphone differ in every view, whatever the settings."""
    monkeypatch.setattr(augment_audio, "GAIN_DB", 0.0)
    monkeypatch.setattr(augment_audio, "TILT", 0.0)


def waves_of(clips: list[Tensor]) -> Waves:
    """Store waveforms in [-1, 1) as a corpus does."""
    samples_B = torch.tensor([len(clip) for clip in clips])
    audio_N = (torch.cat(clips) / INT16_SCALE).round().clamp(-32768, 32767).to(torch.int16)
    return Waves(audio_N, samples_B.cumsum(0) - samples_B, samples_B, torch.zeros(len(clips), dtype=torch.long))


def sine(frequency_hz: float, samples: int = RATE, amplitude: float = 0.5) -> Tensor:
    return amplitude * torch.sin(2 * torch.pi * frequency_hz * torch.arange(samples) / RATE)


def peak_hz(wave_T: Tensor) -> float:
    """The frequency of the highest peak of the spectrum, between the bins by a parabola through three logarithms."""
    power = torch.fft.rfft(torch.hann_window(len(wave_T)) * wave_T.double()).abs()
    top = int(power.argmax())
    a, b, c = power[top - 1 : top + 2].log().tolist()
    return (top + 0.5 * (a - c) / (a - 2 * b + c)) * RATE / len(wave_T)


@pytest.mark.usefixtures("no_gain")
def test_without_aids_a_view_is_a_window_of_the_clip() -> None:
    clips = [torch.rand(length, generator=rng(i)) - 0.5 for i, length in enumerate((900, 1500, 4000))]
    waves = waves_of(clips)
    starts = set()
    for seed in range(20):
        view_BT, valid_B = random_windows(waves, torch.tensor([2, 0, 1]), 1500, PLAIN, rng(seed))
        assert valid_B.tolist() == [1500, 900, 1500]
        whole = waves.whole(torch.tensor([2, 0, 1]))[0]
        assert torch.equal(view_BT[1], whole[1, :1500])
        assert torch.equal(view_BT[2], whole[2, :1500])
        (start,) = (i for i in range(2501) if torch.equal(view_BT[0], whole[0, i : i + 1500]))
        starts.add(start)
    assert len(starts) > 15


@pytest.mark.usefixtures("no_gain")
def test_a_speed_moves_a_tones_frequency_and_length_by_that_factor() -> None:
    waves = waves_of([sine(1000.0, 12000)] * 40)
    view_BT, valid_B = random_windows(waves, ROWS, 16000, Augment(128, speed=0.15), rng())
    factor_B = 12000 / valid_B
    assert factor_B.min() >= 0.85 - 1e-3
    assert factor_B.max() <= 1.15 + 1e-3
    assert factor_B.max() - factor_B.min() > 0.2
    for view_T, valid, factor in zip(view_BT, valid_B.tolist(), factor_B.tolist(), strict=True):
        assert peak_hz(view_T[:valid]) == pytest.approx(1000 * factor, rel=1e-3)


def test_a_view_at_a_drawn_speed_ends_where_the_clip_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tone of constant level sounds to the last valid sample, and there is silence behind it."""
    monkeypatch.setattr(augment_audio, "TILT", 0.0)
    waves = waves_of([torch.full((5000 + 10 * i,), 0.5) for i in range(40)])
    for noise in (0.0, 1.0):
        view_BT, valid_B = random_windows(waves, ROWS, 8000, Augment(128, 0.15, 0.0, noise), rng())
        for view_T, valid in zip(view_BT, valid_B.tolist(), strict=True):
            assert noise > 0 or (view_T[: valid - 2] > 0.2).all()
            assert (view_T[valid:] == 0).all()


def test_cubic_reading_is_exact_at_whole_positions() -> None:
    clips = [torch.rand(300, generator=rng(i)) - 0.5 for i in range(3)]
    waves = waves_of(clips)
    rows_B = torch.tensor([2, 1])
    position_BT = torch.arange(-3, 303).expand(2, -1).float()
    expected = torch.stack([waves.segment(row, -3, 306) for row in (2, 1)])
    assert torch.equal(read_between(waves, rows_B, position_BT), expected)


def test_cubic_reading_is_exact_on_quadratics_and_close_on_sines() -> None:
    """Catmull and Rom's spline reproduces parabolas; their tangents are off by the third derivative's sixth."""
    t = torch.arange(200.0).double()
    parabola = (0.8 * ((t - 90) / 110) ** 2 - 0.4).float()
    waves = waves_of([parabola, sine(1500.0, 200)])
    position_T = torch.linspace(2, 196, 777).double()
    found = read_between(waves, torch.tensor([0, 1]), position_T.expand(2, -1))
    step = INT16_SCALE
    torch.testing.assert_close(found[0].double(), 0.8 * ((position_T - 90) / 110) ** 2 - 0.4, rtol=0, atol=1.5 * step)
    torch.testing.assert_close(
        found[1].double(), 0.5 * torch.sin(2 * torch.pi * 1500 * position_T / RATE), rtol=0, atol=0.005
    )


@pytest.mark.parametrize("semitones", [2.0, 5.0])
def test_a_pitch_moves_a_tone_by_up_to_the_semitones_and_keeps_the_length(semitones: float) -> None:
    moved = []
    for seed in range(12):
        wave_BT = torch.stack([sine(800.0, 32768), sine(1300.0, 32768)])
        shifted_BT = shift_some(wave_BT, semitones, rng(seed))
        assert shifted_BT.shape == wave_BT.shape
        changed = [i for i in range(2) if not torch.equal(shifted_BT[i], wave_BT[i])]
        assert len(changed) == 1, "the rest of the batch stays as it is"
        (row,) = changed
        found = 12 * math.log2(peak_hz(shifted_BT[row]) / (800.0, 1300.0)[row])
        moved.append(found)
        # The drawn factor is the generator's second draw; the vocoder makes whole frames, half a percent of them.
        drawn = rng(seed)
        torch.randperm(2, generator=drawn)
        wanted = -semitones + 2 * semitones * float(torch.rand(1, generator=drawn))
        assert found == pytest.approx(wanted, abs=0.15)
        level = shifted_BT[row, 2000:-2000].square().mean().sqrt().item()
        # A vocoder whose bins go each their own way loses level where they do not agree, and never gains any.
        assert 0.05 < level < 1.1 * 0.5 / math.sqrt(2)
    assert max(moved) > semitones / 3
    assert min(moved) < -semitones / 3


def test_the_share_whose_pitch_moves_is_as_written() -> None:
    wave_BT = torch.stack([sine(300.0 + 20 * i, 4000) for i in range(64)])
    changed = (shift_some(wave_BT, 3.0, rng()) != wave_BT).any(1)
    assert int(changed.sum()) == round(64 * augment_audio.PITCHED) > 1


def test_noise_has_the_signal_to_noise_ratio_that_was_drawn() -> None:
    wave_BT = torch.stack([sine(500.0, 8000, 0.01 * (i + 1)) for i in range(40)])
    noise_BT = add_noise(wave_BT, 1.0, rng()) - wave_BT
    snr_B = 10 * torch.log10(wave_BT.square().mean(1) / noise_BT.square().mean(1))
    low, high = augment_audio.SNR_DB
    expected = low + (high - low) * torch.rand(40, generator=rng())
    torch.testing.assert_close(snr_B, expected, rtol=0, atol=0.3)
    assert noise_BT.mean(1).abs().max() < 0.05 * noise_BT.std(1).max()
    flat = torch.fft.rfft(noise_BT / noise_BT.std(1, keepdim=True)).abs().square().mean(0)
    assert flat[:2000].mean().item() == pytest.approx(flat[2000:].mean().item(), rel=0.05)  # white


def test_noise_reaches_the_share_of_clips_and_no_other() -> None:
    wave_BT = sine(500.0, 400).expand(300, -1)
    touched = (add_noise(wave_BT, 0.3, rng()) != wave_BT).any(1)
    assert 0.22 < touched.float().mean() < 0.38
    assert not (add_noise(wave_BT, 0.0, rng()) != wave_BT).any()
    assert add_noise(torch.zeros(4, 400), 1.0, rng()).isfinite().all()


def test_a_tilt_lifts_high_or_low_frequencies_around_a_quarter_of_the_rate() -> None:
    tones = torch.stack([sine(frequency_hz, 4410) for frequency_hz in (100.0, RATE / 4, 10900.0)])
    for coefficient in (-0.4, 0.0, 0.4):
        found = tilt(tones, torch.full((3,), coefficient))[:, 10:].square().mean(1).sqrt() / (0.5 / math.sqrt(2))
        size = math.sqrt(1 + coefficient**2)
        expected = [(1 - coefficient) / size, 1.0, (1 + coefficient) / size]
        assert found.tolist() == pytest.approx(expected, rel=0.02)
    assert torch.equal(tilt(tones, torch.zeros(3)), tones)


def test_levels_are_drawn_evenly_in_decibels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(augment_audio, "TILT", 0.0)
    waves = waves_of([sine(500.0, 3000, 0.25)] * 200)
    view_BT, _ = random_windows(waves, torch.arange(200), 3000, PLAIN, rng())
    gain_db = 20 * torch.log10(view_BT.square().mean(1).sqrt() / (0.25 / math.sqrt(2)))
    assert gain_db.abs().max() <= augment_audio.GAIN_DB + 0.05
    assert gain_db.min() < -0.8 * augment_audio.GAIN_DB
    assert gain_db.max() > 0.8 * augment_audio.GAIN_DB
    assert abs(gain_db.mean()) < 1


def test_a_generator_decides_everything() -> None:
    waves = waves_of([torch.rand(5000, generator=rng(i)) - 0.5 for i in range(6)])

    def views(seed: int) -> tuple[Tensor, Tensor]:
        return random_windows(waves, torch.arange(6), 4000, Augment(128, 0.15, 3.0, 0.5), rng(seed))

    for found, expected in zip(views(1), views(1), strict=True):
        assert torch.equal(found, expected)
    assert not torch.equal(views(1)[0], views(2)[0])
    state = torch.get_rng_state()
    views(1)
    assert torch.equal(torch.get_rng_state(), state), "torch's own generator has no say"
