"""What measures say of sounds whose distance is known."""

import math

import numpy as np
import pytest
import torch
from toy_corpus import tone

from affekt.core.errors import UserError
from affekt.evaluate.conversion import (
    CEPSTRA,
    Listeners,
    Sound,
    accuracy_of_all,
    align,
    analyse,
    cepstra,
    compare,
    compare_f0,
    describe,
    name_statements,
)
from affekt.evaluate.jury import Jury
from affekt.features.f0 import track_f0
from affekt.features.mel import N_MELS, SAMPLE_RATE, log_mel
from affekt.features.speaker import EMBEDDING_SIZE, SpeakerEncoder
from affekt.models.content import ContentNetwork
from affekt.models.judge import RecurrentRecogniser

CPU = torch.device("cpu")


def glide(factor: float = 1.0, stretch: float = 1.0, noise: float = 0.0, level: float = 0.3) -> np.ndarray:
    """A voice whose melody and vowel move; its f0 times `factor`, `stretch` times as long."""
    time_T = np.arange(int(1.2 * stretch * SAMPLE_RATE)) / SAMPLE_RATE / stretch
    f0_T = 150 * factor * 2 ** (0.3 * np.sin(2 * np.pi * 0.9 * time_T))
    phase_T = 2 * np.pi * np.cumsum(f0_T) / SAMPLE_RATE
    centre_T = 900 + 500 * np.sin(2 * np.pi * 1.3 * time_T)
    wave_T = sum(
        (0.05 + np.exp(-(((k * f0_T - centre_T) / 400) ** 2))) * np.sin(k * phase_T) for k in range(1, 35)
    )  # fmt: skip
    wave_T = level * wave_T / np.abs(wave_T).max()
    return (wave_T + noise * np.random.default_rng(0).standard_normal(len(wave_T))).astype(np.float32)


def sound(wave_T: np.ndarray) -> Sound:
    mel_MF = log_mel(torch.from_numpy(wave_T))
    nothing = np.zeros(8, np.float32)
    return Sound(len(wave_T), mel_MF, cepstra(mel_MF), track_f0(wave_T, 65, 600), nothing, 0, np.zeros(EMBEDDING_SIZE))


def test_cepstra_give_the_smooth_shape_of_the_bands() -> None:
    band_M = (torch.arange(N_MELS) + 0.5) / N_MELS
    mel_M = -4 + 1.5 * torch.cos(math.pi * 3 * band_M) - 0.5 * torch.cos(math.pi * 13 * band_M)
    cepstrum_FD = cepstra(mel_M[:, None].float())
    assert cepstrum_FD.shape == (1, CEPSTRA)
    expected = np.zeros(CEPSTRA)
    expected[[2, 12]] = 1.5, -0.5
    assert np.allclose(cepstrum_FD[0], expected, atol=1e-5)


def test_mcd_is_the_rms_of_the_difference_of_smooth_spectra_in_db() -> None:
    band_M = (torch.arange(N_MELS) + 0.5) / N_MELS
    flat, bent = torch.full((N_MELS, 1), -4.0), -4 + 0.7 * torch.cos(math.pi * 2 * band_M)[:, None]
    _, distance_L = align(cepstra(flat), cepstra(bent))
    mcd = 10 / math.log(10) * math.sqrt(2) * distance_L.mean()
    assert mcd == pytest.approx(float(20 / math.log(10) * (bent - flat).square().mean().sqrt()), rel=1e-4)


def test_a_sound_has_no_distance_to_itself() -> None:
    found = compare(sound(glide()), sound(glide()))
    assert found == {
        "mcd": 0, "f0_rmse": 0, "f0_correlation": pytest.approx(1), "duration_ratio": 1, "duration_error": 0,
    }  # fmt: skip


def test_mcd_grows_with_distance_and_does_not_hear_the_level() -> None:
    real = sound(glide(noise=0.01))
    near, far = (compare(sound(glide(noise=noise)), real)["mcd"] for noise in (0.02, 0.1))
    assert near is not None
    assert far is not None
    assert 0.2 < near < far
    louder = compare(sound(2 * glide(noise=0.01)), real)
    assert louder["mcd"] == pytest.approx(0, abs=0.02)


def test_slower_speech_is_near_and_longer() -> None:
    real, slower = sound(glide(noise=0.003)), sound(glide(stretch=1.5, noise=0.003))
    other = sound(tone(150.0, 3000.0, int(1.2 * SAMPLE_RATE), np.random.default_rng(1)))
    found = compare(slower, real)
    assert found["duration_ratio"] == pytest.approx(1.5, abs=0.01)
    assert found["mcd"] is not None
    assert found["mcd"] < 0.25 * (compare(other, real)["mcd"] or 0)
    assert found["f0_correlation"] == pytest.approx(1, abs=0.05)
    assert found["f0_rmse"] == pytest.approx(0, abs=0.6)


