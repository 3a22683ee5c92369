"""Root magnitudes and phases give the sound back, and keep finite gradients in silence."""

import numpy as np
import pytest
import torch
from torch import Tensor

from affekt.core.errors import UserError
from affekt.features.spectrogram import FAST, SLOW, Resolution, invert, phase_of, root, spectrum, squeeze_phase

MEL = Resolution(1024, 256)


def voice(samples: int, batch: int = 2) -> Tensor:
    """Harmonics with syllables, and some noise; peak below one."""
    t = torch.arange(samples) / 22050
    tone = sum(torch.sin(2 * torch.pi * 150 * k * t) / k for k in range(1, 15)) * (0.5 + 0.5 * torch.sin(20 * t))
    noise = 1e-3 * torch.randn(batch, samples, generator=torch.Generator().manual_seed(0))
    return 0.2 * tone + noise


@pytest.mark.parametrize("resolution", [FAST, SLOW, MEL])
@pytest.mark.parametrize("samples", [4096, 11025, 11100])
def test_there_and_back_keeps_the_sound(resolution: Resolution, samples: int) -> None:
    wave_BT = voice(samples)
    spectrum_BKF = spectrum(wave_BT, resolution)
    assert spectrum_BKF.shape == (2, resolution.bins, resolution.frames_of(samples))
    back_BT = invert(root(spectrum_BKF), phase_of(spectrum_BKF), samples, resolution)
    assert back_BT.shape == wave_BT.shape
    noise = (back_BT - wave_BT).square().mean()
    assert 10 * torch.log10(wave_BT.square().mean() / noise) > 100  # dB


@pytest.mark.parametrize("resolution", [FAST, SLOW])
def test_spectrum_is_librosas(resolution: Resolution) -> None:
    import librosa

    wave_BT = voice(8000, 1)
    peer = librosa.stft(
        wave_BT[0].numpy(), n_fft=resolution.n_fft, hop_length=resolution.hop_length, pad_mode="reflect"
    )
    found = spectrum(wave_BT, resolution)[0]
    assert np.allclose(found.numpy(), peer, atol=1e-4)
    loud = np.abs(peer) > 1e-3
    assert np.allclose(root(found).numpy()[loud], np.abs(peer)[loud] ** (1 / 8), rtol=1e-3)


def test_silence_has_a_gradient_and_a_phase() -> None:
    wave_BT = torch.zeros(1, 4096, requires_grad=True)
    spectrum_BKF = spectrum(wave_BT, FAST)
    root_BKF = root(spectrum_BKF)
    root_BKF.sum().backward()
    assert wave_BT.grad is not None
    assert wave_BT.grad.isfinite().all()
    assert torch.allclose(root_BKF, torch.full_like(root_BKF, 1e-12 ** (1 / 16)))
    assert (phase_of(spectrum_BKF) == 1).all()


def test_inverse_is_differentiable() -> None:
    small = Resolution(16, 4)
    root_BKF = 0.5 + torch.rand(1, 9, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    phase_BKF = phase_of(torch.randn(1, 9, 6, dtype=torch.complex128, generator=torch.Generator().manual_seed(1)))
    wave_BT = invert(root_BKF.float(), phase_BKF.to(torch.complex64), 20, small)
    direction = torch.randn(root_BKF.shape, generator=torch.Generator().manual_seed(2))
    wanted = torch.randn(wave_BT.shape, generator=torch.Generator().manual_seed(3))

    def value(step: float) -> Tensor:
        moved = invert(root_BKF.float() + step * direction, phase_BKF.to(torch.complex64), 20, small)
        return (moved * wanted).sum()

    leaf = root_BKF.float().requires_grad_()
    (invert(leaf, phase_BKF.to(torch.complex64), 20, small) * wanted).sum().backward()
    assert leaf.grad is not None
    slope = float((leaf.grad * direction).sum())
    assert slope == pytest.approx(float(value(1e-3) - value(-1e-3)) / 2e-3, rel=1e-2)


def test_too_short_a_sound_is_refused() -> None:
    with pytest.raises(UserError, match="too short"):
        spectrum(torch.zeros(1, 256), FAST)


def test_squeezed_phase_is_a_phase_vocoders() -> None:
    from torchaudio.functional import phase_vocoder

    spectrum_BKF = spectrum(voice(6000), FAST)
    frames = 36
    found = squeeze_phase(phase_of(spectrum_BKF), frames)
    advance = torch.linspace(0, np.pi * FAST.hop_length, FAST.bins)[:, None]
    peer = phase_vocoder(spectrum_BKF, spectrum_BKF.shape[-1] / frames, advance)[..., :frames]
    assert found.shape == peer.shape
    assert torch.allclose(found.abs(), torch.ones(found.shape))
    loud = peer.abs() > 1e-2 * peer.abs().max()
    # The peer adds angles up to thousands of turns in float32.
    assert torch.angle(found * peer.conj())[loud].abs().median() < 1e-3
    assert torch.angle(found * peer.conj())[loud].abs().max() < 0.1


def test_a_squeezed_tone_keeps_its_pitch_and_level() -> None:
    wave_BT = torch.sin(2 * torch.pi * 1000 * torch.arange(22050) / 22050)[None]
    spectrum_BKF = spectrum(wave_BT, FAST)
    frames = 123  # of 173
    shorter = invert(root(spectrum_BKF)[..., :frames], squeeze_phase(phase_of(spectrum_BKF), frames), 15000, FAST)[0]
    inner = shorter[1000:-1000]
    assert inner.abs().max() == pytest.approx(1, abs=0.05)
    peak = torch.fft.rfft(inner * torch.hann_window(len(inner))).abs().argmax() * 22050 / len(inner)
    assert float(peak) == pytest.approx(1000, abs=2)


def test_unsqueezed_phase_stays() -> None:
    phase_BKF = phase_of(spectrum(voice(4096), FAST))
    assert torch.allclose(squeeze_phase(phase_BKF, phase_BKF.shape[-1]), phase_BKF, atol=1e-4)
