import pytest
import torch

from affekt.models.discriminators import (
    PERIODS,
    RESOLUTIONS,
    Discriminators,
    Opinion,
    PeriodDiscriminator,
    SpectrogramDiscriminator,
    match_features,
)

SAMPLES = 15 * 256


def noise(seed: int = 0, batch: int = 2) -> torch.Tensor:
    return 0.1 * torch.randn(batch, SAMPLES, generator=torch.Generator().manual_seed(seed))


def test_there_is_an_opinion_of_each_period_and_resolution() -> None:
    opinions = Discriminators(4)(noise())
    assert len(opinions) == len(PERIODS) + len(RESOLUTIONS)
    for opinion in opinions:
        assert opinion.logits.dtype == torch.float32
        assert torch.isfinite(opinion.logits).all()
        assert len(opinion.maps) == 4


@pytest.mark.parametrize("period", PERIODS)
def test_phases_of_a_period_do_not_meet(period: int) -> None:
    """A change of the samples 0, period, 2 period, ... is heard in that phase's logits alone."""
    torch.manual_seed(0)
    critic = PeriodDiscriminator(period, 4)
    waveform_BT = noise(batch=1)
    moved_BT = waveform_BT.clone()
    moved_BT[:, ::period] += 0.1
    before, after = critic(waveform_BT).logits, critic(moved_BT).logits
    assert before.shape[0] == period
    assert not torch.equal(before[0], after[0])
    assert torch.equal(before[1:], after[1:])


def test_a_sound_that_no_period_divides_keeps_its_end() -> None:
    critic = PeriodDiscriminator(7, 4)
    waveform_BT = noise()
    assert waveform_BT.shape[1] % 7
    moved_BT = waveform_BT.clone()
    moved_BT[:, -1] += 1.0
    assert not torch.equal(critic(waveform_BT).logits, critic(moved_BT).logits)


@pytest.mark.parametrize("n_fft", RESOLUTIONS)
def test_a_spectrogram_is_judged_frame_by_frame(n_fft: int) -> None:
    opinion = SpectrogramDiscriminator(n_fft, 4)(noise())
    frames = SAMPLES // (n_fft // 4) + 1
    assert opinion.logits.shape[:2] == (2, frames)
    assert opinion.maps[0].shape[:3] == (2, 4, frames)


def test_gradient_reaches_every_sample_and_every_weight() -> None:
    torch.manual_seed(0)
    critics = Discriminators(4)
    waveform_BT = noise().requires_grad_()
    torch.stack([opinion.logits.square().mean() for opinion in critics(waveform_BT)]).sum().backward()
    assert waveform_BT.grad is not None
    assert torch.isfinite(waveform_BT.grad).all()
    assert (waveform_BT.grad != 0).float().mean() > 0.99
    for name, weight in critics.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.any(), name


def test_gradient_is_finite_in_silence() -> None:
    waveform_BT = torch.zeros(1, SAMPLES, requires_grad=True)
    torch.stack([opinion.logits.mean() for opinion in Discriminators(2)(waveform_BT)]).sum().backward()
    assert waveform_BT.grad is not None
    assert torch.isfinite(waveform_BT.grad).all()


def test_features_match_themselves_and_doubled_ones_are_one_apart() -> None:
    opinions = Discriminators(2)(noise())
    assert match_features(opinions, opinions) == 0
    doubled = [Opinion(opinion.logits, [2 * hidden for hidden in opinion.maps]) for opinion in opinions]
    assert match_features(doubled, opinions).item() == pytest.approx(1.0)


def test_feature_matching_moves_the_fake_alone() -> None:
    real_BT, fake_BT = noise(0).requires_grad_(), noise(1).requires_grad_()
    critics = Discriminators(2)
    match_features(critics(fake_BT), critics(real_BT)).backward()
    assert fake_BT.grad is not None
    assert fake_BT.grad.any()
    assert real_BT.grad is None
