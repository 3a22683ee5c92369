"""Views of every kind of clips have the shapes, lengths and grid that their networks expect."""

import numpy as np
import pytest
import torch
from toy_corpus import load_corpus

from affekt.features.clips import Clips, Heard, Spectrograms, Waves
from affekt.features.packed import Packed
from affekt.features.spectrogram import FAST, SLOW
from affekt.training import augment, augment_audio
from affekt.training.augment import Augment
from affekt.training.views import draw_views, hide

CPU = torch.device("cpu")
KINDS = ("mel", "audio", "fast", "slow")
CROP = 40
FULL = Augment(CROP, speed=0.1, pitch=1.0, noise=0.5, masks=True)


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Packed:
    return load_corpus(tmp_path_factory.mktemp("corpus"), speakers=4, emotions=3)


def clips_of(kind: str, packed: Packed) -> Heard:
    rows = np.arange(len(packed))
    if kind == "mel":
        return Clips.of(packed, rows, CPU)
    waves = Waves.of(packed, rows, CPU)
    return waves if kind == "audio" else Spectrograms(waves, {"fast": FAST, "slow": SLOW}[kind], waves.label_B)


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("kind", KINDS)
def test_views_have_the_crops_frames_and_valid_lengths_within(kind: str, packed: Packed) -> None:
    x, lengths_B = draw_views(clips_of(kind, packed), torch.arange(12), FULL, rng())
    shape = {"mel": (12, 80, CROP), "audio": (12, CROP * 256), "fast": (12, 257, CROP), "slow": (12, 1025, CROP)}
    assert x.shape == shape[kind]
    assert x.isfinite().all()
    assert lengths_B.dtype == torch.int64
    assert lengths_B.min() >= 1
    assert lengths_B.max() <= x.shape[-1]
    assert lengths_B.min() < x.shape[-1], "some clips are shorter than the crop"


@pytest.mark.parametrize("kind", KINDS)
def test_without_aids_a_clip_that_fits_comes_whole(kind: str, packed: Packed, monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name in ((augment, "TILT"), (augment_audio, "TILT"), (augment_audio, "GAIN_DB")):
        monkeypatch.setattr(module, name, 0.0)
    clips, rows_B = clips_of(kind, packed), torch.tensor([3, 8])
    x, lengths_B = draw_views(clips, rows_B, Augment(200), rng())
    whole, expected_B = clips.whole(rows_B)
    assert lengths_B.tolist() == expected_B.tolist()
    for row, length in enumerate(lengths_B.tolist()):
        inner = slice(0, length if kind in ("mel", "audio") else length - 5)  # the spectrum's window sees the end
        torch.testing.assert_close(x[row, ..., inner], whole[row, ..., inner], rtol=0, atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_views_are_the_generators(kind: str, packed: Packed) -> None:
    clips = clips_of(kind, packed)
    first, again, other = (draw_views(clips, torch.arange(12), FULL, rng(seed))[0] for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("kind", KINDS)
def test_masks_hide_what_is_no_waveform_if_asked(kind: str, packed: Packed) -> None:
    clips = clips_of(kind, packed)
    x, _ = draw_views(clips, torch.arange(12), FULL, rng())
    assert hide(x, clips, Augment(CROP), rng()) is x
    if kind == "audio":
        assert hide(x, clips, FULL, rng()) is x  # its network masks what its filterbank hears
    else:
        assert not torch.equal(hide(x, clips, FULL, rng()), x)
