"""Responses are those of the whole sound, ratios are in dB, and clips are chosen evenly."""

import math

import pandas as pd
import pytest
import torch

from affekt.evaluate.dream import Response, choose_clips, compare, respond, snr_db, snr_undreamed
from affekt.models.spectrogram_net import SpectrogramResNet
from affekt.optimise.dream import Ear, Wish
from affekt.optimise.layers import Layer, activation

WISH = Wish("block2", octaves=1, iterations=1, step=0.01, seed=0)


@pytest.fixture(scope="module")
def ear() -> Ear:
    torch.manual_seed(0)
    return Ear.of(SpectrogramResNet(512, 128, channels=2).eval(), "spectrogram", torch.device("cpu"))


def noise(samples: int) -> torch.Tensor:
    return 0.1 * torch.randn(2, samples, generator=torch.Generator().manual_seed(0))


def test_a_short_sound_is_heard_whole(ear: Ear) -> None:
    wave_BT = noise(20_000)
    found = respond(ear, WISH, wave_BT)
    heard = ear.hear(wave_BT)
    assert torch.allclose(found.activation, activation(ear.network, Layer("block2", 8, 1), None, heard))
    assert torch.allclose(found.belief, ear.network(heard).softmax(dim=1))


def test_a_long_sound_is_the_mean_of_its_tiles(ear: Ear) -> None:
    wave_BT = noise(2 * 256 * 128)
    halves = [respond(ear, WISH, half) for half in wave_BT.chunk(2, dim=-1)]
    found = respond(ear, WISH, wave_BT)
    assert torch.allclose(found.activation, (halves[0].activation + halves[1].activation) / 2)
    assert torch.allclose(found.belief.sum(dim=1), torch.ones(2))


def test_ratios_in_decibels(ear: Ear) -> None:
    wave_BT = noise(10_000)
    assert snr_db(wave_BT, 0.9 * wave_BT).tolist() == pytest.approx([20.0, 20.0], abs=1e-4)
    assert snr_undreamed(ear, wave_BT).min() > 100
    assert math.isinf(snr_db(wave_BT, wave_BT)[0])


def test_comparison_names_the_sounds_own_class() -> None:
    before = Response(torch.tensor([0.5, 0.5]), torch.tensor([[0.9, 0.1], [0.2, 0.8]]))
    after = Response(torch.tensor([0.7, 0.5]), torch.tensor([[0.6, 0.4], [0.3, 0.7]]))
    found = {name: values.tolist() for name, values in compare(before, after, torch.tensor([0, 1])).items()}
    assert found["activation_rose"] == [1, 0]
    assert found["activation_after"] == pytest.approx([0.7, 0.5])
    assert found["gender_before"] == pytest.approx([0.9, 0.8])
    assert found["gender_after"] == pytest.approx([0.6, 0.7])


def test_clips_are_women_and_men_in_turn_long_enough_where_there_are_such() -> None:
    rows = [
        ("a1", "ann", "f", 100), ("a2", "ann", "f", 900), ("a3", "ann", "f", 800),
        ("b1", "bob", "m", 300), ("b2", "bob", "m", 400),
        ("c1", "cat", "f", 600),
        ("d1", "dan", "m", 700),
    ]  # fmt: skip
    clips = pd.DataFrame(rows, columns=["clip_id", "speaker", "gender", "frames"])
    named = [clips["clip_id"][row] for row in choose_clips(clips, 100, 500)]
    assert named == ["a2", "b2", "c1", "d1", "a3", "b1", "a1"]
    assert choose_clips(clips, 2, 500) == [1, 4]
    women = clips[clips["gender"] == "f"]
    assert [women["clip_id"].iloc[row] for row in choose_clips(women, 3, 500)] == ["a2", "c1", "a3"]
