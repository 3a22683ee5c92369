"""Logits of a set of clips: in the order of the clips, whatever the batches, for every kind of input."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from any_network import NAMES, SPECS, trained
from toy_corpus import load_corpus

from affekt.features.clips import Clips, Heard, Spectrograms, Waves
from affekt.features.packed import Packed
from affekt.features.spectrogram import Resolution
from affekt.models.inference import predict
from affekt.models.registry import CLASSES

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Packed:
    return load_corpus(tmp_path_factory.mktemp("corpus"), speakers=3, emotions=5)


def heard(name: str, packed: Packed, rows: np.ndarray) -> Heard:
    spec = SPECS[name]
    if spec.input == "mel":
        return Clips.of(packed, rows, CPU)
    waves = Waves.of(packed, rows, CPU)
    if spec.input == "audio":
        return waves
    return Spectrograms(waves, Resolution(**dict(spec.config)), waves.label_B)


@pytest.mark.parametrize("name", NAMES)
def test_predictions_depend_neither_on_the_batch_nor_on_the_order(name: str, packed: Packed) -> None:
    network = trained(name).train()
    rows = np.arange(len(packed))
    together = predict(network, heard(name, packed, rows))
    assert together.shape == (15, CLASSES[SPECS[name].labels])
    assert not together.requires_grad
    assert not any(module.training for module in network.modules())
    torch.manual_seed(0)
    spread = float((together - together.mean(0)).abs().max())
    assert spread > 1e-3
    for batch in (1, 4):
        found = predict(network, heard(name, packed, rows), batch)
        torch.testing.assert_close(found, together, rtol=0, atol=1e-3 * spread)
    shuffled = np.random.default_rng(1).permutation(rows)
    found = predict(network, heard(name, packed, shuffled), 4)
    torch.testing.assert_close(found, together[shuffled], rtol=0, atol=1e-3 * spread)


@pytest.mark.parametrize("name", ["mel_cnn", "audio_lstm", "gender_fast"])
def test_clips_of_like_length_come_together_and_are_not_padded_more_than_needed(name: str, packed: Packed) -> None:
    network, clips = trained(name), heard(name, packed, np.arange(len(packed)))
    sizes: list[tuple[int, int]] = []

    def note(_: torch.nn.Module, arguments: tuple[torch.Tensor, torch.Tensor]) -> None:
        assert arguments[0].shape[-1] == int(arguments[1].max())
        sizes.append((int(arguments[1].min()), int(arguments[1].max())))

    network.register_forward_pre_hook(note)
    predict(network, clips, batch=4)
    assert len(sizes) == 4
    assert all(before[1] <= after[0] for before, after in pairwise(sizes))
    assert (sizes[0][0], sizes[-1][1]) == (int(clips.lengths().min()), int(clips.lengths().max()))
