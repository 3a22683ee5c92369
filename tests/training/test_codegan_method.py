"""Training CodeGAN: which clips it hears, their codes, balance, losses by their formulas, learning, repeats."""

import dataclasses
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from fake_stage import FakeStage
from torch import Tensor
from torch.nn import functional
from toy_corpus import make_corpus

from affekt.core.errors import UserError
from affekt.core.files import load_table, read_json, save_table
from affekt.core.params import CodeganParams
from affekt.corpora.table import EMOTIONS
from affekt.features.mel import N_MELS
from affekt.features.packed import Packed
from affekt.features.speaker import EMBEDDING_SIZE
from affekt.models.codegan import CodeGenerator
from affekt.models.conversion import prosody_of, take_apart, utterance_of
from affekt.models.io import load_model, save_model
from affekt.models.speechsplit import STEP, SpeechSplit
from affekt.training.codegan import CodeganMethod, ProsodyCodes, emotional_rows, neutral_embeddings
from affekt.training.loop import LoopState, TrainResult, TrainSettings, train
from pipeline.codegan import main

CPU = torch.device("cpu")
SEED = 3
SPLIT = {"channels": 16, "content": 2, "pitch": 2, "rhythm": 1, "decoder": 16}
CROP = 6  # steps
SPOKEN = ("neutral", "happy", "angry")  # the last two also strongly


def params(**changed: object) -> CodeganParams:
    values: dict[str, object] = {
        "channels": 8, "steps": 5, "critic_steps": 2, "batch": 6, "lr": 0.002, "crop_steps": CROP, "penalty": 10.0,
        "emotion": 1.0, "cycle": 5.0, "identity": 2.0, "noise": 0.1,
    }  # fmt: skip
    return CodeganParams(**values | changed)  # type: ignore[arg-type]


def corpus(takes: int = 2) -> Packed:
    """Four speakers, two of half a; clips of 30 to 90 frames whose f0 rises where they are angry, else falls."""
    rng = np.random.default_rng(0)
    rows = [
        {
            "speaker": f"s{speaker}",
            "emotion": emotion,
            "intensity": intensity,
            "statement": "dogs",
            "half": "a" if speaker < 2 else "b",
        }
        for speaker in range(4)
        for emotion in SPOKEN
        for intensity in (("normal",) if emotion == "neutral" else ("normal", "strong"))
        for _ in range(takes)
    ]
    frames = rng.integers(30, 90, len(rows))
    slope = [1 if row["emotion"] == "angry" else -1 for row in rows]
    f0 = [200 * np.exp2(s * np.linspace(-0.5, 0.5, n)) for s, n in zip(slope, frames, strict=True)]
    embedding_CE = np.abs(rng.normal(size=(len(rows), EMBEDDING_SIZE)))
    return Packed(
        pd.DataFrame(rows),
        audio=np.zeros(0, np.int16),
        mel=rng.normal(-5, 1, (frames.sum(), N_MELS)).astype(np.float32),
        mfcc=np.zeros((frames.sum(), 13), np.float32),
        f0=np.concatenate(f0).astype(np.float32),
        speaker=(embedding_CE / np.linalg.norm(embedding_CE, axis=1, keepdims=True)).astype(np.float32),
        offsets=frames.cumsum() - frames,
        frames=frames,
    )


def speech_split() -> SpeechSplit:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return SpeechSplit(**SPLIT).eval()


def make(**changed: object) -> CodeganMethod:
    return CodeganMethod(params(**changed), speech_split(), corpus(), SEED, CPU)


def run(method: CodeganMethod, work: Path) -> TrainResult:
    settings = TrainSettings(method.params.steps, SEED, checkpoint_every=3, log_every=1)
    work.mkdir(exist_ok=True)
    return train(method, settings, work, CPU, lambda scalars, step: None, lambda steps, *_, **__: iter(steps))


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_neutral_and_strong_clips_of_half_a_are_heard() -> None:
    packed = corpus()
    found = packed.clips.iloc[emotional_rows(packed)]
    assert set(found["half"]) == {"a"}
    kinds = found.groupby(["emotion", "intensity"]).size().to_dict()
    assert kinds == {("neutral", "normal"): 4, ("happy", "strong"): 4, ("angry", "strong"): 4}


