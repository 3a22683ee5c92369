"""The stage masks clips of half a, measures sounds that it made anew, and writes what the page shows."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch
from fake_stage import FakeStage

from affekt.core.errors import UserError
from affekt.core.files import read_json, save_array, save_table, write_json
from affekt.core.params_editing import MaskParams
from affekt.features.mel import log_mel
from affekt.models.content import ContentNetwork
from affekt.models.io import save_model
from affekt.models.judge import RecurrentRecogniser
from affekt.models.mel_networks import MelCNN
from pipeline import mask

PARAMS = MaskParams(
    clips=4, rms_db=[2.0, 5.0], peak_db=20.0, band_cell=10, frame_cell=16, steps=3, lr=2.0, views=1, smoothness=0.0,
    content_weight=1.0, content_bound=0.0,
)  # fmt: skip
EMOTIONS = ("happy", "sad", "angry")


def write_corpus(root: Path) -> None:
    rng = np.random.default_rng(0)
    rows = [
        {"clip_id": f"{speaker}-{emotion}", "speaker": speaker, "gender": "f", "emotion": emotion,
         "statement": statement, "intensity": "normal", "half": half}
        for speaker, half, statement in (("s1", "a", "dogs"), ("s2", "a", "kids"), ("s3", "b", "dogs"))
        for emotion in EMOTIONS
    ]  # fmt: skip
    frames = 9000 + 700 * np.arange(len(rows))
    clips = pd.DataFrame(rows).assign(frames=frames, offset=np.cumsum(frames) - frames)
    (root / "prepared").mkdir()
    save_table(root / "prepared" / "clips.parquet", clips)
    save_array(root / "prepared" / "audio.npy", (3000 * rng.standard_normal(frames.sum())).astype(np.int16))


@pytest.fixture(scope="module")
def stages(tmp_path_factory: pytest.TempPathFactory) -> tuple[FakeStage, FakeStage]:
    """Two runs of the stage on the same corpus and untrained networks."""
    root = tmp_path_factory.mktemp("stage")
    networks: dict[str, tuple[type[torch.nn.Module], dict[str, Any]]] = {
        mask.CLIMBED: (MelCNN, {"channels": 4, "layers": 1, "classes": 8}),
        "judge": (RecurrentRecogniser, {"channels": 4}),
        "content_a": (ContentNetwork, {"statements": 2, "segments": 3, "channels": 4}),
        "content_b": (ContentNetwork, {"statements": 2, "segments": 3, "channels": 4}),
    }
    torch.manual_seed(0)
    for name, (network, config) in networks.items():
        save_model(root / name, network(**config), config, {})
    write_json(root / "content_b" / "statements.json", [{"statement": s, "clip_id": s} for s in ("dogs", "kids")])
    write_corpus(root)
    both = FakeStage(root, root / "one", {MaskParams: PARAMS}), FakeStage(root, root / "two", {MaskParams: PARAMS})
    for stage in both:
        mask.main(stage)  # type: ignore[arg-type]
    return both


def test_every_bound_has_its_figures(stages: tuple[FakeStage, FakeStage]) -> None:
    metrics = read_json(stages[0].out("mask.json"))
    assert (metrics["mask/clips"], metrics["mask/steps"]) == (4, 3)
    rates = {f"{who}_{when}" for who in ("own", "judge", "statement") for when in ("before", "after")}
    for bound in (2, 5):
        found = {key.split("/")[2] for key in metrics if key.startswith(f"mask/{bound}db/") and key.count("/") == 2}
        assert found == rates | {"judge_random", "statement_random", "rms_db", "peak_db", "p_value"}
        assert 0 < metrics[f"mask/{bound}db/rms_db"] <= bound + 1e-3
        assert metrics[f"mask/{bound}db/peak_db"] <= 20
    wanted = {key.split("/")[2] for key in metrics if key.count("/") == 3}
    assert wanted <= set(EMOTIONS)
    assert sum(metrics[f"mask/5db/{emotion}/clips"] for emotion in wanted) == 4
    assert sum("mask/5db/own_probability" in metrics for metrics, _ in stages[0].logged) == 4


def test_clips_are_of_half_a_and_are_wished_another_emotion(stages: tuple[FakeStage, FakeStage]) -> None:
    index = read_json(stages[0].out("mask") / "index.json")
    assert index["bounds_db"] == [2.0, 5.0]
    assert len(index["examples"]) == 4
    for row in index["examples"]:
        assert row["clip_id"][:2] in ("s1", "s2")
        assert row["wanted"] in EMOTIONS
        assert row["wanted"] != row["emotion"]


def test_the_judge_hears_the_sound_that_is_written(stages: tuple[FakeStage, FakeStage]) -> None:
    parts = stages[0].out("mask")
    judge = mask.load_model(stages[0].dep("judge"), RecurrentRecogniser, torch.device("cpu"))
    for row in read_json(parts / "index.json")["examples"]:
        label = mask.EMOTIONS.index(row["wanted"])
        before = soundfile.read(parts / row["before"]["audio"], dtype="float32")[0]
        for version in (row["before"], *row["after"]):
            sound_T = torch.from_numpy(soundfile.read(parts / version["audio"], dtype="float32")[0])
            assert len(sound_T) == len(before)
            with torch.no_grad():
                heard = judge(log_mel(sound_T)[None]).softmax(1)[0, label]
            assert version["judge"] == pytest.approx(float(heard), abs=1e-3)
        for version in row["after"]:
            gain_MF = np.load(parts / version["mask"], allow_pickle=False)
            assert gain_MF.shape == (80, len(before) // 256 + 1)
            rms = float(np.sqrt(np.square(gain_MF.astype(np.float32)).mean()))
            assert rms == pytest.approx(version["rms_db"], abs=0.01)
            assert rms <= version["bound_db"] + 0.01


def test_two_runs_give_the_same_bytes(stages: tuple[FakeStage, FakeStage]) -> None:
    first, second = (stage.bytes_of_outs() for stage in stages)
    assert len(first) > 10
    assert first == second
    assert stages[0].artifacts == [stages[0].out("mask")]


def test_a_statement_that_the_content_network_has_not_learned_is_named() -> None:
    with pytest.raises(UserError, match="does not know statement 'cats', only dogs, kids"):
        mask.index_of(["dogs", "kids"], "cats")
