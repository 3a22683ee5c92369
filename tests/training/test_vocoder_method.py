import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from affekt.core.errors import UserError
from affekt.core.params import VocoderParams
from affekt.features.mel import HOP_LENGTH, SAMPLE_RATE
from affekt.training.loop import TrainResult, TrainSettings, train
from affekt.training.losses import log_magnitude_l1, mel_l1, multi_resolution_stft, spectral_convergence
from affekt.training.segments import PackedAudio
from affekt.training.vocoder import VocoderMethod, first_adversarial

PARAMS = VocoderParams(
    channels=16,
    blocks=1,
    steps=36,
    batch=1,
    segment_frames=16,
    lr=0.005,
    refine=2,
    match=1,
    mel_weight=5.0,
    adversarial=0.2,
    warmup=0.5,
    critic_channels=2,
    critic_lr=0.001,
    loss="hinge",
    ema=0.0,
    bf16=False,
)
ALONE = PARAMS.model_copy(update={"adversarial": 0.0})
CPU = torch.device("cpu")
SPECTRAL = ("stft/convergence", "stft/log_l1", "magnitude/convergence", "magnitude/log_l1", "mel/l1")


def harmonic_clip(seconds: float = 1.0, level: float = 0.1) -> np.ndarray:
    time_T = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    waveform_T = level * sum(np.sin(2 * math.pi * 180 * k * time_T) / k for k in range(1, 25))
    return np.round(waveform_T * 32767).astype(np.int16)


def make_method(
    audio_T: np.ndarray, offsets: list[int], frames: list[int], params: VocoderParams = PARAMS
) -> VocoderMethod:
    return VocoderMethod(params, [PackedAudio(audio_T, np.array(offsets), np.array(frames))], 3, CPU)


def quiet(items: Any, what: str, **_: Any) -> Any:
    return iter(items)


def train_on_one_clip(
    folder: Path, params: VocoderParams = PARAMS, checkpoint_every: int = 100
) -> tuple[VocoderMethod, TrainResult]:
    clip_T = harmonic_clip()
    method = make_method(clip_T, [0], [len(clip_T)], params)
    settings = TrainSettings(steps=params.steps, seed=5, log_every=1, checkpoint_every=checkpoint_every)
    return method, train(method, settings, folder, CPU, lambda scalars, step: None, quiet)


@pytest.mark.parametrize("params", [PARAMS, ALONE], ids=["adversarial", "alone"])
def test_loss_falls_and_weights_repeat_to_the_bit(tmp_path: Path, params: VocoderParams) -> None:
    method, result = train_on_one_clip(tmp_path / "one", params)
    total = np.sum([result.history[name] for name in SPECTRAL], axis=0)
    assert np.mean(total[-5:]) < 0.85 * np.mean(total[:5])
    for name in ("mel/l1", "stft/log_l1", "magnitude/log_l1"):
        assert np.mean(result.history[name][-5:]) < np.mean(result.history[name][:5])
    again, _ = train_on_one_clip(tmp_path / "two", params)
    for name, weight in method.vocoder.state_dict().items():
        assert torch.equal(weight, again.vocoder.state_dict()[name]), name


def test_resumed_amid_the_game_it_ends_with_the_same_bits(tmp_path: Path) -> None:
    whole, _ = train_on_one_clip(tmp_path / "whole")
    train_on_one_clip(tmp_path / "resumed", checkpoint_every=24)  # leaves the checkpoint of step 24
    resumed, result = train_on_one_clip(tmp_path / "resumed")
    assert result.history["step"] == list(map(float, range(PARAMS.steps)))
    for name, module in whole.modules.items():
        for key, weight in module.state_dict().items():
            assert torch.equal(weight, resumed.modules[name].state_dict()[key]), f"{name} {key}"


def test_discriminators_come_in_after_the_warmup(tmp_path: Path) -> None:
    method, result = train_on_one_clip(tmp_path / "game")
    fresh = make_method(harmonic_clip(), [0], [22050]).discriminators.state_dict()
    assert len(result.history["adv/discriminators"]) == PARAMS.steps - first_adversarial(PARAMS) == 18
    assert all(not torch.equal(weight, fresh[key]) for key, weight in method.discriminators.state_dict().items())
    alone, other = train_on_one_clip(tmp_path / "alone", ALONE)
    assert set(alone.modules) == {"vocoder"}
    assert not [name for name in other.history if name.startswith("adv/")]
    # Until they come in nothing differs; afterwards they have a say.
    assert result.history["mel/l1"][:19] == other.history["mel/l1"][:19]
    assert result.history["mel/l1"][19:] != other.history["mel/l1"][19:]


