"""A dream raises what was wished for, on every layer and clip, and leaves all else as it promises."""

import dataclasses
import subprocess
import sys

import pytest
import torch
from torch import Tensor

from affekt.core.errors import UserError
from affekt.core.seeds import generator
from affekt.evaluate.dream import respond, snr_db
from affekt.features.mel import log_mel
from affekt.features.spectrogram import FAST, SLOW, invert, root, spectrum
from affekt.models.registry import CLASSES, NETWORKS
from affekt.models.spectrogram_net import SpectrogramResNet
from affekt.optimise.dream import LIMIT, Dream, Ear, Wish, draw, dream
from affekt.optimise.layers import activation

CPU = torch.device("cpu")
BLOCKS = [f"block{i}" for i in range(1, 10)]
SMALL = Wish("block3", octaves=3, iterations=4, step=0.01, seed=0, tile_frames=64)
WHOLE = dataclasses.replace(SMALL, iterations=10)


def build(name: str) -> Ear:
    """A network of the registry, as it is before training."""
    spec = NETWORKS[name]
    torch.manual_seed(0)
    sizes = {} if spec.input == "spectrogram" else {"layers": 2}
    network = spec.network(channels=4, classes=CLASSES[spec.labels], **sizes, **dict(spec.config))
    return Ear.of(network.eval(), spec.input, CPU)