def test_half_and_double_length_are_as_wrong_and_do_not_cancel() -> None:
    real = sound(glide())
    errors = [compare(sound(glide(stretch=stretch)), real)["duration_error"] for stretch in (0.5, 2)]
    assert errors == [pytest.approx(math.log(2), abs=1e-3)] * 2


def test_two_semitones_higher() -> None:
    found = compare_f0(sound(glide(2 ** (2 / 12))).f0_F, sound(glide()).f0_F)
    assert found[0] == pytest.approx(2, abs=0.05)
    assert found[1] == pytest.approx(1, abs=0.01)


def test_a_melody_that_is_not_there_is_not_compared() -> None:
    voiced, unvoiced = np.full(9, 150.0), np.zeros(9)
    assert compare_f0(voiced, unvoiced) == (None, None)
    assert compare_f0(np.where(np.arange(9) < 4, voiced, 0), voiced) == (None, None)
    for note in (100.0, 150.0):
        alike = np.full(9, note)
        assert compare_f0(alike, alike) == (0, None), "one note goes along with nothing"
    rising = np.linspace(100, 200, 9)
    assert compare_f0(rising, rising[::-1])[1] == pytest.approx(-1, abs=0.02)


@pytest.fixture(scope="module")
def listeners() -> Listeners:
    torch.manual_seed(0)
    return Listeners(
        jury=Jury({fold: RecurrentRecogniser(channels=4).eval() for fold in (0, 1)}, {0: ["a"], 1: ["b"]}, CPU),
        content=ContentNetwork(statements=2, segments=3, channels=4).eval(),
        statements=["dogs", "kids"],
        encoder=SpeakerEncoder().eval(),
        f0_min_hz=65.0,
        f0_max_hz=600.0,
        device=CPU,
    )


def test_sounds_are_heard_as_they_would_be_alone(listeners: Listeners) -> None:
    waves = [glide(), glide(1.3, 0.7), glide(stretch=1.2)]
    together = analyse(listeners, waves, [0, 1, 0])
    for wave_T, fold, one in zip(waves, (0, 1, 0), together, strict=True):
        (alone,) = analyse(listeners, [wave_T], [fold])
        assert torch.equal(one.mel_MF, log_mel(torch.from_numpy(wave_T)))
        assert np.allclose(one.belief_E, alone.belief_E, atol=1e-4)
        assert np.allclose(one.speaker_V, alone.speaker_V, atol=1e-4)
        assert np.linalg.norm(one.speaker_V) == pytest.approx(1, abs=1e-4)
        assert one.statement == alone.statement
        assert one.samples == len(wave_T)
    assert len(name_statements(listeners.content, [one.mel_MF for one in together], CPU)) == 3


def test_a_statement_that_was_not_learned_is_named(listeners: Listeners) -> None:
    assert listeners.statement("kids") == 1
    with pytest.raises(UserError, match="does not know statement 'cats', only dogs, kids"):
        listeners.statement("cats")


def test_what_is_said_of_one_sound(listeners: Listeners) -> None:
    made, source, target = analyse(listeners, [glide(1.2), glide(), glide(1.5, 0.8)], [0, 0, 0])
    label = int(made.belief_E.argmax())
    found = describe(made, source, target, label, made.statement)
    assert found["judge_accuracy"] == found["statement_accuracy"] == 1
    assert found["judge_probability"] == pytest.approx(float(made.belief_E[label]))
    assert found["speaker_cosine"] == pytest.approx(float(made.speaker_V @ source.speaker_V))
    other = describe(made, source, target, (label + 1) % 8, 1 - made.statement)
    assert other["judge_accuracy"] == other["statement_accuracy"] == 0
    assert found["mcd"] == compare(made, target)["mcd"]


def test_accuracy_of_several_networks_is_their_mean() -> None:
    torch.manual_seed(1)
    networks = [RecurrentRecogniser(channels=4).eval() for _ in range(2)]
    mels = [torch.randn(80, frames) - 5 for frames in (50, 70, 90)]
    with torch.no_grad():
        named = [[int(network(mel[None]).argmax()) for mel in mels] for network in networks]
    expected = np.mean([[name == label for name, label in zip(row, named[0], strict=True)] for row in named])
    assert accuracy_of_all(networks, mels, named[0], CPU) == pytest.approx(expected)
