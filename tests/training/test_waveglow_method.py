import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from affekt.core.errors import UserError
from affekt.core.params import WaveGlowParams
from affekt.features.mel import HOP_LENGTH, SAMPLE_RATE, log_mel
from affekt.training.loop import TrainResult, TrainSettings, train
from affekt.training.segments import PackedAudio
from affekt.training.waveglow import WaveGlowMethod

PARAMS = WaveGlowParams(
    channels=8, layers=2, flows=5, condition=8, sigma=0.6, steps=60, batch=2, segment_frames=17, lr=0.01, bf16=False
)
CPU = torch.device("cpu")


def harmonic_clip(seconds: float = 1.0) -> np.ndarray:
    time_T = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    waveform_T = 0.1 * sum(np.sin(2 * math.pi * 180 * k * time_T) / k for k in range(1, 25))
    return np.round(waveform_T * 32767).astype(np.int16)


def make_method(audio_T: np.ndarray, params: WaveGlowParams = PARAMS) -> WaveGlowMethod:
    return WaveGlowMethod(params, [PackedAudio(audio_T, np.array([0]), np.array([len(audio_T)]))], 3, CPU)


def quiet(items: Any, what: str, **_: Any) -> Any:
    return iter(items)


def train_on_one_clip(folder: Path) -> tuple[WaveGlowMethod, TrainResult]:
    method = make_method(harmonic_clip())
    settings = TrainSettings(steps=PARAMS.steps, seed=5, log_every=1)
    return method, train(method, settings, folder, CPU, lambda scalars, step: None, quiet)


def nats(method: WaveGlowMethod, waveform_BT: torch.Tensor) -> float:
    """The negative log-likelihood of a sample, from its definition."""
    with torch.no_grad():
        z_BGN, log_scales_B, log_dets_B = method.waveglow.analyse(waveform_BT, log_mel(waveform_BT))
    likelihood_B = torch.distributions.Normal(0, 1).log_prob(z_BGN).sum(dim=(1, 2)) + log_scales_B + log_dets_B
    return float(-likelihood_B.mean() / waveform_BT.shape[1])


def test_likelihood_rises_and_weights_repeat_to_the_bit(tmp_path: Path) -> None:
    method, result = train_on_one_clip(tmp_path / "one")
    total = result.history["loss/waveglow"]
    assert np.mean(total[-5:]) < np.mean(total[:5]) - 1  # a nat a sample
    again, _ = train_on_one_clip(tmp_path / "two")
    for name, weight in method.waveglow.state_dict().items():
        assert torch.equal(weight, again.waveglow.state_dict()[name]), name


def test_the_trained_flow_finds_its_clip_likelier_than_noise(tmp_path: Path) -> None:
    method, _ = train_on_one_clip(tmp_path)
    clip_BT = torch.from_numpy(harmonic_clip()[: 40 * HOP_LENGTH] / np.float32(32768))[None]
    noise_BT = clip_BT.std() * torch.randn(clip_BT.shape, generator=torch.Generator().manual_seed(0))
    assert nats(method, clip_BT) < nats(method, noise_BT) - 1


def test_the_loss_is_the_negative_log_likelihood() -> None:
    """At the start couplings change nothing: the noise is the waveform, rotated and 16 times as loud."""
    method = make_method(harmonic_clip())
    seen: list[dict[str, torch.Tensor]] = []

    class State:
        def autocast(self) -> Any:
            return torch.autocast("cpu", enabled=False)

        def update(self, name: str, loss: torch.Tensor) -> None:
            seen.append({name: loss})

    batch = method.batch(0, torch.Generator().manual_seed(0))
    scalars = {name: value.detach() for name, value in method.step(State(), batch).items()}  # type: ignore[arg-type]
    heard_BT = batch["waveform"] + batch["dither"]
    power = float((16 * heard_BT).square().mean())
    assert float(scalars["nll/noise"]) == pytest.approx(0.5 * power + 0.5 * math.log(2 * math.pi), rel=1e-4)
    assert float(scalars["nll/mixing"]) == pytest.approx(-math.log(16), rel=1e-4)
    assert float(scalars["nll/scales"]) == 0
    parts = sum(float(value) for name, value in scalars.items() if name.startswith("nll/"))
    assert float(scalars["loss/waveglow"]) == pytest.approx(parts)
    assert float(seen[0]["waveglow"].detach()) == float(scalars["loss/waveglow"])


def test_every_weight_is_trained(tmp_path: Path) -> None:
    method, _ = train_on_one_clip(tmp_path)
    fresh = make_method(harmonic_clip()).waveglow.state_dict()
    for name, weight in method.waveglow.named_parameters():
        assert not torch.equal(weight, fresh[name]), name


def test_silence_is_dithered_by_less_than_a_step_of_16_bits() -> None:
    batch = make_method(np.zeros(20_000, np.int16)).batch(0, torch.Generator().manual_seed(0))
    assert not batch["waveform"].any()
    assert 0.4 / 32768 < float(batch["dither"].abs().max()) <= 0.5 / 32768


def test_training_in_bfloat16_keeps_samples_in_full_precision(tmp_path: Path) -> None:
    """What is mixed stays float32 under autocast: only the couplings' networks are rounded, and they start at zero."""
    method = make_method(harmonic_clip())
    waveform_BT = method.batch(0, torch.Generator().manual_seed(0))["waveform"]
    mel_BMF = log_mel(waveform_BT)
    with torch.autocast("cpu", torch.bfloat16):
        rounded_BGN = method.waveglow.analyse(waveform_BT, mel_BMF)[0]
    assert torch.equal(rounded_BGN, method.waveglow.analyse(waveform_BT, mel_BMF)[0])


def test_no_clips_is_said() -> None:
    with pytest.raises(UserError, match="no clip to train on"):
        WaveGlowMethod(PARAMS, [PackedAudio(harmonic_clip(), np.array([]), np.array([]))], 3, CPU)
