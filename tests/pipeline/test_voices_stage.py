"""VoiceGAN trains on half a alone; the stage `voices` measures what it draws and lets half b be spoken in it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch
from fake_stage import FakeStage
from toy_corpus import make_corpus

from affekt.core.files import load_array, load_table, read_json, save_array, save_table
from affekt.core.params import FeaturesParams, Section
from affekt.core.params_converting import VoiceganParams, VoicesParams
from affekt.evaluate.voices import fit_gender
from affekt.features.mel import HOP_LENGTH
from affekt.features.packed import Packed
from affekt.models.io import load_model, save_model
from affekt.models.speechsplit import SpeechSplit
from affekt.models.vocoder import IstftVocoder
from affekt.models.voicegan import VoiceGenerator
from affekt.training.voicegan import Voices
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
            "samples", "gender_accuracy", "gender_accuracy_real", "too_near", "too_near_real", "nearest",
            "nearest_median", "same_speaker_percentile_1", "pairwise_cosine", "pairwise_cosine_real",
            "unseen_nearest_median", "decoded/count", "decoded/pairwise_cosine", "decoded/pairwise_cosine_same",
            "decoded/cosine_to_wish", "decoded/gender_accuracy", "decoded/gender_accuracy_crossed",
        )
    }  # fmt: skip
    for name in ("decoded/f0_women_hz", "decoded/f0_men_hz", "fake_neutral/f0_deviation_before"):
        assert {f"voices/{name}", f"voices/{name}_undefined"} & set(metrics)
    assert np.isfinite(list(metrics.values())).all()
    assert (metrics["voices/samples"], metrics["voices/decoded/count"]) == (8, 6)
    assert metrics["voices/gender_accuracy_real"] == 1
    assert stages[0].logged == [(metrics, 0)]


def test_recordings_of_half_b_are_spoken_in_drawn_voices_of_both_genders(stages: tuple[FakeStage, FakeStage]) -> None:
    parts = stages[0].out("voices")
    index = read_json(parts / "index.json")
    assert index["source"] == index["sources"][0]
    assert [row["gender"] for row in index["sources"]] == ["f", "m"]
    shown = [(row["source"], row["gender"], row["number"]) for row in index["voices"]]
    own = {gender: [(f"source-{gender}.wav", gender, number) for number in (1, 2, 3)] for gender in "fm"}
    assert shown == [*own["f"], ("source-f.wav", "m", 1), ("source-m.wav", "f", 1), *own["m"]]
    clips = load_table(stages[0].dep("prepared") / "clips.parquet").set_index("clip_id")
    for row in index["sources"]:
        clip = clips.loc[row["clip_id"]]
        assert (clip["half"], clip["gender"], clip["emotion"]) == ("b", row["gender"], "neutral")
        assert len(soundfile.read(parts / row["audio"])[0]) == clip["frames"]
    sounds = set()
    for row in index["voices"]:
        source = next(one for one in index["sources"] if one["audio"] == row["source"])
        sound = soundfile.read(parts / row["audio"])[0]
        assert len(sound) == clips.loc[source["clip_id"], "frames"] // HOP_LENGTH * HOP_LENGTH
        sounds.add(sound.tobytes())
    assert len(sounds) == 8  # crossed ones among them: a voice speaks two recordings


def test_the_classifier_has_not_learnt_from_who_is_spoken(
    stages: tuple[FakeStage, FakeStage], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learnt: list[set[str]] = []

    def fit(of: Voices) -> object:
        learnt.append(set(of.speaker_N))
        return fit_gender(of)

    monkeypatch.setattr(voices, "fit_gender", fit)
    voices.main(FakeStage(stages[0].deps, tmp_path, SECTIONS))  # type: ignore[arg-type]
    tables = [load_table(stages[0].dep(f"{prefix}prepared") / "clips.parquet") for prefix in ("", "reading_")]
    acted = tables[0].set_index("clip_id")
    index = read_json(stages[0].out("voices") / "index.json")
    spoken = {acted.loc[row["clip_id"], "speaker"] for row in index["sources"]}
    unheard = {name for table in tables for name in table[table["half"] == "b"]["speaker"]}
    assert len(spoken) == 2
    assert learnt == [unheard - spoken]


def test_a_corpus_of_one_gender_gives_one_recording() -> None:
    rows = [("x-0", "f", "b", "sad"), ("x-1", "f", "b", "calm"), ("x-2", "f", "a", "neutral")]
    clips = pd.DataFrame(rows, columns=["clip_id", "gender", "half", "emotion"])
    clips = clips.assign(speaker=clips["clip_id"], statement="kids", intensity="normal")
    assert voices.sources_of(clips) == [1]
    assert voices.sources_of(clips.assign(gender=["m", "f", "m"])) == [1, 0]
    assert voices.sources_of(clips.assign(emotion="angry")) == [0]


def test_what_is_measured_is_what_is_written(stages: tuple[FakeStage, FakeStage], tmp_path: Path) -> None:
    """A wave beyond full scale is made softer and not cut off."""

    class Loud(torch.nn.Module):
        def forward(self, mel_BMF: torch.Tensor) -> torch.Tensor:
            return 3 * torch.sin(torch.arange(HOP_LENGTH * mel_BMF.shape[2]) / 20)[None]

    studio = replace(voices.open_studio(stages[0]), vocoder=Loud())  # type: ignore[arg-type]
    codes, frames_B = studio.take_apart(Packed.load(stages[0].dep("prepared"), stages[0].dep("features")), 0)
    wave_T = studio.speak(codes, frames_B)
    voices.write_wav(tmp_path / "loud.wav", wave_T)
    assert np.abs(wave_T).max() == pytest.approx(1, abs=1e-3)
    np.testing.assert_allclose(soundfile.read(tmp_path / "loud.wav")[0], wave_T, atol=2**-15)
    loud_T = Loud()(torch.zeros(1, 80, int(frames_B)))[0].numpy()
    assert np.corrcoef(loud_T, wave_T)[0, 1] == pytest.approx(1)


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
    in_order = [drawn_BE[i] for i in (0, 2, 4, 1, 0, 1, 3, 5)]  # crossed: the first of each gender
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
    assert len(first) == 2 + 2 + 8 + 8
    assert first == second
    assert stages[0].artifacts == [stages[0].out("voices")]
