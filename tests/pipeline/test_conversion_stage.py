"""The stage converts clips of half b both ways, measures what it made, and writes what the page shows."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from fake_stage import FakeStage
from toy_corpus import make_corpus

from affekt.core.files import load_table, read_json, save_array, save_table, write_json
from affekt.core.params import FeaturesParams
from affekt.core.params_converting import ConversionParams
from affekt.core.seeds import numpy_rng
from affekt.corpora.table import EMOTIONS
from affekt.evaluate import conversion_figures
from affekt.evaluate.conversion_figures import MOS_EVERY
from affekt.evaluate.converters import read_utterance, voice
from affekt.evaluate.jury import Jury
from affekt.features.mel import log_mel
from affekt.features.packed import Packed
from affekt.models.codegan import CodeGenerator
from affekt.models.content import ContentNetwork
from affekt.models.conversion import detail_of, put_together, take_apart
from affekt.models.io import load_model, save_model
from affekt.models.judge import RecurrentRecogniser
from affekt.models.mel_networks import MelCNN, MelLSTM, MelWaveNet
from affekt.models.speechsplit import SpeechSplit
from affekt.models.translator import Translator
from affekt.models.vocoder import IstftVocoder
from affekt.models.vocoders import load_vocoder
from affekt.optimise.engine import Settings
from affekt.optimise.maximise import settings_for
from pipeline import conversion

PARAMS = ConversionParams(sources=1, speakers=12, strength=1.0, steps=2, lr=0.05, prior_weight=1.0, views=1)
FEATURES = FeaturesParams(n_mfcc=13, f0_min_hz=65.0, f0_max_hz=600.0, workers=1)
SMALL = {"channels": 4, "layers": 1, "classes": 8}
NETWORKS: dict[str, tuple[type[torch.nn.Module], dict[str, Any]]] = {
    "translator": (Translator, {"emotions": 8, "channels": 4}),
    "speechsplit": (SpeechSplit, {"channels": 16, "content": 2, "pitch": 3, "rhythm": 1, "decoder": 16}),
    "codegan": (CodeGenerator, {"size": 8, "emotions": 8, "channels": 8}),
    "recogniser_mel_cnn": (MelCNN, SMALL),
    "recogniser_mel_wavenet": (MelWaveNet, SMALL),
    "recogniser_mel_lstm": (MelLSTM, SMALL),
    "vocoder": (IstftVocoder, {"channels": 8, "blocks": 1}),
    "content_a": (ContentNetwork, {"statements": 2, "segments": 3, "channels": 4}),
    "jury/fold2": (RecurrentRecogniser, {"channels": 4}),
    "jury/fold3": (RecurrentRecogniser, {"channels": 4}),
}
MADE = ("translator", "codegan", "optimise")
UNCHANGED = ("copy", "together")
REAL = ("source", "target", "another_take")
VERSIONS = (*REAL, *UNCHANGED, *MADE)
FIGURES = {
    "mcd", "f0_rmse", "f0_correlation", "duration_ratio", "duration_error", "judge_accuracy", "judge_probability",
    "speaker_cosine", "statement_accuracy", "mos",
}  # fmt: skip


def write_deps(root: Path) -> None:
    """A corpus with the speakers 2 and 3 in half b, three emotions in two takes each; untrained networks."""
    make_corpus(root, speakers=4, emotions=3, repetitions=2)
    clips = load_table(root / "prepared" / "clips.parquet")
    strong = np.where(clips["emotion"] == "neutral", "normal", "strong")
    take = clips["clip_id"].str[-1].astype(int) + 1
    save_table(root / "prepared" / "clips.parquet", clips.assign(statement="kids", intensity=strong, repetition=take))
    speaker = np.abs(numpy_rng(0).standard_normal((len(clips), 256))).astype(np.float32)
    save_array(root / "features" / "speaker.npy", speaker / np.linalg.norm(speaker, axis=1, keepdims=True))
    torch.manual_seed(0)
    for name, (network, config) in NETWORKS.items():
        save_model(root / name, network(**config), config, {})
    write_json(root / "content_a" / "statements.json", [{"statement": s, "clip_id": s} for s in ("dogs", "kids")])
    write_json(root / "translator" / "emotions.json", list(EMOTIONS[:6]))
    write_json(root / "jury" / "jury.json", {"folds": {"2": ["toy-02"], "3": ["toy-03"]}})


@pytest.fixture(scope="module")
def stages(tmp_path_factory: pytest.TempPathFactory) -> tuple[FakeStage, FakeStage]:
    """Two runs of the stage on the same corpus and untrained networks; the second was ended after its first method."""
    root = tmp_path_factory.mktemp("stage")
    write_deps(root)
    sections = {ConversionParams: PARAMS, FeaturesParams: FEATURES}
    one, two = FakeStage(root, root / "one", sections), FakeStage(root, root / "two", sections)
    with pytest.MonkeyPatch.context() as patch:
        # DistillMOS itself is tests/evaluate/test_vocoding.py's.
        patch.setattr(conversion_figures, "predict_mos", lambda waves: [float(np.abs(w).max()) for w in waves])
        conversion.main(one)  # type: ignore[arg-type]
        with patch.context() as ended:
            ended.setattr(conversion, "recode_pairs", end)
            with pytest.raises(KeyboardInterrupt):
                conversion.main(two)  # type: ignore[arg-type]
        with patch.context() as done:
            done.setattr(conversion, "translate_pairs", end)
            conversion.main(two)  # type: ignore[arg-type]
    return one, two


def end(*args: object) -> None:
    raise KeyboardInterrupt


def test_every_method_has_its_figures_in_both_directions(stages: tuple[FakeStage, FakeStage]) -> None:
    metrics = read_json(stages[0].out("conversion.json"))
    counts = {"pairs": 4, "back_pairs": 4, "speakers": 2, "steps": 2, "chance": 1 / 3, "mos_pairs": 4 / MOS_EVERY}
    assert {key: metrics[f"convert/{key}"] for key in counts} == counts
    assert 0 <= metrics["convert/jury_ua"] <= 1
    assert 0 < metrics["convert/same_speaker_cosine"] <= 1
    for name in VERSIONS:
        found = {key.removeprefix(f"convert/{name}/") for key in metrics if key.startswith(f"convert/{name}/")}
        defined = {key.removesuffix("_undefined") for key in found}
        assert defined >= FIGURES | {f"back/{key}" for key in FIGURES} | {"calm/judge_accuracy", "happy/judge_accuracy"}
        assert ("p_value" in found) == (name not in ("source", "copy"))
        assert ("p_holm" in found) == (name in MADE)
        assert ("own_after" in found) == (name == "optimise")
    assert {metrics[f"convert/target/{key}"] for key in ("mcd", "f0_rmse")} == {0}
    assert metrics["convert/source/speaker_cosine"] == pytest.approx(1, abs=1e-5)
    assert metrics["convert/source/mcd"] > metrics["convert/another_take/mcd"] > 0
    assert sum("convert/optimise/own_probability" in logged for logged, _ in stages[0].logged) == 3


def test_means_over_emotions_are_those_over_pairs(stages: tuple[FakeStage, FakeStage]) -> None:
    metrics = read_json(stages[0].out("conversion.json"))
    for name in VERSIONS:
        each = [metrics[f"convert/{name}/{emotion}/judge_accuracy"] for emotion in ("calm", "happy")]
        assert metrics[f"convert/{name}/judge_accuracy"] == pytest.approx(np.mean(each)), "as many pairs of each"


def test_examples_are_of_half_b_and_judged_as_they_are_written(stages: tuple[FakeStage, FakeStage]) -> None:
    parts = stages[0].out("conversion")
    index = read_json(parts / "index.json")
    assert set(index) == {"examples"}
    assert len(index["examples"]) == 8
    assert sum(row["direction"] == "back" for row in index["examples"]) == 4
    jury = Jury.load(stages[0].dep("jury"), torch.device("cpu"))
    for row in index["examples"]:
        assert row["clip_id"].startswith(row["speaker"])
        assert row["speaker"] in ("toy-02", "toy-03")
        assert (row["wanted"] == "neutral") == (row["direction"] == "back")
        assert list(row["versions"]) == sorted(VERSIONS)
        for version in row["versions"].values():
            sound_T = torch.from_numpy(soundfile.read(parts / version["audio"], dtype="float32")[0])
            belief_E = jury.hear([log_mel(sound_T)], [int(row["speaker"][-1])])[0]
            assert version["judge"] == pytest.approx(float(belief_E[EMOTIONS.index(row["wanted"])]), abs=2e-2)
            assert float(sound_T.abs().max()) <= 1
            assert isinstance(version["statement_kept"], bool)


def test_unchanged_versions_are_the_source_spoken_and_the_source_taken_apart(
    stages: tuple[FakeStage, FakeStage],
) -> None:
    stage, cpu = stages[0], torch.device("cpu")
    packed = Packed.load(stage.dep("prepared"), stage.dep("features"))
    model = load_model(stage.dep("speechsplit"), SpeechSplit, cpu)
    vocoder = load_vocoder(stage.dep("vocoder"), cpu)
    row = read_json(stage.out("conversion") / "index.json")["examples"][0]
    at = packed.clips["clip_id"].tolist().index(row["clip_id"])
    with torch.inference_mode():
        one = read_utterance(packed, at, cpu)
        codes, _ = take_apart(model, [one])
        together_BMF = put_together(model, codes, detail_of(model, codes, [one.mel_MF]))
        together_MF = together_BMF[0, :, : packed.frames[at]]
    for name, mel_MF in (("copy", packed.clip_mel(at)), ("together", together_MF)):
        written_T, _ = soundfile.read(stage.out("conversion") / row["versions"][name]["audio"], dtype="float32")
        np.testing.assert_allclose(written_T, voice(vocoder, [mel_MF])[0], atol=1e-3)


def test_what_is_kept_between_runs_is_told_apart_by_device_and_climbs_as_the_command_does(
    stages: tuple[FakeStage, FakeStage], monkeypatch: pytest.MonkeyPatch
) -> None:
    work = stages[0].work
    assert {path.name for path in work.glob("*.safetensors")} == {f"{n}-cpu.safetensors" for n in (*UNCHANGED, *MADE)}
    seen: list[Settings] = []

    def climb(*args: Any) -> tuple[list[torch.Tensor], torch.Tensor]:
        seen.append(next(one for one in args if isinstance(one, Settings)))
        return [], torch.zeros(0)

    monkeypatch.setattr(conversion, "climb_pairs", climb)
    packed = Packed.load(stages[0].dep("prepared"), stages[0].dep("features"))
    conversion.converters(stages[0], packed, [], None, [])["optimise"]()  # type: ignore[arg-type]
    command = settings_for(torch.device("cpu"), PARAMS.steps, PARAMS.lr, PARAMS.views, stages[0].seed("views"))
    assert seen == [replace(command, snapshots=0)]


def test_without_a_jury_nothing_is_converted_and_the_reason_is_passed_on(tmp_path: Path) -> None:
    """No other dep is read: there is none."""
    write_json(tmp_path / "jury" / "jury.json", {"folds": {}, "reason": "Half b has one fold."})
    stage = FakeStage(tmp_path, tmp_path / "run", {ConversionParams: PARAMS, FeaturesParams: FEATURES})
    conversion.main(stage)  # type: ignore[arg-type]
    assert sorted(map(str, stage.bytes_of_outs())) == ["conversion.json", "conversion/index.json"]
    assert read_json(stage.out("conversion.json")) == {}
    index = read_json(stage.out("conversion") / "index.json")
    assert index == {"reason": "Half b has one fold.", "examples": []}
    assert (stage.artifacts, stage.logged) == ([stage.out("conversion")], [])


def test_a_run_that_was_ended_gives_the_same_bytes(stages: tuple[FakeStage, FakeStage]) -> None:
    first, second = (stage.bytes_of_outs() for stage in stages)
    assert len(first) > 40
    assert first == second
    assert stages[0].artifacts == [stages[0].out("conversion")]
