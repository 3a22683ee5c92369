"""Random views: shapes, what they read of a clip, and their distribution; identity where nothing is drawn."""

import pytest
import torch
from scipy.special import betainc
from torch import Tensor

from affekt.training import augment
from affekt.training.augment import Augment, add_noise, interpolate, mask, mixup_weights, random_views

CPU = torch.device("cpu")
CROP = 40
OUTSIDE = -1000.0


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


SPEED, PITCH = 0.15, 3.0
ALL = Augment(CROP, SPEED, PITCH, noise=0.5, masks=True)


@pytest.fixture
def no_tilt(monkeypatch: pytest.MonkeyPatch) -> None:
    """The microphone's tilt is in every view, whatever the settings."""
    monkeypatch.setattr(augment, "TILT", 0.0)


def clock(frames: list[int], total: int) -> Tensor:
    """Make clips whose frame f holds f in all bands, and OUTSIDE beyond their end."""
    mel_BFM = torch.full((len(frames), total, 80), OUTSIDE)
    for row, valid in enumerate(frames):
        mel_BFM[row, :valid] = torch.arange(valid)[:, None].float()
    return mel_BFM


@pytest.mark.parametrize("crop", [32, 40, 200])
def test_views_have_the_crops_length_and_valid_frames(crop: int) -> None:
    frames = torch.tensor([10, 40, 75, 120])
    view_BMF, valid_B = random_views(torch.randn(4, 120, 80), frames, Augment(crop, SPEED, PITCH, 0.5), rng())
    assert view_BMF.shape == (4, 80, crop)
    assert valid_B.dtype == torch.int64
    assert (valid_B >= 1).all()
    assert (valid_B <= crop).all()
    assert view_BMF.isfinite().all()


@pytest.mark.usefixtures("no_tilt")
def test_without_stretch_shift_and_tilt_a_view_is_a_window_of_the_clip() -> None:
    frames = [25, 40, 90]
    mel_BFM = clock(frames, 90) + torch.linspace(0, 0.5, 80)
    starts = set()
    for seed in range(20):
        view_BMF, valid_B = random_views(mel_BFM, torch.tensor(frames), Augment(CROP), rng(seed))
        assert valid_B.tolist() == [25, 40, 40]
        start = round(view_BMF[2, 0, 0].item())
        starts.add(start)
        assert torch.equal(view_BMF[2].T, mel_BFM[2, start : start + CROP])
        assert torch.equal(view_BMF[1].T, mel_BFM[1, :CROP])
        assert torch.equal(view_BMF[0, :, :25].T, mel_BFM[0, :25])
    assert min(starts) >= 0
    assert max(starts) <= 50
    assert len(starts) > 10


@pytest.mark.usefixtures("no_tilt")
def test_valid_frames_read_nothing_beyond_the_clip() -> None:
    frames = torch.tensor([10, 33, 40, 90] * 50)
    mel_BFM = clock(frames.tolist(), 120)
    view_BMF, valid_B = random_views(mel_BFM, frames, Augment(CROP, SPEED, PITCH), rng())
    for row, valid in enumerate(valid_B.tolist()):
        assert view_BMF[row, :, :valid].min() >= 0, f"clip of {int(frames[row])} frames, {valid} valid"


@pytest.mark.usefixtures("no_tilt")
def test_a_stretch_changes_speed_and_length_as_drawn() -> None:
    frames = torch.full((64,), 100)
    view_BMF, valid_B = random_views(clock([100] * 64, 100), frames, Augment(200, speed=SPEED), rng())
    speed_B = view_BMF[:, 0, 51] - view_BMF[:, 0, 50]  # the clock's frames per frame of the view
    assert speed_B.min() >= 1 - SPEED - 1e-4
    assert speed_B.max() <= 1 + SPEED + 1e-4
    assert speed_B.max() - speed_B.min() > SPEED
    assert ((valid_B - 100 / speed_B).abs() <= 1.5).all()


@pytest.mark.usefixtures("no_tilt")
def test_a_band_shift_moves_bands_by_less_than_its_limit() -> None:
    bands = torch.arange(80.0)
    view_BMF, _ = random_views(bands.expand(64, 50, 80), torch.full((64,), 50), Augment(CROP, pitch=PITCH), rng())
    shift_BM = view_BMF[:, 10:70, 0] - bands[10:70]
    torch.testing.assert_close(shift_BM, shift_BM[:, :1].expand_as(shift_BM), rtol=0, atol=1e-4)
    assert shift_BM.abs().max() <= PITCH + 1e-4
    assert shift_BM.max() > 2
    assert shift_BM.min() < -2
    assert view_BMF.min() >= 0
    assert view_BMF.max() <= 79


def test_a_tilt_is_a_line_over_the_bands_without_a_level() -> None:
    view_BMF, _ = random_views(torch.zeros(64, 50, 80), torch.full((64,), 50), Augment(CROP), rng())
    tilt_B = view_BMF[:, -1, 0] - view_BMF[:, 0, 0]
    assert tilt_B.abs().max() <= augment.TILT
    assert tilt_B.abs().max() > augment.TILT / 2
    torch.testing.assert_close(view_BMF.mean(1), torch.zeros(64, CROP), rtol=0, atol=1e-6)
    torch.testing.assert_close(view_BMF.diff(n=2, dim=1), torch.zeros(64, 78, CROP), rtol=0, atol=1e-6)


