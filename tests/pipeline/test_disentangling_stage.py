"""The stage makes pairs of half b lend each other codes, and writes what the page shows."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from fake_stage import FakeStage
from toy_corpus import make_corpus

from affekt.core.errors import UserError
from affekt.core.files import load_table, read_json, save_array, save_table, write_json
from affekt.core.params import DisentanglingParams, FeaturesParams
from affekt.evaluate.converters import read_utterance
from affekt.evaluate.disentangling import ASPECTS, CHANGED
from affekt.features.packed import Packed
from affekt.models.content import ContentNetwork
from affekt.models.conversion import put_together, take_apart
from affekt.models.io import load_model, save_model
from affekt.models.speechsplit import SpeechSplit
from affekt.models.vocoder import IstftVocoder
from pipeline import disentangling

SECTIONS: dict[type, Any] = {
    DisentanglingParams: DisentanglingParams(pairs=6),
    FeaturesParams: FeaturesParams(n_mfcc=13, f0_min_hz=75, f0_max_hz=500, workers=1),
}
NETWORKS: dict[str, tuple[type[torch.nn.Module], dict[str, Any]]] = {
    "speechsplit": (SpeechSplit, {"channels": 16, "content": 2, "pitch": 2, "rhythm": 1, "decoder": 16}),
    "vocoder": (IstftVocoder, {"channels": 8, "blocks": 1}),
    "content_a": (ContentNetwork, {"statements": 2, "segments": 3, "channels": 4}),
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus of eight speakers, four of them in half b, and untrained networks."""
    root = tmp_path_factory.mktemp("disentangling")
    prepared, features = make_corpus(root, emotions=3)
    clips = load_table(prepared / "clips.parquet")
    clips["statement"] = [("dogs", "kids")[i % 2] for i in range(len(clips))]
    save_table(prepared / "clips.parquet", clips.assign(intensity="normal"))
    speaker_NE = np.random.default_rng(0).random((len(clips), 256)).astype(np.float32)
    save_array(features / "speaker.npy", speaker_NE / np.linalg.norm(speaker_NE, axis=1, keepdims=True))
    torch.manual_seed(0)
    for name, (network, config) in NETWORKS.items():
        save_model(root / name, network(**config), config, {})
    write_json(root / "content_a" / "statements.json", [{"statement": s, "clip_id": s} for s in ("dogs", "kids")])
    return root


@pytest.fixture(scope="module")
def stages(root: Path) -> tuple[FakeStage, FakeStage]:
    """Two runs of the stage."""
    both = FakeStage(root, root / "one", SECTIONS), FakeStage(root, root / "two", SECTIONS)
    for stage in both:
        disentangling.main(stage)  # type: ignore[arg-type]
    return both


def test_every_code_and_aspect_has_its_figures(stages: tuple[FakeStage, FakeStage]) -> None:
    metrics = read_json(stages[0].out("disentangling.json"))
    assert metrics["disentangle/pairs"] == 6
    figures = ("moved", "to_a", "to_b")
    for changed in CHANGED:
        for aspect in ASPECTS:
            prefix = f"disentangle/{changed}/{aspect}"
            for figure in figures:  # of untrained networks: a melody may be nowhere voiced
                assert f"{prefix}/{figure}" in metrics or metrics[f"{prefix}/{figure}_undefined"] == 6
            moved = metrics.get(f"{prefix}/moved", 0.0)
            assert 0 <= moved <= 1
        statements = [metrics[f"disentangle/{changed}/statement/{figure}"] for figure in ("to_a", "to_b")]
        assert sum(statements) == pytest.approx(1), "one of two is named"
    assert {key.split("/")[-1].removesuffix("_undefined") for key in metrics if "/reconstruction/" in key} == {
        "mel_l1_seen",
        "mel_l1_unseen",
        "f0_correlation_seen",
        "f0_correlation_unseen",
    }
    assert all(np.isfinite(value) for value in metrics.values())
    assert stages[0].logged == [(metrics, 0)]