@pytest.mark.parametrize("loss", ["hinge", "logistic", "relativistic"])
def test_discriminators_learn_to_tell_what_the_vocoder_says(tmp_path: Path, loss: str) -> None:
    _, result = train_on_one_clip(
        tmp_path, PARAMS.model_copy(update={"warmup": 0.0, "loss": loss, "critic_lr": 0.01, "steps": 16})
    )
    told = result.history["adv/discriminators"]
    assert np.mean(told[-5:]) < np.mean(told[:3])


@pytest.mark.parametrize("change", [{"adversarial": 0.0}, {"warmup": 1.0}])
def test_no_weight_or_no_time_is_no_discriminator(change: dict[str, float]) -> None:
    params = PARAMS.model_copy(update=change)
    assert first_adversarial(params) == params.steps
    assert set(make_method(harmonic_clip(), [0], [22050], params).modules) == {"vocoder"}


def test_every_weight_is_trained(tmp_path: Path) -> None:
    method, _ = train_on_one_clip(tmp_path)
    clip_T = harmonic_clip()
    fresh = make_method(clip_T, [0], [len(clip_T)]).vocoder.state_dict()
    for name, weight in method.vocoder.named_parameters():
        assert not torch.equal(weight, fresh[name]), name


def test_segments_come_only_from_the_given_clips() -> None:
    audio_T = np.concatenate([np.full(30_000, 20_000, np.int16), np.full(30_000, 100, np.int16)])
    method = make_method(audio_T, [30_000], [30_000])
    waveform_BT = method.batch(0, torch.Generator().manual_seed(0))["waveform"]
    assert waveform_BT.shape == (1, (PARAMS.segment_frames - 1) * HOP_LENGTH)
    # 100 / 32768, moved by at most 6 dB
    assert ((waveform_BT > 0.0015) & (waveform_BT < 0.0062)).all()


def test_short_clips_are_followed_by_silence() -> None:
    audio_T = np.full(10_000, 8_000, np.int16)
    method = make_method(audio_T, [0, 1_000], [1_000, 2_000])
    waveform_BT = method.batch(0, torch.Generator().manual_seed(0))["waveform"]
    for segment_T in waveform_BT:
        spoken = int((segment_T != 0).sum())
        assert spoken in (1_000, 2_000)
        assert not segment_T[spoken:].any()


def test_batches_depend_on_the_generator_alone() -> None:
    clip_T = harmonic_clip()
    method = make_method(clip_T, [0], [len(clip_T)])
    one, same, other = (method.batch(0, torch.Generator().manual_seed(s))["waveform"] for s in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_no_clips_is_said() -> None:
    with pytest.raises(UserError, match="no clip to train on"):
        make_method(harmonic_clip(), [], [])


def test_losses_are_zero_for_equal_waveforms() -> None:
    waveform_BT = torch.from_numpy(harmonic_clip() / np.float32(32768))[None]
    assert mel_l1(waveform_BT, waveform_BT) == 0
    convergence, log_l1 = multi_resolution_stft(waveform_BT, waveform_BT)
    assert convergence < 1e-6
    assert log_l1 == 0


def test_losses_of_a_known_gain() -> None:
    """Twice the magnitude: the difference is as large as the target, and log 2 in every bin above the floor."""
    target_BKF = torch.rand(2, 65, 20, generator=torch.Generator().manual_seed(0)) + 0.01
    assert torch.allclose(spectral_convergence(2 * target_BKF, target_BKF), torch.tensor(1.0))
    assert torch.allclose(log_magnitude_l1(2 * target_BKF, target_BKF), torch.tensor(math.log(2)))


def test_losses_have_finite_gradients_in_silence() -> None:
    waveform_BT = torch.zeros(1, 8192, requires_grad=True)
    convergence, log_l1 = multi_resolution_stft(waveform_BT, torch.zeros(1, 8192))
    (convergence + log_l1 + mel_l1(waveform_BT, torch.zeros(1, 8192))).backward()
    assert waveform_BT.grad is not None
    assert torch.isfinite(waveform_BT.grad).all()