def test_a_generator_decides_everything() -> None:
    def views(seed: int) -> list[Tensor]:
        torch.manual_seed(int(torch.randint(1000, (1,))))  # the global generator has no say
        generator = rng(seed)
        mel_BFM = torch.randn(4, 90, 80, generator=rng(9))
        view_BMF, valid_B = random_views(mel_BFM, torch.tensor([90, 80, 40, 20]), ALL, generator)
        return [view_BMF, valid_B, mask(view_BMF, generator), *mixup_weights(4, 0.3, generator, CPU)]

    assert all(torch.equal(a, b) for a, b in zip(views(1), views(1), strict=True))
    assert not torch.equal(views(1)[0], views(2)[0])


def noised(share: float) -> tuple[Tensor, Tensor]:
    """200 clips of one loud band among silent ones, before and after."""
    mel_BMF = torch.full((200, 80, 10), -11.5)
    mel_BMF[:, 40] = 2.0
    return mel_BMF, add_noise(mel_BMF, share, rng())


def test_noise_reaches_the_share_of_clips_and_no_other() -> None:
    mel_BMF, noisy_BMF = noised(0.3)
    touched = (mel_BMF != noisy_BMF).flatten(1).any(1)
    assert 0.2 < touched.float().mean() < 0.4
    assert torch.equal(noisy_BMF[~touched], mel_BMF[~touched])
    assert torch.equal(noised(0.0)[1], mel_BMF)


def test_noise_is_as_loud_as_drawn_and_powers_add() -> None:
    mel_BMF, noisy_BMF = noised(1.0)
    assert (noisy_BMF >= mel_BMF).all()
    nats = torch.tensor(augment.NOISE_DB) * augment.NATS_PER_DB
    middle_B = noisy_BMF[:, 39, 0] - 2.0  # in a silent band, where the tilt is nearly nothing
    assert nats[0] - 0.05 < middle_B.min() < nats[0] + 0.5
    assert nats[1] - 0.5 < middle_B.max() < nats[1] + 0.05
    noise_B = middle_B + 2.0
    expected = 0.5 * torch.log(torch.exp(torch.tensor(4.0)) + torch.exp(2 * noise_B))
    torch.testing.assert_close(noisy_BMF[:, 40, 0], expected, rtol=0, atol=0.01)


def test_noise_is_relative_to_a_clip_and_a_line_over_the_bands() -> None:
    mel_BMF = torch.full((50, 80, 4), -11.5)
    mel_BMF[:, 40] = 2.0
    quiet, loud = add_noise(mel_BMF - 3, 1.0, rng()) + 3, add_noise(mel_BMF, 1.0, rng())
    silent = [band for band in range(80) if band != 40]
    torch.testing.assert_close(quiet[:, 40], loud[:, 40], rtol=0, atol=1e-4)
    slope = loud[:, silent[:39]].diff(n=2, dim=1)
    assert slope.abs().max() < 0.02  # straight, but for the silence beneath


def test_interpolation_reads_between_rows() -> None:
    x_BNC = torch.tensor([[[0.0, 10.0], [2.0, 20.0], [4.0, 40.0]]])
    position_BN = torch.tensor([[0.0, 0.25, 1.5, 2.0]])
    expected = torch.tensor([[[0.0, 10.0], [0.5, 12.5], [3.0, 30.0], [4.0, 40.0]]])
    torch.testing.assert_close(interpolate(x_BNC, position_BN), expected)


def test_masks_are_stripes_of_the_clips_mean() -> None:
    mel_BMF = torch.randn(64, 80, 100, generator=rng(1))
    masked_BMF = mask(mel_BMF, rng())
    hidden = masked_BMF != mel_BMF
    mean_B11 = mel_BMF.mean((1, 2), keepdim=True)
    assert torch.equal(masked_BMF, torch.where(hidden, mean_B11, mel_BMF))
    bands, frames = hidden.all(2), hidden.all(1)  # a stripe covers its axis whole
    assert torch.equal(hidden, bands[:, :, None] | frames[:, None, :])
    assert bands.sum(1).max() <= augment.MASKS * augment.MASKED_BANDS * 80
    assert frames.sum(1).max() <= augment.MASKS * augment.MASKED_FRAMES
    assert bands.sum(1).float().mean() > augment.MASKED_BANDS * 80 / 2
    assert len({tuple(row.tolist()) for row in bands}) > 50  # each clip has its own


def test_no_masks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(augment, "MASKS", 0)
    mel_BMF = torch.randn(2, 80, 30)
    assert torch.equal(mask(mel_BMF, rng()), mel_BMF)


@pytest.mark.parametrize("alpha", [0.2, 1.0])
def test_mixup_keeps_at_least_half_of_each_clip(alpha: float) -> None:
    partner_B, weight_B = mixup_weights(2000, alpha, rng(), CPU)
    assert sorted(partner_B.tolist()) == list(range(2000))
    assert weight_B.dtype == torch.float32
    assert 0.5 <= weight_B.min() < weight_B.max() <= 1
    # E max(w, 1 - w) for w from Beta(a, a) is P(v > 1/2) for v from Beta(a + 1, a); 3/4 for a = 1.
    assert weight_B.mean().item() == pytest.approx(1 - betainc(alpha + 1, alpha, 0.5), abs=0.015)


def test_no_mixup_is_all_of_the_clip() -> None:
    _, weight_B = mixup_weights(5, 0.0, rng(), CPU)
    assert weight_B.tolist() == [1.0] * 5