def test_the_reconstruction_is_that_of_each_half(stages: tuple[FakeStage, FakeStage], root: Path) -> None:
    """From the mels alone: what an untrained network makes of each clip."""
    packed = Packed.load(root / "prepared", root / "features")
    model = load_model(root / "speechsplit", SpeechSplit, torch.device("cpu"))
    metrics = read_json(stages[0].out("disentangling.json"))
    for half, word in (("a", "seen"), ("b", "unseen")):
        errors = []
        for row in np.flatnonzero(packed.clips["half"] == half):
            own = read_utterance(packed, int(row), torch.device("cpu"))
            with torch.no_grad():
                codes, _ = take_apart(model, [own])
                mel_MF = put_together(model, codes)[0, :, : own.mel_MF.shape[1]]
            errors.append(float((mel_MF - own.mel_MF).abs().mean()))
        assert metrics[f"disentangle/reconstruction/mel_l1_{word}"] == pytest.approx(np.mean(errors), rel=1e-4)


def test_sounds_of_four_pairs_are_kept(stages: tuple[FakeStage, FakeStage], root: Path) -> None:
    parts, clips = stages[0].out("disentangling"), load_table(root / "prepared" / "clips.parquet")
    packed = Packed.load(root / "prepared", root / "features")
    examples = read_json(parts / "index.json")["examples"]
    assert len(examples) == 4
    named = clips.set_index("clip_id")
    genders = []
    for example in examples:
        first, second = named.loc[example["a"]], named.loc[example["b"]]
        assert first["half"] == second["half"] == "b"
        assert all(first[key] != second[key] for key in ("speaker", "emotion", "statement"))
        genders.append(first["gender"] + second["gender"])
        assert set(example["sounds"]) == {"a", "b", *CHANGED}
        sounds = {name: soundfile.read(parts / file, dtype="float32")[0] for name, file in example["sounds"].items()}
        row = clips["clip_id"].tolist().index(example["a"])
        np.testing.assert_allclose(sounds["a"], packed.waveform(row), atol=1e-4)
        assert {len(sounds[name]) for name in CHANGED} == {len(sounds["a"]) // 256 * 256}
        changed = {name: sounds[name].tobytes() for name in ("none", "content", "rhythm", "speaker")}
        assert len(set(changed.values())) == 4  # melodies of these voices are flat, and so alike above their registers
    assert sorted(genders) == ["ff", "fm", "mf", "mm"]
    assert stages[0].artifacts == [parts]


def test_two_runs_give_the_same_bytes(stages: tuple[FakeStage, FakeStage]) -> None:
    first, second = (stage.bytes_of_outs() for stage in stages)
    assert len(first) == 2 + 4 * 7
    assert first == second


def test_a_content_network_of_other_statements_is_named(root: Path, tmp_path: Path) -> None:
    for path in root.iterdir():
        if path.name not in ("content_a", "one", "two"):
            (tmp_path / path.name).symlink_to(path)
    network, config = NETWORKS["content_a"]
    save_model(tmp_path / "content_a", network(**config), config, {})
    write_json(tmp_path / "content_a" / "statements.json", [{"statement": s} for s in ("cats", "kids")])
    with pytest.raises(UserError, match="content_a does not know statement 'dogs', only cats, kids"):
        disentangling.main(FakeStage(tmp_path, tmp_path / "run", SECTIONS))  # type: ignore[arg-type]


def test_one_speaker_in_half_b_lends_nobody_a_code_and_the_reason_is_told(root: Path, tmp_path: Path) -> None:
    for name in ("prepared", "features"):
        shutil.copytree(root / name, tmp_path / name)
    clips = load_table(tmp_path / "prepared" / "clips.parquet")
    clips.loc[clips["half"] == "b", "speaker"] = "tess-YAF"
    save_table(tmp_path / "prepared" / "clips.parquet", clips)
    stage = FakeStage(tmp_path, tmp_path / "run", SECTIONS)
    disentangling.main(stage)  # type: ignore[arg-type]
    assert sorted(map(str, stage.bytes_of_outs())) == ["disentangling.json", "disentangling/index.json"]
    assert read_json(stage.out("disentangling.json")) == {}
    index = read_json(stage.out("disentangling") / "index.json")
    assert index["examples"] == []
    assert "one speaker (tess-YAF)" in index["reason"]
