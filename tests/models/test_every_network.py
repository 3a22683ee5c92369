"""Every recogniser, the judge too: what a clip's logits may depend on, for any length, kind of input and setting."""

import pytest
import torch
from any_network import NAMES, SPECS, batch, clip, hear, lengths, sound, together, trained, untrained
from torch import Tensor, nn

from affekt.models.registry import CLASSES

FRAMES = [16, 40, 61, 62, 63, 64, 100]
GAINS_DB = [-6.0, 6.0]
FLOOR_MATTERS = {"mel": 1e-5, "audio": 0.1, "spectrogram": 0.05}  # what the floor under a logarithm or root adds
SILENT = {"mel": -11.5129, "audio": 0.0, "spectrogram": 0.178}


def logits(network: nn.Module, x: Tensor, lengths_B: Tensor | None = None) -> Tensor:
    with torch.no_grad():
        return network(x, lengths_B)


def spread(network: nn.Module, name: str, frames: int) -> float:
    """How far apart the logits of two clips are: what a difference that must not matter is measured against."""
    found = float((logits(network, clip(name, frames, 7)) - logits(network, clip(name, frames, 8))).abs().max())
    assert found > 1e-3, "the network does not listen"
    return found


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("frames", FRAMES)
def test_padding_changes_nothing(name: str, frames: int) -> None:
    network = trained(name)
    clips = [clip(name, 150, 1), clip(name, frames, 2), clip(name, 120, 3)]
    alone = logits(network, clips[1])
    unseen = 1e-3 * spread(network, name, frames)
    torch.testing.assert_close(logits(network, clips[1], lengths(clips[1:2])), alone, rtol=0, atol=unseen)
    padded = logits(network, together(clips), lengths(clips))[1:2]
    torch.testing.assert_close(padded, alone, rtol=0, atol=unseen)


@pytest.mark.parametrize("name", NAMES)
def test_what_lies_beyond_a_clip_changes_nothing(name: str) -> None:
    network = trained(name)
    clips = [clip(name, 60, 1), clip(name, 37, 2), clip(name, 80, 3)]
    quiet, loud = (logits(network, together(clips, filling), lengths(clips)) for filling in (0.0, 5.0))
    torch.testing.assert_close(loud, quiet, rtol=0, atol=1e-3 * spread(network, name, 60))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("gain_db", GAINS_DB)
def test_a_recording_gain_changes_nothing(name: str, gain_db: float) -> None:
    network = trained(name)
    wave_BT = torch.cat([sound(70 * 256, seed) for seed in (1, 2)])
    # A filterbank's floor is at -70 dB of full scale: hiss keeps every band above it.
    wave_BT = 0.3 * (wave_BT + 0.2 * torch.randn(wave_BT.shape, generator=torch.Generator().manual_seed(3)))
    loud, quiet = (hear(name, gain * wave_BT) for gain in (10 ** (gain_db / 20), 1.0))
    assert not torch.equal(loud, quiet)
    valid = torch.tensor([loud.shape[-1], loud.shape[-1] * 2 // 3])
    may_differ = FLOOR_MATTERS[SPECS[name].input] * spread(network, name, 70)
    for lengths_B in (None, valid):
        found, expected = logits(network, loud, lengths_B), logits(network, quiet, lengths_B)
        torch.testing.assert_close(found, expected, rtol=0, atol=max(1e-5, may_differ))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("mode", ["eval", "train"])
def test_gradients_are_finite_and_stay_in_the_clip(name: str, mode: str) -> None:
    network = trained(name).train(mode == "train")
    clips = [clip(name, 90, 1), clip(name, 50, 2), torch.full_like(clip(name, 90, 1), SILENT[SPECS[name].input])]
    x = together(clips).requires_grad_()
    classes = CLASSES[SPECS[name].labels]
    loss = nn.functional.cross_entropy(network(x, lengths(clips)), torch.tensor([0, 1, classes - 1]))
    gradients = torch.autograd.grad(loss, [x, *network.parameters()], allow_unused=True)
    assert all(gradient.isfinite().all() for gradient in gradients if gradient is not None)
    of_input, end = gradients[0], int(lengths(clips)[1])
    assert of_input[0].abs().sum() > 0
    assert of_input[1, ..., :end].abs().sum() > 0
    assert (of_input[1, ..., end:] == 0).all()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("frames", [3, 4, 5, *range(16, 24), 400])
def test_any_length_gives_a_logit_per_class(name: str, frames: int) -> None:
    network = trained(name)
    x = torch.cat([clip(name, frames, 0), clip(name, frames, 7)])
    with torch.no_grad():
        found = network(x)
        features = network.embed(x)
    assert found.shape == (2, CLASSES[SPECS[name].labels])
    assert found.isfinite().all()
    torch.testing.assert_close(network.head(features), found)


@pytest.mark.parametrize("name", NAMES)
def test_clips_of_a_batch_do_not_meet(name: str) -> None:
    network = trained(name)
    clips = [clip(name, 50, seed) for seed in (0, 7, 14, 21)]
    apart = torch.cat([logits(network, x) for x in clips])
    torch.testing.assert_close(logits(network, torch.cat(clips)), apart, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_dropout_is_for_training_alone_and_a_seed_decides_it(name: str) -> None:
    network = untrained(name, dropout=0.5).train()
    x = batch(name, [40, 40])

    def heard(seed: int) -> Tensor:
        torch.manual_seed(seed)
        return logits(network, x)

    assert torch.equal(heard(1), heard(1))
    assert not torch.equal(heard(1), heard(2))
    network.eval()
    assert torch.equal(heard(1), heard(2))


@pytest.mark.parametrize("name", [name for name in NAMES if name != "judge"])
def test_bfloat16_hears_the_same(name: str) -> None:
    """Masks, pools and the filterbank stay in float32 where half the bits would not do."""
    network, x = trained(name), batch(name, [60, 45])
    valid = lengths([clip(name, 60, 0), clip(name, 45, 1)])
    exact = logits(network, x, valid)
    with torch.autocast("cpu", torch.bfloat16):
        rough = logits(network, x, valid).float()
    torch.testing.assert_close(rough, exact, rtol=0, atol=0.1 * max(1.0, float(exact.abs().max())))
