"""The mel is librosa's, has golden values, and can be trained through."""

import ast
from pathlib import Path

import numpy as np
import pytest
import torch

from affekt.core.errors import UserError
from affekt.features.mel import (
    FMAX_HZ,
    FMIN_HZ,
    HOP_LENGTH,
    LOG_FLOOR,
    N_FFT,
    N_MELS,
    SAMPLE_RATE,
    denormalise,
    frames_of,
    log_mel,
    mel_filterbank,
    normalise,
)

SOURCE = Path(__file__).parents[2] / "src" / "affekt"


def chirp(seconds: float = 1.0) -> torch.Tensor:
    """A linear sweep from 100 to 6100 Hz at half of full scale."""
    time = torch.arange(int(seconds * SAMPLE_RATE), dtype=torch.float64) / SAMPLE_RATE
    return (0.5 * torch.sin(2 * torch.pi * (100 * time + 3000 * time**2))).float()


def librosa_mel(waveform: np.ndarray) -> np.ndarray:
    import librosa

    power = librosa.feature.melspectrogram(
        y=waveform,
        sr=SAMPLE_RATE,
        n_fft=N_FFT,
        hop_length=HOP_LENGTH,
        n_mels=N_MELS,
        fmin=FMIN_HZ,
        fmax=FMAX_HZ,
        power=1.0,
        pad_mode="reflect",
    )
    return np.log(np.maximum(power, LOG_FLOOR))


def test_filterbank_is_librosas() -> None:
    import librosa

    theirs = librosa.filters.mel(sr=SAMPLE_RATE, n_fft=N_FFT, n_mels=N_MELS, fmin=FMIN_HZ, fmax=FMAX_HZ)
    np.testing.assert_allclose(mel_filterbank().numpy(), theirs, atol=1e-6)


def test_mel_is_librosas() -> None:
    noise = torch.randn(SAMPLE_RATE, generator=torch.Generator().manual_seed(0)) * 0.1
    for waveform in (noise, chirp() + 0.1 * noise):
        np.testing.assert_allclose(log_mel(waveform).numpy(), librosa_mel(waveform.numpy()), atol=1e-4)
    # Beside a pure tone most bands hold only the rounding of float32: what counts is the distance from the peak.
    ours, theirs = log_mel(chirp()).exp().numpy(), np.exp(librosa_mel(chirp().numpy()))
    np.testing.assert_allclose(ours, theirs, atol=1e-5 * theirs.max())


def test_golden_chirp() -> None:
    mel = log_mel(chirp())
    assert mel.shape == (N_MELS, 87)
    assert mel.argmax(0)[[10, 40, 70]].tolist() == [21, 53, 68]  # 797, 2887 and 4976 Hz
    golden = torch.tensor([1.14849, 0.74677, 0.41076, 1.09709])
    torch.testing.assert_close(mel[[21, 53, 68, 5], [10, 40, 70, 2]], golden, atol=1e-4, rtol=0)


@pytest.mark.parametrize("samples", [513, 1024, 22049, 22050, 25600])
def test_frame_count(samples: int) -> None:
    assert log_mel(torch.zeros(samples)).shape == (N_MELS, frames_of(samples))


def test_silence_is_the_floor_and_has_a_gradient() -> None:
    waveform = torch.zeros(4096, requires_grad=True)
    mel = log_mel(waveform)
    torch.testing.assert_close(mel, torch.full_like(mel, float(np.log(LOG_FLOOR))))
    mel.sum().backward()
    assert waveform.grad is not None
    assert waveform.grad.isfinite().all()


def test_gradient_is_that_of_finite_differences() -> None:
    random = torch.Generator().manual_seed(1)
    waveform = (0.1 * torch.randn(4096, generator=random)).requires_grad_()
    direction = waveform.detach() + 0.01 * torch.randn(4096, generator=random)  # mostly a change of level
    log_mel(waveform).mean().backward()
    assert waveform.grad is not None
    step = 1e-3
    with torch.no_grad():
        ahead, behind = (log_mel(waveform + sign * step * direction).mean() for sign in (1, -1))
    expected = ((ahead - behind) / (2 * step)).item()
    assert (waveform.grad * direction).sum().item() == pytest.approx(expected, rel=0.02)


def test_batch_is_one_by_one() -> None:
    batch = torch.stack([chirp(), chirp().flip(0)])
    torch.testing.assert_close(log_mel(batch), torch.stack([log_mel(row) for row in batch]))
    torch.testing.assert_close(log_mel(batch.reshape(2, 1, -1)), log_mel(batch)[:, None])


def test_mel_is_exact_under_autocast() -> None:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mel = log_mel(chirp())
    torch.testing.assert_close(mel, log_mel(chirp()))


def test_caches_made_in_inference_mode_serve_training() -> None:
    from affekt.features import mel, stft

    mel._filterbank.cache_clear()
    stft._window.cache_clear()
    with torch.inference_mode():
        log_mel(chirp(0.1))
    waveform = chirp(0.1).requires_grad_()
    log_mel(waveform).sum().backward()


def test_too_short_is_the_users_error() -> None:
    with pytest.raises(UserError, match="512 samples is too short"):
        log_mel(torch.zeros(512))


def test_normalise_maps_speech_near_one_and_back() -> None:
    mel = torch.tensor([np.log(LOG_FLOOR), -5.0, 1.9], dtype=torch.float32)
    torch.testing.assert_close(normalise(mel), torch.tensor([-2.0, 0.0, 2.123]), atol=0.01, rtol=0)
    torch.testing.assert_close(denormalise(normalise(mel)), mel)


def test_no_other_mel_is_defined() -> None:
    """Only this mel and the speaker encoder's may make a filterbank; a model and a vocoder must not disagree."""
    makers = {"melscale_fbanks", "MelSpectrogram", "MelScale", "melspectrogram", "mel_frequencies"}
    found = set()
    for file in SOURCE.rglob("*.py"):
        names = {
            part
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
            for part in (getattr(node, "attr", None), getattr(node, "id", None), getattr(node, "name", None))
        }
        if names & makers:
            found.add(file.relative_to(SOURCE).as_posix())
    assert found == {"features/mel.py", "features/speaker.py"}
