"""The plain loop hears what the project hears, and views of the same shape: the comparison is of like work."""

from pathlib import Path

import numpy as np
import pytest
import torch
from small_speech import make_speech

from affekt.core.errors import UserError
from affekt.features.labels import labels_of
from affekt.features.mel import log_mel
from affekt.features.spectrogram import FAST, SLOW, root, spectrum
from affekt.models.registry import find
from bench.networks import Sized, load_preset, size
from bench.plain import Bare, ClipFiles, PlainLoop, analyse, cut, hide, store
from bench.training import OwnLoop

CPU = torch.device("cpu")
KINDS = ["mfcc_cnn", "audio_wavenet", "gender_fast"]


def sized(name: str, **training: object) -> Sized:
    """A network of a batch of three."""
    found = size(name, load_preset(None))
    config = {key: min(value, 4) for key, value in found.config.items()}
    return Sized(name, found.spec, config, found.training.model_copy(update={"batch": 3} | training))


def test_features_are_the_projects_own() -> None:
    wave_T = 0.1 * np.random.default_rng(0).standard_normal(9000).astype(np.float32)
    heard = torch.from_numpy(wave_T)
    assert np.array_equal(analyse(wave_T, find("audio_lstm")), wave_T)
    torch.testing.assert_close(torch.from_numpy(analyse(wave_T, find("mel_cnn"))), log_mel(heard), rtol=0, atol=2e-4)
    for name, resolution in (("gender_fast", FAST), ("gender_slow", SLOW)):
        ours_KF = root(spectrum(heard[None], resolution))[0]
        torch.testing.assert_close(torch.from_numpy(analyse(wave_T, find(name))), ours_KF, rtol=0, atol=2e-4)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("crop_frames", [40, 300])
def test_all_loops_train_on_views_of_one_shape(tmp_path: Path, name: str, crop_frames: int) -> None:
    """Shorter than the clips, and longer: then all but padding is valid."""
    speech, network = make_speech(tmp_path / "raw"), sized(name, crop_frames=crop_frames)
    labels = labels_of(speech.packed.clips, network.spec.labels).tolist()
    stored = store(speech.files, network.spec, tmp_path / "stored")
    plain = PlainLoop(network.build(), ClipFiles(speech.files, labels, network.spec, network.training), CPU)
    bare = PlainLoop(network.build(), Bare(stored, labels, network.spec, network.training), CPU)
    own = OwnLoop(network, speech, CPU)
    ours = own.draw()
    for loop in (plain, bare):
        x, lengths_B, label_B = loop.draw()
        assert x.shape == ours["x"].shape
        assert x.dtype == ours["x"].dtype == torch.float32
        assert (int(lengths_B.max()) == x.shape[-1]) == (int(ours["lengths"].max()) == x.shape[-1])
        assert int(label_B.max()) < network.classes
    assert all(np.isfinite(loop.step()) for loop in (own, plain, bare))
    assert own.state.step == 1


def test_steps_of_the_plain_loop_train(tmp_path: Path) -> None:
    speech = make_speech(tmp_path / "raw", clips=3)
    network = sized("mfcc_cnn", mixup=0.0, label_smoothing=0.0, dropout=0.0, crop_frames=64)
    stored = store(speech.files, network.spec, tmp_path / "stored")
    loop = PlainLoop(network.build(), Bare(stored, [0, 5, 9], network.spec, network.training), CPU)
    losses = [loop.step() for _ in range(12)]
    assert losses[-1] < 0.5 * losses[0]


def test_too_few_clips_are_refused_before_an_endless_search(tmp_path: Path) -> None:
    network = sized("mfcc_cnn")
    with pytest.raises(UserError, match="2 clips do not fill a batch of 3"):
        PlainLoop(network.build(), Bare([tmp_path] * 2, [0, 1], network.spec, network.training), CPU)


def test_windows_lie_inside_and_masks_overwrite_with_the_mean() -> None:
    rng = np.random.default_rng(0)
    starts = {int(cut(np.arange(10), 4, rng)[0]) for _ in range(200)}
    assert starts == set(range(7))
    assert cut(np.arange(3), 4, rng).tolist() == [0, 1, 2]
    heard_KF = rng.standard_normal((80, 60)).astype(np.float32)
    before_KF, mean = heard_KF.copy(), heard_KF.mean()
    hide(heard_KF, rng)
    changed_KF = heard_KF != before_KF
    assert 0 < changed_KF.mean() < 1
    assert np.allclose(heard_KF[changed_KF], mean)