def voices(samples: int = 15000, pitches: tuple[float, ...] = (120.0, 210.0)) -> Tensor:
    """Voice-like sounds: gliding harmonics with syllables, another pitch each; a little noise."""
    t = torch.arange(samples) / 22050
    waves = []
    for pitch in pitches:
        phase = 2 * torch.pi * torch.cumsum(pitch + 30 * torch.sin(4 * t), 0) / 22050
        tone = torch.stack([torch.sin(k * phase) / k for k in range(1, 16)]).sum(0)
        waves.append(0.15 * tone * (0.55 + 0.45 * torch.sin(25 * t)))
    return torch.stack(waves) + 1e-3 * torch.randn(len(waves), samples, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def fast() -> Ear:
    """A gender network that has learned for a few seconds to tell low voices (1) from high ones (0)."""
    torch.manual_seed(0)
    network = SpectrogramResNet(512, 128, channels=4)
    optimiser = torch.optim.AdamW(network.parameters(), lr=3e-3)
    rng = torch.Generator().manual_seed(2)
    pitches = [float(pitch) for pitch in range(90, 270, 12)]
    label_B = torch.tensor([pitch < 170 for pitch in pitches]).long()
    root_BKF = root(spectrum(voices(pitches=tuple(pitches)), FAST))
    for _ in range(30):
        start = int(torch.randint(0, 80, (), generator=rng))
        logits_BE = network(root_BKF[..., start : start + 32])
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(logits_BE, label_B).backward()
        optimiser.step()
    return Ear.of(network.eval(), "spectrogram", CPU)


def dreamt(ear: Ear, wish: Wish, wave_BT: Tensor) -> tuple[Dream, Tensor]:
    root_BKF, phase_BKF = ear.analyse(wave_BT)
    found = dream(ear, root_BKF, phase_BKF, wish)
    return found, invert(found.root, phase_BKF, wave_BT.shape[-1], ear.resolution)


@pytest.mark.parametrize("layer", BLOCKS)
def test_every_layer_responds_more_to_every_clip(fast: Ear, layer: str) -> None:
    wave_BT = voices()
    wish = dataclasses.replace(WHOLE, layer=layer)
    found, dreamed_BT = dreamt(fast, wish, wave_BT)
    before, after = respond(fast, wish, wave_BT), respond(fast, wish, dreamed_BT)
    assert (after.activation > before.activation).all(), "in the sound itself, analysed anew"
    assert dreamed_BT.shape == wave_BT.shape
    assert dreamed_BT.isfinite().all()
    assert [octave_TB.shape for octave_TB in found.history] == [(wish.iterations + 1, 2)] * wish.octaves


@pytest.mark.parametrize(
    ("name", "layer"),
    [
        ("gender_slow", "block4"),
        ("mel_cnn", "front.middle.1"),
        ("mel_wavenet", "time.onwards"),
        ("mel_lstm", "time"),
        ("mfcc_cnn", "blocks.0"),
        ("audio_wavenet", "front.stem"),
        ("audio_lstm", "filterbank"),
    ],
)
def test_every_kind_of_network_dreams(name: str, layer: str) -> None:
    ear, wave_BT = build(name), voices()
    wish = dataclasses.replace(SMALL, layer=layer, octaves=2)
    _, dreamed_BT = dreamt(ear, wish, wave_BT)
    assert (respond(ear, wish, dreamed_BT).activation > respond(ear, wish, wave_BT).activation).all()


def test_one_channel_and_one_class_can_be_wished_for(fast: Ear) -> None:
    wave_BT = voices()
    for layer, channel in (("block2", 5), ("head", 0), ("head", 1)):
        wish = dataclasses.replace(WHOLE, layer=layer, channel=channel)
        _, dreamed_BT = dreamt(fast, wish, wave_BT)
        assert (respond(fast, wish, dreamed_BT).activation > respond(fast, wish, wave_BT).activation).all()
    assert (respond(fast, wish, dreamed_BT).belief[:, 1] > respond(fast, wish, wave_BT).belief[:, 1]).all()


@pytest.mark.parametrize("name", ["gender_fast", "mel_cnn", "audio_wavenet"])
def test_without_iterations_the_sound_comes_back(name: str) -> None:
    ear, wave_BT = build(name), voices(15001)
    layer = ear.layers()[0].name
    found, back_BT = dreamt(ear, dataclasses.replace(SMALL, layer=layer, iterations=0), wave_BT)
    assert back_BT.shape == wave_BT.shape
    assert snr_db(wave_BT, back_BT).min() > 100
    assert [octave_TB.shape for octave_TB in found.history] == [(1, 2)] * len(found.history)


def test_magnitudes_stay_valid_however_large_the_step(fast: Ear) -> None:
    root_BKF, phase_BKF = fast.analyse(voices())
    found = dream(fast, root_BKF, phase_BKF, dataclasses.replace(SMALL, step=0.5))
    assert found.root.isfinite().all()
    assert found.root.min() >= 0
    assert (found.root.amax(dim=(1, 2)) <= root_BKF.amax(dim=(1, 2))).all(), "no louder than the loudest partial"


def test_what_the_network_cannot_hear_stays(fast: Ear) -> None:
    root_BKF, phase_BKF = fast.analyse(voices())
    wish = dataclasses.replace(SMALL, octaves=1)
    change_BKF = (dream(fast, root_BKF, phase_BKF, wish).root - root_BKF).abs()
    heard = 8000 * 512 // 22050 + 1  # bins; the network hears up to 8 kHz
    assert change_BKF[:, heard + 4 :].mean() < 0.05 * change_BKF[:, :heard].mean(), "the window's side lobes remain"


def test_same_seed_same_bits_and_another_seed_another_dream(fast: Ear) -> None:
    root_BKF, phase_BKF = fast.analyse(voices())
    first, second = (dream(fast, root_BKF, phase_BKF, SMALL).root for _ in range(2))
    assert torch.equal(first, second)
    other_seed, other_bins = dataclasses.replace(SMALL, seed=1), dataclasses.replace(SMALL, jitter_bins=3)
    for other in (other_seed, other_bins, dataclasses.replace(SMALL, jitter_frames=0)):
        assert not torch.equal(first, dream(fast, root_BKF, phase_BKF, other).root)


@pytest.mark.parametrize("name", ["gender_fast", "audio_wavenet"])
def test_a_sound_dreams_alone_what_it_dreams_in_a_batch(name: str) -> None:
    ear = build(name)
    root_BKF, phase_BKF = ear.analyse(voices(8000))
    wish = dataclasses.replace(SMALL, layer=ear.layers()[1].name, octaves=2, iterations=2)
    together = dream(ear, root_BKF, phase_BKF, wish).root
    alone = torch.cat([dream(ear, root_BKF[i : i + 1], phase_BKF[i : i + 1], wish).root for i in (0, 1)])
    assert (alone - together).abs().mean() < 1e-4, "rounding of other batch sizes alone"


def test_jitter_is_drawn_evenly_both_ways_from_step_and_view() -> None:
    drawn = [draw(3, generator(0, "view", step, 0)) for step in range(500)]
    assert drawn == [draw(3, generator(0, "view", step, 0)) for step in range(500)]
    assert set(drawn) == {-3, -2, -1, 0, 1, 2, 3}
    assert all(40 < drawn.count(value) < 110 for value in set(drawn))
    assert draw(0, generator(0)) == 0


@pytest.mark.parametrize("name", ["gender_fast", "mel_cnn", "audio_wavenet"])
def test_one_step_follows_the_gradient_of_the_sounds_activation(name: str) -> None:
    """Without jitter and octaves, on one tile: what automatic differentiation gives for the whole path."""
    ear, wave_BT = build(name), voices(8064)
    layer = ear.layers()[1]
    root_BKF, phase_BKF = ear.analyse(wave_BT)
    wish = Wish(layer.name, octaves=1, iterations=1, step=1e-3, seed=0, jitter_frames=0)
    moved = dream(ear, root_BKF, phase_BKF, wish).root - root_BKF
    leaf = root_BKF.clone().requires_grad_()
    samples = (root_BKF.shape[-1] - 1) * ear.resolution.hop_length
    heard = ear.hear(invert(leaf, phase_BKF, samples, ear.resolution))
    (slope,) = torch.autograd.grad(activation(ear.network, layer, None, heard).sum(), leaf)
    expected = 1e-3 * (slope / slope.abs().mean(dim=(1, 2), keepdim=True)).clamp(-LIMIT, LIMIT)
    limit = (root_BKF.amax(dim=(1, 2), keepdim=True) - root_BKF).clamp(min=0)
    expected = torch.minimum(expected, limit).clamp(min=-root_BKF)
    assert torch.allclose(moved, expected, atol=2e-4 * float(expected.abs().max()))


def test_ears_hear_what_their_networks_were_trained_on() -> None:
    wave_BT = voices(15104)
    assert torch.equal(build("mel_cnn").hear(wave_BT), log_mel(wave_BT))
    assert torch.equal(build("audio_lstm").hear(wave_BT), wave_BT)
    slow = build("gender_slow")
    assert torch.equal(slow.hear(wave_BT), root(spectrum(wave_BT, SLOW)))
    root_BKF, phase_BKF = slow.analyse(wave_BT)
    assert torch.allclose(slow.hear_tile(root_BKF, phase_BKF), root_BKF, atol=1e-2), "15104 samples are whole frames"
    assert slow.hear_tile(root_BKF, None) is root_BKF


def test_unknown_layer_is_a_fault(fast: Ear) -> None:
    root_BKF, phase_BKF = fast.analyse(voices(4000))
    with pytest.raises(UserError, match="layer block10: this network has"):
        dream(fast, root_BKF, phase_BKF, dataclasses.replace(SMALL, layer="block10"))


MEASURE = """
import resource, sys
import torch
from affekt.models.spectrogram_net import SpectrogramResNet
from affekt.optimise.dream import Ear, Wish, dream
from affekt.optimise.resynthesis import speak
torch.set_num_threads(1)
torch.manual_seed(0)
ear = Ear.of(SpectrogramResNet(512, 128, channels=int(sys.argv[2])).eval(), "spectrogram", torch.device("cpu"))
wave = 0.1 * torch.randn(1, int(float(sys.argv[1]) * 22050))
start, phase = ear.analyse(wave)
found = dream(ear, start, phase, Wish("block1", octaves=3, iterations=1, step=0.01, seed=0))
speak(found.root, phase, wave.shape[-1], ear.resolution)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20)
"""


def peak_gb(seconds: float, channels: int) -> float:
    command = [sys.executable, "-c", MEASURE, str(seconds), str(channels)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def test_memory_of_ten_minutes_is_within_four_gb() -> None:
    short, long = peak_gb(3, 4), peak_gb(27, 4)
    per_second = (long - short) / 24
    assert short + 597 * per_second < 4
    assert per_second < 0.005
