"""Speaker embeddings: Resemblyzer's network and weights, many clips at a time.

The network is the GE2E encoder (Wan et al., Generalized end-to-end loss for speaker verification, 2018) as trained by
Resemblyzer; its weights come inside that package. Two things differ from the package, on purpose: the partial windows
of many clips go through the LSTM together, and the package's voice activity detector is left out, because prepared
clips carry no silence at their ends. It hears 16 kHz and its own 40-band power mel, the only other mel of the project.

Axes: P partial windows, M mel bands, F frames, T samples.
"""

import importlib.util
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from affekt.core.errors import UserError
from affekt.features.mel import SAMPLE_RATE
from affekt.features.stft import bins_of

EMBEDDING_SIZE = 256
# Facts of the trained weights (resemblyzer.hparams), not choices.
_RATE = 16000  # Hz
_WINDOW = 400  # samples, 25 ms
_HOP = 160  # samples, 10 ms
_BANDS = 40
_PARTIAL_FRAMES = 160
_PARTIAL_STEP = 77  # frames: 1.3 partials a second
_MIN_COVERAGE = 0.75  # a last partial with less speech than this is dropped
_TARGET_DBFS = -30.0  # quieter clips are raised to it


class SpeakerEncoder(nn.Module):
    """Resemblyzer's network: (P, _PARTIAL_FRAMES, _BANDS) to unit vectors (P, EMBEDDING_SIZE)."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(_BANDS, EMBEDDING_SIZE, num_layers=3, batch_first=True)
        self.linear = nn.Linear(EMBEDDING_SIZE, EMBEDDING_SIZE)

    def forward(self, mel_PFM: Tensor) -> Tensor:
        _, (hidden, _) = self.lstm(mel_PFM)
        return nn.functional.normalize(self.linear(hidden[-1]).relu(), dim=-1)


def load_encoder(device: torch.device | str = "cpu") -> SpeakerEncoder:
    """The trained encoder, ready to embed."""
    package = importlib.util.find_spec("resemblyzer")  # located, not imported: importing it loads librosa
    if package is None or package.origin is None:
        raise UserError("the package resemblyzer is missing: run `make` again to install it")
    weights = Path(package.origin).with_name("pretrained.pt")
    state = torch.load(weights, map_location="cpu", weights_only=True)["model_state"]
    encoder = SpeakerEncoder()
    # The file also holds the scale and bias of the training loss, which an embedding does not need.
    encoder.load_state_dict({name: state[name] for name in encoder.state_dict()})
    return encoder.eval().requires_grad_(False).to(device)


@torch.inference_mode()
def embed_speakers(
    encoder: SpeakerEncoder, waveforms: Sequence[np.ndarray], sample_rate: int = SAMPLE_RATE
) -> np.ndarray:
    """One unit vector per clip, float32 (clips, EMBEDDING_SIZE); waveforms are float in [-1, 1]."""
    device = next(encoder.parameters()).device
    partials = [_partials(_prepare(waveform, sample_rate)) for waveform in waveforms]
    counts = [len(mel_PFM) for mel_PFM in partials]
    found = encoder(torch.cat(partials).to(device)).cpu().split(counts)
    mean = torch.stack([embedding.mean(0) for embedding in found])
    return nn.functional.normalize(mean, dim=-1).numpy()


def _prepare(waveform_T: np.ndarray, sample_rate: int) -> np.ndarray:
    """At 16 kHz and at least at the level that the encoder was trained on."""
    if sample_rate != _RATE:
        import soxr

        waveform_T = soxr.resample(waveform_T, sample_rate, _RATE)
    rms = float(np.sqrt(np.mean(np.square(waveform_T, dtype=np.float64))))
    gain = 10 ** (_TARGET_DBFS / 20) / rms if rms > 0 else 1.0
    return (waveform_T * max(gain, 1.0)).astype(np.float32)


def _partials(waveform_T: np.ndarray) -> Tensor:
    """Overlapping windows of 1.6 s of the power mel, (P, _PARTIAL_FRAMES, _BANDS)."""
    samples = len(waveform_T)
    span = _PARTIAL_FRAMES * _HOP
    frames = samples // _HOP + 1
    starts = range(0, max(1, frames - _PARTIAL_FRAMES + _PARTIAL_STEP + 1), _PARTIAL_STEP)
    if len(starts) > 1 and (samples - starts[-1] * _HOP) / span < _MIN_COVERAGE:
        starts = starts[:-1]
    padding = max(0, starts[-1] * _HOP + span - samples)
    mel_FM = _power_mel(torch.from_numpy(np.pad(waveform_T, (0, padding)))).T
    return torch.stack([mel_FM[start : start + _PARTIAL_FRAMES] for start in starts])


def _power_mel(waveform_T: Tensor) -> Tensor:
    """The encoder's mel: power, not log, zeros beyond the ends; (T,) to (_BANDS, T // _HOP + 1)."""
    window, bands_MK = _front_end()
    spectrum_KF = torch.stft(
        waveform_T, _WINDOW, _HOP, window=window, center=True, pad_mode="constant", return_complex=True
    )
    return bands_MK @ torch.view_as_real(spectrum_KF).square().sum(-1)


@lru_cache
def _front_end() -> tuple[Tensor, Tensor]:
    from torchaudio.functional import melscale_fbanks

    bands_KM = melscale_fbanks(bins_of(_WINDOW), 0.0, _RATE / 2, _BANDS, _RATE, norm="slaney", mel_scale="slaney")
    return torch.hann_window(_WINDOW), bands_KM.T.contiguous()