def test_emotions_without_strong_clips_are_heard_as_they_are() -> None:
    packed = corpus()
    weak = packed.clips.assign(intensity=packed.clips["intensity"].where(packed.clips["emotion"] != "happy", "normal"))
    found = weak.iloc[emotional_rows(Packed(weak, *list(vars(packed).values())[1:]))]
    assert found.groupby(["emotion", "intensity"]).size().to_dict() == {
        ("neutral", "normal"): 4, ("happy", "normal"): 8, ("angry", "strong"): 4,
    }  # fmt: skip


def test_strong_clips_stand_for_their_own_statement_alone() -> None:
    packed = corpus()
    statement = np.where(np.arange(len(packed)) % 2, "dogs", "kids")
    intensity = packed.clips["intensity"].where(statement == "dogs", "normal")
    split = dataclasses.replace(packed, clips=packed.clips.assign(statement=statement, intensity=intensity))
    rows = emotional_rows(split)
    chosen = split.clips.iloc[rows]
    # "kids" has no strong clip: all of it counts. Of "dogs" the strong ones do, and the neutral ones: none is strong.
    kids = split.clips[(split.clips["statement"] == "kids") & (split.clips["half"] == "a")]
    assert set(kids.index) <= set(rows)
    dogs = chosen[chosen["statement"] == "dogs"]
    assert set(zip(dogs["emotion"], dogs["intensity"], strict=True)) == {
        ("neutral", "normal"), ("happy", "strong"), ("angry", "strong"),
    }  # fmt: skip


def test_a_voice_without_neutral_clips_is_the_mean_of_all() -> None:
    embedding_CE = np.eye(4, dtype=np.float32)
    found_VE = neutral_embeddings(embedding_CE, np.array([0, 0, 1, 1]), np.array(["sad", "neutral", "sad", "happy"]))
    np.testing.assert_allclose(found_VE, [[0, 1, 0, 0], [0, 0, 0.5**0.5, 0.5**0.5]], atol=1e-6)


