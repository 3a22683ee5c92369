"""Both contenders of the recognition bench hear the same, and the benches write what they say."""

import argparse
import sys
from pathlib import Path

import pytest
import torch
from small_speech import make_speech

from affekt.core.files import read_json
from affekt.core.params import Params
from affekt.models.registry import NETWORKS
from bench import dream, recognition, training
from bench.networks import load_preset, size
from bench.speech import Speech

CPU = torch.device("cpu")


@pytest.mark.parametrize("name", NETWORKS)
def test_both_ways_give_the_same_logits(tmp_path: Path, name: str) -> None:
    speech, network = make_speech(tmp_path, clips=3), size(name, load_preset(None))
    heard = {way: run() for way, run in recognition.contenders(speech, network, CPU).items()}
    assert heard["affekt"].shape == (3, network.classes)
    torch.testing.assert_close(heard["affekt"], heard["librosa_one_by_one"], rtol=0, atol=2e-3)


def small_preset(name: str | None) -> Params:
    params = load_preset(name)
    changed = params.training.model_copy(update={"batch": 3, "crop_frames": 40})
    return params.model_copy(update={"training": changed})


@pytest.mark.parametrize(
    ("bench", "words", "expected"),
    [
        (training, ["--networks", "mfcc_cnn"], "training/mfcc_cnn/plain/processor_over_affekt"),
        (training, ["--networks", "mfcc_cnn"], "training/mfcc_cnn/bare/draw/wall_ms"),
        (recognition, ["--networks", "mfcc_cnn"], "recognition/mfcc_cnn/threads_1/wall_speed_over_librosa"),
        (
            dream,
            ["--networks", "gender_fast", "--layers", "block1", "--seconds", "0.5"],
            "dream/gender_fast/block1/1x10/wall_speed_over_seed3",
        ),
    ],
)
def test_a_bench_writes_its_figures(
    bench: argparse.Namespace, words: list[str], expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def speak(folder: Path, statements: int) -> Speech:
        return make_speech(folder / "raw")

    monkeypatch.setattr(bench, "speak", speak)
    monkeypatch.setattr(bench, "load_preset", small_preset)
    counts = ["--rounds", "1", "--threads", "1", *(["--steps", "1"] if bench is training else [])]
    monkeypatch.setattr(sys, "argv", ["bench", *words, *counts, "--out", str(tmp_path / "figures.json")])
    bench.main()
    figures = read_json(tmp_path / "figures.json")
    assert figures[expected] > 0
    assert figures["weights"] == "random"
    assert figures["bench/threads"] == 1
    assert str(tmp_path) not in str(figures)
