"""Griffin-Lim gives back the mel that it was given."""

import numpy as np
import pytest
import torch

from affekt.core.errors import UserError
from affekt.features.griffin_lim import griffin_lim, invert_mel, match_mel
from affekt.features.mel import HOP_LENGTH, LOG_FLOOR, SAMPLE_RATE, log_mel, mel_filterbank

LOUD = -4.0  # the harmonics; between them a clean tone has only what the window leaks


def glide(start_hz: float) -> torch.Tensor:
    """Twenty harmonics that glide up by a fifth, with a soft beginning and end."""
    time = np.arange(40 * HOP_LENGTH) / SAMPLE_RATE
    phase = 2 * np.pi * start_hz * (time + time**2 / 2)
    tone = sum(np.sin(k * phase) / k for k in range(1, 21))
    return torch.from_numpy(0.1 * np.asarray(tone) * np.hanning(len(time))).float()


def test_inverse_has_the_mel_and_is_not_negative() -> None:
    mel = log_mel(glide(150))
    magnitude = invert_mel(mel)
    assert magnitude.min() >= 0
    back = (mel_filterbank() @ magnitude).clamp(min=LOG_FLOOR).log()
    assert (back - mel)[mel > LOUD].abs().mean() < 0.05


def test_mel_of_the_sound_is_near() -> None:
    mel = log_mel(glide(150))
    waveform = griffin_lim(mel)
    assert waveform.shape == ((mel.shape[1] - 1) * HOP_LENGTH,)
    again = log_mel(waveform)
    assert again.shape == mel.shape
    error = (again - mel)[mel > LOUD].abs().mean()
    assert error < 0.12
    first = log_mel(griffin_lim(mel, iterations=1))
    assert (first - mel)[mel > LOUD].abs().mean() > 3 * error


def test_deterministic_and_batched() -> None:
    mels = torch.stack([log_mel(glide(150)), log_mel(glide(220))])
    state = torch.get_rng_state()
    together = griffin_lim(mels, iterations=8)
    assert torch.equal(together, griffin_lim(mels, iterations=8))
    assert torch.equal(state, torch.get_rng_state())
    torch.testing.assert_close(together[1], griffin_lim(mels[1], iterations=8), atol=1e-3, rtol=0)


@pytest.mark.parametrize("iterations", [1, 8])
def test_equals_a_peer(iterations: int) -> None:
    """torchaudio's iteration with the same momentum and start; later ones drift apart where phases are ambiguous."""
    from torchaudio.functional import griffinlim

    mel = log_mel(glide(150))
    samples = (mel.shape[1] - 1) * HOP_LENGTH
    peer = griffinlim(
        invert_mel(mel), torch.hann_window(1024), 1024, HOP_LENGTH, 1024, 1.0, iterations, 0.99, samples, False
    )
    torch.testing.assert_close(griffin_lim(mel, iterations), peer, atol=1e-4, rtol=0)


def test_silence_is_silent() -> None:
    waveform = griffin_lim(torch.full((80, 20), float(np.log(LOG_FLOOR))), iterations=4)
    assert waveform.abs().max() < 1e-3


def test_too_short_is_the_users_error() -> None:
    with pytest.raises(UserError, match="3 frames is too short"):
        griffin_lim(torch.zeros(80, 3))


def test_matching_brings_the_mel_nearer_each_time() -> None:
    mel_BMF = log_mel(glide(150))[None]
    waveform_BT = griffin_lim(mel_BMF, iterations=2)
    errors = []
    for _ in range(4):
        errors.append(float((log_mel(waveform_BT) - mel_BMF)[mel_BMF > LOUD].abs().mean()))
        waveform_BT = match_mel(waveform_BT, mel_BMF)
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.7 * errors[0]


def test_matching_leaves_a_sound_that_has_the_mel() -> None:
    waveform_BT = glide(150)[None]
    same_BT = match_mel(waveform_BT, log_mel(waveform_BT))
    torch.testing.assert_close(same_BT, waveform_BT, atol=1e-5, rtol=0)


def test_matching_has_the_gradient_of_finite_differences() -> None:
    waveform_BT, rng = glide(150)[None], torch.Generator().manual_seed(0)
    mel_BMF = log_mel(waveform_BT) + 0.1
    weight_BT = torch.randn(waveform_BT.shape, generator=rng)
    leaf_BMF = mel_BMF.clone().requires_grad_()
    (gradient_BMF,) = torch.autograd.grad((weight_BT * match_mel(waveform_BT, leaf_BMF)).sum(), leaf_BMF)
    way_BMF = gradient_BMF / gradient_BMF.abs().max() * 1e-2
    up, down = (float((weight_BT * match_mel(waveform_BT, mel_BMF + sign * way_BMF)).sum()) for sign in (1, -1))
    assert (up - down) / 2 == pytest.approx(float((gradient_BMF * way_BMF).sum()), rel=0.02)


def test_matching_silence_is_finite() -> None:
    silent_BT = torch.zeros(1, 19 * HOP_LENGTH)
    for level in (-40.0, float(np.log(LOG_FLOOR)), 2.0):
        mel_BMF = torch.full((1, 80, 20), level, requires_grad=True)
        (gradient_BMF,) = torch.autograd.grad(match_mel(silent_BT, mel_BMF).square().sum(), mel_BMF)
        assert torch.isfinite(gradient_BMF).all()
