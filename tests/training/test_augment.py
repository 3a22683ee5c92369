"""Random views: shapes, what they read of a clip, and their distribution; identity where nothing is drawn."""

import pytest
import torch
from scipy.special import betainc
from torch import Tensor

from affekt.training import augment
from affekt.training.augment import interpolate, mask, mixup_weights, random_views

CPU = torch.device("cpu")
CROP = 40
OUTSIDE = -1000.0


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """No stretch, shift or tilt: only the crop is left."""
    for name in ("STRETCH", "BAND_SHIFT", "TILT"):
        monkeypatch.setattr(augment, name, 0.0)


def clock(frames: list[int], total: int) -> Tensor:
    """Make clips whose frame f holds f in all bands, and OUTSIDE beyond their end."""
    mel_BFM = torch.full((len(frames), total, 80), OUTSIDE)
    for row, valid in enumerate(frames):
        mel_BFM[row, :valid] = torch.arange(valid)[:, None].float()
    return mel_BFM


@pytest.mark.parametrize("crop", [32, 40, 200])
def test_views_have_the_crops_length_and_valid_frames(crop: int) -> None:
    frames = torch.tensor([10, 40, 75, 120])
    view_BMF, valid_B = random_views(torch.randn(4, 120, 80), frames, crop, rng())
    assert view_BMF.shape == (4, 80, crop)
    assert valid_B.dtype == torch.int64
    assert (valid_B >= 1).all()
    assert (valid_B <= crop).all()
    assert view_BMF.isfinite().all()


@pytest.mark.usefixtures("plain")
def test_without_stretch_shift_and_tilt_a_view_is_a_window_of_the_clip() -> None:
    frames = [25, 40, 90]
    mel_BFM = clock(frames, 90) + torch.linspace(0, 0.5, 80)
    starts = set()
    for seed in range(20):
        view_BMF, valid_B = random_views(mel_BFM, torch.tensor(frames), CROP, rng(seed))
        assert valid_B.tolist() == [25, 40, 40]
        start = round(view_BMF[2, 0, 0].item())
        starts.add(start)
        assert torch.equal(view_BMF[2].T, mel_BFM[2, start : start + CROP])
        assert torch.equal(view_BMF[1].T, mel_BFM[1, :CROP])
        assert torch.equal(view_BMF[0, :, :25].T, mel_BFM[0, :25])
    assert min(starts) >= 0
    assert max(starts) <= 50
    assert len(starts) > 10


def test_valid_frames_read_nothing_beyond_the_clip(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(augment, "TILT", 0.0)
    frames = torch.tensor([10, 33, 40, 90] * 50)
    mel_BFM = clock(frames.tolist(), 120)
    view_BMF, valid_B = random_views(mel_BFM, frames, CROP, rng())
    for row, valid in enumerate(valid_B.tolist()):
        assert view_BMF[row, :, :valid].min() >= 0, f"clip of {int(frames[row])} frames, {valid} valid"


def test_a_stretch_changes_speed_and_length_as_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BAND_SHIFT", "TILT"):
        monkeypatch.setattr(augment, name, 0.0)
    frames = torch.full((64,), 100)
    view_BMF, valid_B = random_views(clock([100] * 64, 100), frames, 200, rng())
    speed_B = view_BMF[:, 0, 51] - view_BMF[:, 0, 50]  # the clock's frames per frame of the view
    assert speed_B.min() >= 1 - augment.STRETCH - 1e-4
    assert speed_B.max() <= 1 + augment.STRETCH + 1e-4
    assert speed_B.max() - speed_B.min() > augment.STRETCH
    assert ((valid_B - 100 / speed_B).abs() <= 1.5).all()


def test_a_band_shift_moves_bands_by_less_than_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("STRETCH", "TILT"):
        monkeypatch.setattr(augment, name, 0.0)
    bands = torch.arange(80.0)
    view_BMF, _ = random_views(bands.expand(64, 50, 80), torch.full((64,), 50), CROP, rng())
    shift_BM = view_BMF[:, 10:70, 0] - bands[10:70]
    torch.testing.assert_close(shift_BM, shift_BM[:, :1].expand_as(shift_BM), rtol=0, atol=1e-4)
    assert shift_BM.abs().max() <= augment.BAND_SHIFT + 1e-4
    assert shift_BM.max() > 2
    assert shift_BM.min() < -2
    assert view_BMF.min() >= 0
    assert view_BMF.max() <= 79


def test_a_tilt_is_a_line_over_the_bands_without_a_level(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("STRETCH", "BAND_SHIFT"):
        monkeypatch.setattr(augment, name, 0.0)
    view_BMF, _ = random_views(torch.zeros(64, 50, 80), torch.full((64,), 50), CROP, rng())
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
        view_BMF, valid_B = random_views(mel_BFM, torch.tensor([90, 80, 40, 20]), CROP, generator)
        return [view_BMF, valid_B, mask(view_BMF, generator), *mixup_weights(4, 0.3, generator, CPU)]

    assert all(torch.equal(a, b) for a, b in zip(views(1), views(1), strict=True))
    assert not torch.equal(views(1)[0], views(2)[0])


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
    assert bands.sum(1).max() <= augment.MASKS * augment.MASKED_BANDS
    assert frames.sum(1).max() <= augment.MASKS * augment.MASKED_FRAMES
    assert bands.sum(1).float().mean() > augment.MASKED_BANDS / 2
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
