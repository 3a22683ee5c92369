"""VoiceGAN trains on half a alone; the stage `voices` measures what it draws and lets half b be spoken in it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from fake_stage import FakeStage
from toy_corpus import make_corpus

from affekt.core.files import load_array, load_table, read_json, save_array, save_table
from affekt.core.params import FeaturesParams, Section
from affekt.core.params_converting import VoiceganParams, VoicesParams
from affekt.features.mel import HOP_LENGTH
from affekt.models.io import load_model, save_model
from affekt.models.speechsplit import SpeechSplit
from affekt.models.vocoder import IstftVocoder
from affekt.models.voicegan import VoiceGenerator
from pipeline import voicegan, voices

SECTIONS: dict[type, Section] = {
    VoiceganParams: VoiceganParams(
        latent=4, width=16, steps=60, critic_steps=2, batch=16, lr=0.002, penalty=10.0, gender=1.0
    ),
    VoicesParams: VoicesParams(samples=8, decoded=6, flatten=0.1),
    FeaturesParams: FeaturesParams(n_mfcc=13, f0_min_hz=65.0, f0_max_hz=600.0, workers=1),
}


def write_corpora(deps: Path, shift_b: float = 0.0) -> None:
    """A corpus and readers whose embeddings tell speaker and gender; `shift_b` makes those of half b others."""
    for prefix, emotions, labelled in (("", 3, True), ("reading_", 1, False)):
        make_corpus(deps / "made" / f"{prefix}corpus", emotions=emotions, repetitions=2, labelled=labelled)
        for name in ("prepared", "features"):
            (deps / "made" / f"{prefix}corpus" / name).rename(deps / f"{prefix}{name}")
        table = deps / f"{prefix}prepared" / "clips.parquet"
        clips = load_table(table).assign(statement="kids", intensity="normal")
        clips["speaker"] = prefix + clips["speaker"]
        save_table(table, clips)
        rng = np.random.default_rng(len(prefix))
        own = {name: rng.uniform(0, 1, 256) for name in sorted(set(clips["speaker"]))}
        vectors = []
        for clip in clips.itertuples():
            vector = own[clip.speaker] + rng.uniform(0, 0.3, 256)
            vector[128 * (clip.gender == "m") :][:128] += 1.5
            vector[:64] += shift_b * (clip.half == "b")
            vectors.append(vector / np.linalg.norm(vector))
        save_array(deps / f"{prefix}features" / "speaker.npy", np.array(vectors, np.float32))


def train(root: Path, shift_b: float = 0.0) -> Path:
    write_corpora(root / "deps", shift_b)
    stage = FakeStage(root / "deps", root / "training", SECTIONS)
    voicegan.main(stage)  # type: ignore[arg-type]
    return stage.out("voicegan")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(tmp_path_factory.mktemp("trained"))


@pytest.fixture(scope="module")
def stages(trained: Path) -> tuple[FakeStage, FakeStage]:
    """Two runs of the stage on the same corpora and networks."""
    deps = trained.parents[2] / "deps"
    (deps / "voicegan").symlink_to(trained)
    torch.manual_seed(0)
    networks: dict[str, tuple[type[torch.nn.Module], dict[str, Any]]] = {
        "speechsplit": (SpeechSplit, {"channels": 16, "content": 2, "pitch": 2, "rhythm": 1, "decoder": 16}),
        "vocoder": (IstftVocoder, {"channels": 8, "blocks": 1}),
    }
    for name, (network, config) in networks.items():
        save_model(deps / name, network(**config), config, {})
    both = FakeStage(deps, deps / "one", SECTIONS), FakeStage(deps, deps / "two", SECTIONS)
    for stage in both:
        voices.main(stage)  # type: ignore[arg-type]
    return both


def test_the_generator_is_kept_with_its_size(trained: Path) -> None:
    assert load_model(trained, VoiceGenerator, torch.device("cpu")).latent == 4
    assert read_json(trained / "config.json")["config"] == {"latent": 4, "width": 16}
    assert read_json(trained / "history.json")["step"] == [9, 19, 29, 39, 49, 59]


def test_it_trains_on_half_a_alone(trained: Path, tmp_path: Path) -> None:
    """Other embeddings of half b leave every weight as it is."""
    again = train(tmp_path, shift_b=5.0)
    assert (again / "weights.safetensors").read_bytes() == (trained / "weights.safetensors").read_bytes()


def test_every_figure_is_there_and_finite(stages: tuple[FakeStage, FakeStage]) -> None:
    metrics = read_json(stages[0].out("voices.json"))
    assert set(metrics) >= {
        f"voices/{key}"
        for key in (
            "samples", "gender_accuracy", "gender_accuracy_real", "too_near", "nearest", "nearest_median",
            "same_speaker_percentile_1", "pairwise_cosine", "pairwise_cosine_real", "unseen_nearest_median",
            "decoded/count", "decoded/pairwise_cosine", "decoded/pairwise_cosine_same", "decoded/cosine_to_wish",
            "decoded/gender_accuracy",
        )
    }  # fmt: skip
    for name in ("decoded/f0_women_hz", "decoded/f0_men_hz", "fake_neutral/f0_deviation_before"):
        assert {f"voices/{name}", f"voices/{name}_undefined"} & set(metrics)
    assert np.isfinite(list(metrics.values())).all()
    assert (metrics["voices/samples"], metrics["voices/decoded/count"]) == (8, 6)
    assert metrics["voices/gender_accuracy_real"] == 1
    assert stages[0].logged == [(metrics, 0)]


def test_half_b_is_spoken_in_drawn_voices_of_its_gender(stages: tuple[FakeStage, FakeStage]) -> None:
    parts = stages[0].out("voices")
    index = read_json(parts / "index.json")
    assert index["source"] == index["sources"][0]
    assert [row["gender"] for row in index["sources"]] == ["f", "m"]
    assert [row["gender"] for row in index["voices"]] == ["f"] * 3 + ["m"] * 3
    clips = load_table(stages[0].dep("prepared") / "clips.parquet").set_index("clip_id")
    for row in index["sources"]:
        clip = clips.loc[row["clip_id"]]
        assert (clip["half"], clip["gender"], clip["emotion"]) == ("b", row["gender"], "neutral")
        assert len(soundfile.read(parts / row["audio"])[0]) == clip["frames"]
    sounds = set()
    for row in index["voices"]:
        source = next(one for one in index["sources"] if one["audio"] == row["source"])
        assert source["gender"] == row["gender"]
        sound = soundfile.read(parts / row["audio"])[0]
        assert len(sound) == clips.loc[source["clip_id"], "frames"] // HOP_LENGTH * HOP_LENGTH
        sounds.add(sound.tobytes())
    assert len(sounds) == 6


def test_the_nearest_real_voice_is_one_of_half_a(stages: tuple[FakeStage, FakeStage]) -> None:
    heard = {}
    for prefix in ("", "reading_"):
        clips = load_table(stages[0].dep(f"{prefix}prepared") / "clips.parquet")
        vectors = load_array(stages[0].dep(f"{prefix}features") / "speaker.npy")
        heard |= {name: vectors[(clips["speaker"] == name).to_numpy()] for name in clips[clips.half == "a"]["speaker"]}
    network = load_model(stages[0].dep("voicegan"), VoiceGenerator, torch.device("cpu"))
    drawn_BE, gender_B = voices.draw(stages[0], 8)  # type: ignore[arg-type]
    assert gender_B.tolist() == [0, 1] * 4
    assert drawn_BE.shape == (8, 256)
    assert network.latent == 4
    rows = read_json(stages[0].out("voices") / "index.json")["voices"]
    in_order = [drawn_BE[i] for i in (0, 2, 4, 1, 3, 5)]
    for row, wished_E in zip(rows, in_order, strict=True):
        cosine = {name: float((vectors @ wished_E).max()) for name, vectors in heard.items()}
        assert row["nearest_speaker"] == max(cosine, key=cosine.__getitem__)
        assert row["nearest_cosine"] == pytest.approx(cosine[row["nearest_speaker"]], abs=1e-5)


def test_the_melody_of_emotional_clips_is_flattened(stages: tuple[FakeStage, FakeStage]) -> None:
    parts = stages[0].out("voices")
    clips = load_table(stages[0].dep("prepared") / "clips.parquet").set_index("clip_id")
    rows = read_json(parts / "index.json")["fake_neutral"]
    assert len(rows) == 4
    assert len({clips.loc[row["clip_id"], "speaker"] for row in rows}) == 4
    for row in rows:
        assert set(row) == {"clip_id", "before", "after", "f0_before", "f0_after"}
        assert clips.loc[row["clip_id"], "half"] == "b"
        assert clips.loc[row["clip_id"], "emotion"] not in ("neutral", "calm")
        before, after = (soundfile.read(parts / row[when])[0] for when in ("before", "after"))
        assert len(before) == len(after)
        assert (before != after).any()


def test_two_runs_give_the_same_bytes(stages: tuple[FakeStage, FakeStage]) -> None:
    first, second = (stage.bytes_of_outs() for stage in stages)
    assert len(first) == 2 + 2 + 6 + 8
    assert first == second
    assert stages[0].artifacts == [stages[0].out("voices")]