@torch.no_grad()
def test_codes_are_those_of_each_clip_alone_in_its_speakers_neutral_voice() -> None:
    packed, split = corpus(), speech_split()
    rows = emotional_rows(packed)
    split.register_E.copy_(torch.randn(EMBEDDING_SIZE, generator=rng()))
    codes = ProsodyCodes.of(packed, rows, split, CROP)
    for i in (0, 7):
        row = int(rows[i])
        same = packed.clips["speaker"].to_numpy()[rows] == packed.clips["speaker"].iloc[row]
        same &= packed.clips["emotion"].to_numpy()[rows] == "neutral"
        mean_E = packed.speaker[rows][same].mean(0)
        span = packed.span(row)
        clip = utterance_of(packed.mel[span], packed.f0[span], mean_E / np.linalg.norm(mean_E), CPU)
        expected_DS = prosody_of(take_apart(split, [clip])[0])[0]
        steps = -(-int(packed.frames[row]) // STEP)
        start = int(codes.offset_C[i])
        if steps >= CROP:
            torch.testing.assert_close(codes.code_ND[start : start + steps].T, expected_DS, atol=1e-5, rtol=1e-4)
        assert int(codes.own_C[i]) == steps == expected_DS.shape[1]
        assert int(codes.steps_C[i]) == max(steps, CROP)
    assert [EMOTIONS[i] for i in np.unique(codes.emotion_C)] == ["neutral", "happy", "angry"]


def test_a_short_clip_is_followed_by_the_codes_of_silence_and_they_are_not_measured() -> None:
    packed = corpus()
    rows = emotional_rows(packed)
    codes = ProsodyCodes.of(packed, rows, speech_split(), 10)
    short = int(codes.own_C.argmin())
    assert int(codes.own_C[short]) < int(codes.steps_C[short]) == 10
    assert len(codes.own()) == int(codes.own_C.sum()) < len(codes.code_ND) == int(codes.steps_C.sum())
    crop_DS = codes.crop(torch.tensor([short]), torch.tensor([0.7], dtype=torch.float64), 10)[0]
    start = int(codes.offset_C[short])
    assert torch.equal(crop_DS, codes.code_ND[start : start + 10].T)


def test_crops_are_consecutive_steps_from_the_first_to_the_last_of_a_clip() -> None:
    codes = ProsodyCodes(
        torch.arange(30.0)[:, None], torch.tensor([0, 10]), torch.tensor([10, 20]), torch.tensor([10, 20]), np.zeros(2)
    )
    ends_B = torch.tensor([0.0, 0.9999, 0.0, 0.9999], dtype=torch.float64)
    found_BS = codes.crop(torch.tensor([0, 0, 1, 1]), ends_B, 6)[:, 0]
    assert found_BS[:, 0].tolist() == [0, 4, 10, 24]
    assert (found_BS.diff(dim=1) == 1).all()


def test_codes_are_whitened_by_what_is_measured_of_them() -> None:
    method = make()
    own_DN = method.generator.whiten(method.codes.own().T)
    torch.testing.assert_close(own_DN.mean(1), torch.zeros(6), atol=1e-4, rtol=0)
    torch.testing.assert_close(own_DN.std(1), torch.ones(6), atol=1e-4, rtol=1e-4)


def test_emotions_and_those_that_are_wanted_are_drawn_alike_and_never_the_same() -> None:
    batch = make(batch=3000, noise=0.0).batch(0, rng())
    present = [EMOTIONS.index(name) for name in SPOKEN]
    for name in ("emotion", "wanted"):
        share = torch.bincount(batch[name], minlength=len(EMOTIONS)) / 3000
        assert share[present].tolist() == pytest.approx([1 / 3] * 3, abs=0.04)
        assert float(share[present].sum()) == pytest.approx(1.0)
    assert (batch["emotion"] != batch["wanted"]).all()
    assert not batch["noise"].any()


def test_a_crop_is_of_a_clip_of_its_emotion() -> None:
    method = make(batch=50)
    batch = method.batch(0, rng())
    for code_DS, emotion in zip(method.generator.colour(batch["code"]), batch["emotion"], strict=True):
        clips = np.flatnonzero(method.codes.emotion_C == int(emotion))
        spans = [(int(method.codes.offset_C[i]), int(method.codes.steps_C[i])) for i in clips]
        own = [method.codes.code_ND[s + k : s + k + CROP].T for s, n in spans for k in range(n - CROP + 1)]
        assert min(float((code_DS - crop_DS).abs().max()) for crop_DS in own) < 1e-5


class Updates:
    """A loop's state that keeps the losses it is given."""

    def __init__(self, step: int) -> None:
        self.step, self.losses = step, dict[str, Tensor]()

    def update(self, name: str, loss: Tensor) -> None:
        assert loss.requires_grad
        self.losses[name] = loss.detach()


def moved(method: CodeganMethod) -> CodeganMethod:
    """A generator that is no identity any more."""
    for parameter in method.generator.leave.parameters():
        torch.nn.init.normal_(parameter, std=0.3, generator=rng())
    return method


def test_losses_have_their_formulas() -> None:
    method = moved(make())
    batch, state = method.batch(0, rng()), Updates(step=1)
    found = {name: x.detach() for name, x in method.step(state, batch).items()}  # type: ignore[arg-type]
    code, emotion, wanted, (on_real, on_fake, on_made) = (batch[k] for k in ("code", "emotion", "wanted", "noise"))
    with torch.no_grad():
        fake = method.generator(code, wanted)
        real_B, named_BE = method.critic(code + on_real)
        made_B, made_BE = method.critic(fake + on_made)
        distance = method.critic(fake + on_fake)[0].mean() - real_B.mean()
        cycle = (method.generator(fake, emotion) - code).abs().mean()
        identity = (method.generator(code, emotion) - code).abs().mean()
    named, wished = functional.cross_entropy(named_BE, emotion), functional.cross_entropy(made_BE, wanted)
    assert {name: float(x) for name, x in found.items() if name != "adv/penalty"} == pytest.approx(
        {
            "adv/critic": float(distance),
            "adv/generator": -float(made_B.mean()),
            "code/emotion": float(wished),
            "code/cycle": float(cycle),
            "code/identity": float(identity),
            "code/real_accuracy": float((named_BE.argmax(1) == emotion).float().mean()),
            "code/fake_accuracy": float((made_BE.argmax(1) == wanted).float().mean()),
        },
        abs=1e-5,
    )
    assert float(cycle) > 0.1
    expected_critic = distance + 10 * found["adv/penalty"] + named
    torch.testing.assert_close(state.losses["critic"], expected_critic, atol=1e-4, rtol=1e-5)
    expected = -made_B.mean() + wished + 5 * cycle + 2 * identity
    torch.testing.assert_close(state.losses["generator"], expected, atol=1e-5, rtol=1e-5)


def test_the_generator_moves_at_every_second_step_and_is_noted_at_each() -> None:
    method = make()
    settings = TrainSettings(steps=4, seed=SEED)
    state = LoopState(method, settings, CPU)
    names: set[frozenset[str]] = set()
    for step in range(4):
        state.step = step
        before = {name: {k: v.clone() for k, v in m.state_dict().items()} for name, m in method.modules.items()}
        names.add(frozenset(method.step(state, method.batch(step, rng(step)))))
        changed = {
            name: any(not torch.equal(before[name][k], v) for k, v in m.state_dict().items())
            for name, m in method.modules.items()
        }
        assert changed == {"critic": True, "generator": step % 2 == 1}
    assert len(names) == 1


def test_the_critic_is_given_no_gradient_to_the_generator_and_the_generator_none_to_the_critic() -> None:
    state = SimpleNamespace(optimisers=make().optimisers())
    assert {name: spec.modules for name, spec in state.optimisers.items()} == {
        "generator": ("generator",), "critic": ("critic",),
    }  # fmt: skip
    assert all(spec.betas == (0.5, 0.9) and spec.weight_decay == 0 for spec in state.optimisers.values())


def test_what_it_makes_moves_to_the_wanted_emotion(tmp_path: Path) -> None:
    """Codes of angry clips lie elsewhere than the others; after training the others' are led there, and back."""
    method = make(steps=250, critic_steps=1, batch=8, channels=16, lr=0.005, penalty=1.0, cycle=1.0, identity=0.5)
    angry = EMOTIONS.index("angry")
    is_angry_N = torch.from_numpy(np.repeat(method.codes.emotion_C == angry, method.codes.steps_C))
    method.codes.code_ND.copy_(0.3 * torch.randn(method.codes.code_ND.shape, generator=rng()))
    method.codes.code_ND[is_angry_N, 0] += 2.0
    method.generator.mean_D1.zero_()
    method.generator.deviation_D1.fill_(1.0)
    result = run(method, tmp_path)
    batch = method.batch(0, rng(1))
    is_angry_B = batch["emotion"] == angry
    code_BDS, wanted_B = batch["code"], torch.where(is_angry_B, EMOTIONS.index("neutral"), angry)
    with torch.no_grad():
        made_BDS = method.generator(code_BDS, wanted_B)
    first_B = made_BDS[:, 0].mean(1)
    assert float(code_BDS[~is_angry_B, 0].mean()) < 0.3 < 1.7 < float(code_BDS[is_angry_B, 0].mean())
    assert float(first_B[~is_angry_B].mean()) > 1.2
    assert float(first_B[is_angry_B].mean()) < 0.8
    assert float((made_BDS - code_BDS)[:, 1:].abs().mean()) < 0.25  # what does not tell the emotion is left alone
    assert np.mean(result.history["code/fake_accuracy"][-20:]) > np.mean(result.history["code/fake_accuracy"][:20])


def test_two_runs_and_a_resumed_one_are_equal_to_the_bit(tmp_path: Path) -> None:
    found = []
    for name in ("first", "second"):
        method = make()
        history = run(method, tmp_path / name).history
        found.append((history, method.generator.state_dict() | method.critic.state_dict()))
    resumed = CodeganMethod(params(), speech_split(), corpus(), SEED + 1, CPU)
    history = run(resumed, tmp_path / "second").history  # goes on from the checkpoint after step 3
    found.append((history, resumed.generator.state_dict() | resumed.critic.state_dict()))
    for other_history, weights in found[1:]:
        assert other_history == found[0][0]
        assert all(torch.equal(found[0][1][key], weights[key]) for key in weights)


def test_one_emotion_alone_is_said() -> None:
    packed = corpus()
    packed.clips["emotion"] = "neutral"
    with pytest.raises(UserError, match="fewer than two emotions"):
        CodeganMethod(params(), speech_split(), packed, SEED, CPU)


def test_the_stage_leaves_a_model_of_all_emotions_that_opens_and_repeats(tmp_path: Path) -> None:
    data = tmp_path / "data"
    make_corpus(data, emotions=3)
    save_table(
        data / "prepared" / "clips.parquet",
        load_table(data / "prepared" / "clips.parquet").assign(intensity="normal", statement="dogs"),
    )
    save_model(data / "speechsplit", speech_split(), SPLIT, {})
    stages: list[Any] = [FakeStage(data, tmp_path / str(i), {CodeganParams: params(steps=3)}) for i in (1, 2)]
    for stage in stages:
        main(stage)
    model = load_model(stages[0].out("codegan"), CodeGenerator, CPU)
    assert model.mean_D1.shape == (6, 1)
    assert model.styles[0].weight.shape == (len(EMOTIONS), 16)
    assert stages[0].bytes_of_outs() == stages[1].bytes_of_outs()
    assert read_json(stages[0].out("codegan") / "emotions.json") == list(EMOTIONS[:3]), "those of the corpus"
