"""The published recipe's stage trains on half a; `generation` measures its samples beside those of our GANs."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from fake_stage import FakeStage

from affekt.core.files import read_json, save_array, save_table
from affekt.core.params import CganParams, GenerationParams, PublishedGanParams
from affekt.corpora.table import EMOTIONS
from affekt.models.gan import Generator
from affekt.models.io import load_model, save_model
from affekt.models.judge import RecurrentRecogniser
from affekt.models.published_gan import PublishedGenerator
from affekt.models.vocoder import IstftVocoder
from pipeline import generation, published_gan

FRAMES = 161
CLIPS = 64
SECTIONS = {
    PublishedGanParams: PublishedGanParams(channels=4, steps=3, batch=2, lr=0.001, bf16=False),
    GenerationParams: GenerationParams(samples=16),
    CganParams: CganParams(
        latent=8, channels=4, steps=1, batch=2, lr=0.001, loss="hinge", r1=0.0, r2=0.0, r1_every=1, ema=0.5,
        views=False, bf16=False, condition="emotion",
    ),
}  # fmt: skip


def write_corpus(root: Path, unheard: float) -> None:
    """Noise of both halves; half b is louder by `unheard`."""
    rng = np.random.default_rng(0)
    half = np.array(["a", "b"] * (CLIPS // 2))
    mel_NM = rng.normal(-5, 2, (CLIPS, FRAMES, 80)) + unheard * (half == "b")[:, None, None]
    clips = pd.DataFrame({"clip_id": [f"c{i:02d}" for i in range(CLIPS)], "half": half, "gender": "f"})
    clips["emotion"] = [EMOTIONS[i // 2 % 8] for i in range(CLIPS)]
    save_table(root / "prepared" / "clips.parquet", clips)
    save_array(root / "prepared" / "audio.npy", np.zeros(CLIPS, np.int16))
    lengths = np.full(CLIPS, FRAMES)
    table = pd.DataFrame({"clip_id": clips["clip_id"], "offset": np.cumsum(lengths) - lengths, "frames": lengths})
    save_table(root / "features" / "frames.parquet", table)
    total = CLIPS * FRAMES
    shapes = {"mfcc": (total, 2), "f0": (total,), "speaker": (CLIPS, 2)}
    save_array(root / "features" / "mel.npy", mel_NM.reshape(total, 80).astype(np.float32))
    for name, shape in shapes.items():
        save_array(root / "features" / f"{name}.npy", np.zeros(shape, np.float32))


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> FakeStage:
    """A run of both stages, the second with the first's generator and untrained networks beside it."""
    root = tmp_path_factory.mktemp("generation")
    for folder in ("prepared", "features"):
        (root / folder).mkdir()
    write_corpus(root, 0.0)
    torch.manual_seed(0)
    for name, classes in (("gan", 0), ("cgan", 8)):
        config = {"latent": 8, "channels": 4, "classes": classes}
        save_model(root / name, Generator(**config), config, {})
    judge, vocoder = {"channels": 4}, {"channels": 8, "blocks": 1}
    save_model(root / "judge", RecurrentRecogniser(**judge), judge, {})
    save_model(root / "vocoder", IstftVocoder(**vocoder), vocoder, {})
    published_gan.main(FakeStage(root, root / "trained", SECTIONS))  # type: ignore[arg-type]
    (root / "published_gan").symlink_to(root / "trained" / "outs" / "published_gan")
    stage = FakeStage(root, root / "measured", SECTIONS)
    generation.main(stage)  # type: ignore[arg-type]
    return stage


def test_the_published_generator_is_stored_with_its_sizes(measured: FakeStage) -> None:
    folder = measured.deps / "published_gan"
    assert read_json(folder / "config.json")["config"] == {"latent": 512, "channels": 4}
    generator = load_model(folder, PublishedGenerator, torch.device("cpu"))
    assert generator.body[0].out_channels == 32
    assert not generator.training


def test_it_trains_on_half_a_alone(measured: FakeStage, tmp_path: Path) -> None:
    for folder in ("prepared", "features"):
        (tmp_path / folder).mkdir()
    write_corpus(tmp_path, 3.0)
    published_gan.main(FakeStage(tmp_path, tmp_path / "trained", SECTIONS))  # type: ignore[arg-type]
    folders = measured.deps / "published_gan", tmp_path / "trained" / "outs" / "published_gan"
    first, second = (folder / "weights.safetensors" for folder in folders)
    assert first.read_bytes() == second.read_bytes()


def test_three_priors_have_the_same_measures(measured: FakeStage) -> None:
    metrics = read_json(measured.out("generation.json"))
    keys = {
        gan: {key.split("/", 2)[2] for key in metrics if key.startswith(f"generate/{gan}/")}
        for gan in ("gan", "cgan", "published_gan")
    }
    wanted = {"frechet", "frechet_floor", "precision", "recall", "density", "coverage", "nearest_train", "diversity"}
    assert wanted <= keys["gan"]
    assert keys["published_gan"] == keys["gan"] | {"frechet_rescaled"}
    assert keys["gan"] < keys["cgan"]
    assert all(np.isfinite(value) for value in metrics.values())
    for key in ("frechet_floor", "precision_real", "nearest_train_real", "samples"):
        assert len({metrics[f"generate/{gan}/{key}"] for gan in keys}) == 1, "all stand beside the same real clips"
    assert len({metrics[f"generate/{gan}/frechet"] for gan in keys}) == 3


def test_each_prior_has_examples_and_the_published_ones_its_range(measured: FakeStage) -> None:
    index = read_json(measured.out("generation") / "index.json")
    assert {gan: len(rows) for gan, rows in index.items()} == {"gan": 16, "cgan": 16, "published_gan": 16}
    mel_NMF = np.load(measured.out("generation") / "published_gan.npy", allow_pickle=False)
    np.testing.assert_allclose(mel_NMF.min((1, 2)), -11.4227, atol=1e-3)
    np.testing.assert_allclose(mel_NMF.max((1, 2)), 0.6957, atol=1e-3)
    assert [row["emotion"] for row in index["cgan"][:8]] == list(EMOTIONS)
    assert {row["emotion"] for row in index["published_gan"]} == {None}
