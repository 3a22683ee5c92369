"""Training SpeechSplit: what is drawn and heard, who is held out, registers of the unseen, learning, repeats."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from fake_stage import FakeStage
from torch import Tensor
from toy_corpus import make_corpus

from affekt.core.errors import UserError
from affekt.core.params import SpeechSplitParams
from affekt.features.crops import silence
from affekt.features.mel import N_MELS, denormalise, normalise
from affekt.features.packed import Packed
from affekt.features.speaker import EMBEDDING_SIZE
from affekt.models.io import load_model
from affekt.models.speechsplit import SpeechSplit
from affekt.training.loop import TrainResult, TrainSettings, train
from affekt.training.speechsplit import (
    SILENCE,
    Recordings,
    SpeechSplitMethod,
    choose_ridge,
    fit_register,
    mean_embeddings,
    solve_ridge,
)
from pipeline.speechsplit import main

CPU = torch.device("cpu")
SEED = 3
CROP = 32
SLOPE = 0.01  # of a clip's mel, a frame


def params(**changed: object) -> SpeechSplitParams:
    values: dict[str, object] = {
        "channels": 16, "content": 2, "pitch": 2, "rhythm": 1, "decoder": 16, "steps": 5, "batch": 4, "lr": 0.01,
        "crop_frames": CROP, "voice": 0.2, "bf16": False,
    }  # fmt: skip
    return SpeechSplitParams(**values | changed)  # type: ignore[arg-type]


def corpus(name: str, clips: int, frames: tuple[int, int], speakers: int = 8, seed: int = 0) -> Packed:
    """Clips whose frame f holds -8 + SLOPE * f in all bands; f0 falls, with gaps; speakers 0, 2, … are women."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(*frames, clips)
    voice_C = np.arange(clips) % speakers
    table = pd.DataFrame(
        {"clip_id": [f"{name}-{i}" for i in range(clips)], "speaker": [f"{name}-{v}" for v in voice_C],
         "gender": np.where(voice_C % 2, "m", "f"), "half": np.where(voice_C < speakers // 2, "a", "b")}
    )  # fmt: skip
    f0 = [np.where(np.arange(n) % 10 < 7, (120 + 10 * v) * np.exp2(-np.arange(n) / 200), 0) for n, v in
          zip(lengths, voice_C, strict=True)]  # fmt: skip
    ramp = np.concatenate([-8 + SLOPE * np.arange(n) for n in lengths])
    embedding_VE = np.abs(rng.normal(size=(speakers, EMBEDDING_SIZE)))
    embedding_CE = embedding_VE[voice_C] + 0.1 * np.abs(rng.normal(size=(clips, EMBEDDING_SIZE)))
    return Packed(
        table,
        audio=np.zeros(0, np.int16),
        mel=np.repeat(ramp[:, None], N_MELS, 1).astype(np.float32),
        mfcc=np.zeros((len(ramp), 13), np.float32),
        f0=np.concatenate(f0).astype(np.float32),
        speaker=(embedding_CE / np.linalg.norm(embedding_CE, axis=1, keepdims=True)).astype(np.float32),
        offsets=lengths.cumsum() - lengths,
        frames=lengths,
    )


def corpora() -> list[Packed]:
    """Many short clips, and few long ones of readers."""
    return [corpus("acted", 48, (20, 60)), corpus("read", 16, (300, 400), seed=1)]


def make(**changed: object) -> SpeechSplitMethod:
    return SpeechSplitMethod(params(**changed), corpora(), SEED, CPU)


def run(method: SpeechSplitMethod, work: Path, log_every: int = 2) -> TrainResult:
    settings = TrainSettings(method.params.steps, SEED, checkpoint_every=3, log_every=log_every)
    work.mkdir(exist_ok=True)
    return train(method, settings, work, CPU, lambda scalars, step: None, lambda steps, *_, **__: iter(steps))


def frame_of(mel_BMF: Tensor) -> Tensor:
    """The frame of the clip that a normalised mel tells, (B, F)."""
    return (denormalise(mel_BMF[:, 0]) + 8) / SLOPE


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_a_crop_is_consecutive_frames_of_a_clip_followed_by_silence() -> None:
    method = make()
    clip_B = torch.tensor([0, 1, 30])
    frames_B = method.recordings.frames_C[clip_B]
    start_B = torch.tensor([0, int(frames_B[1]) - 10, 250])
    drawn = method.crop(clip_B, start_B, clip_B)
    place_BF = start_B[:, None] + torch.arange(CROP)
    inside_BF = place_BF < frames_B[:, None]
    assert (~inside_BF).sum() > 4
    torch.testing.assert_close(frame_of(drawn["mel"])[inside_BF], place_BF[inside_BF].float(), atol=1e-3, rtol=0)
    assert torch.equal(
        drawn["mel"].transpose(1, 2)[~inside_BF].unique(), normalise(denormalise(torch.tensor(silence())))[None]
    )
    assert torch.equal(drawn["f0"] > 0, inside_BF & (place_BF % 10 < 7))
    assert (drawn["melody"] > 0).all()
    voiced_BF = drawn["f0"] > 0
    torch.testing.assert_close(drawn["melody"][voiced_BF], drawn["f0"][voiced_BF])
    assert torch.equal(drawn["learnt"].bool(), place_BF < frames_B[:, None] + SILENCE)


def test_half_a_alone_is_known_and_voices_have_their_mean_embedding() -> None:
    parts = corpora()
    found = Recordings.of_half(parts, "a", CPU)
    names = np.concatenate([p.clips["speaker"][p.clips["half"] == "a"] for p in parts])
    assert len(found.voice_C) == 24 + 8
    _, expected = np.unique(names, return_inverse=True)
    assert (found.voice_C == expected).all()
    own_CE = parts[0].speaker[(parts[0].clips["speaker"] == "acted-2").to_numpy()].mean(0)
    np.testing.assert_allclose(found.speaker_VE[2], own_CE / np.linalg.norm(own_CE), rtol=1e-5)


def test_a_mean_of_opposite_embeddings_is_no_voice_but_no_fault() -> None:
    found_VE = mean_embeddings(np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 3.0]]), np.array([0, 0, 1]))
    assert found_VE.tolist() == [[0.0, 0.0], [0.0, 1.0]]


def test_a_woman_and_a_man_of_the_readers_are_held_out_of_batches_and_of_the_register() -> None:
    method = make()
    held = method.recordings.held_out()
    names = np.unique(np.concatenate([p.clips["speaker"][p.clips["half"] == "a"] for p in corpora()]))
    assert names[held].tolist() == ["read-2", "read-3"]
    trained = np.unique(method.recordings.voice_C[np.concatenate(method.parts)])
    assert sorted([*trained, *held]) == list(range(8))
    of_held = np.isin(method.recordings.voice_C, held)
    rows = {tuple(row.tolist()) for row in method.recordings.speaker_CE[torch.from_numpy(of_held)]}
    for step in range(20):
        batch = method.batch(step, rng(step))
        assert not rows & {tuple(row.tolist()) for row in batch["speaker"]}
    clips = np.flatnonzero(~np.isin(method.recordings.voice_C, held))
    register_E, register_0 = fit_register(method.recordings, clips)
    assert torch.equal(method.network.register_E, register_E.float())
    assert float(method.network.register_0) == pytest.approx(register_0)


def test_a_voice_is_told_by_any_of_its_clips() -> None:
    method = make()
    voice_C = method.recordings.voice_C
    clip_B = torch.full((2000,), int(method.parts[0][0]))
    drawn = method.others(clip_B, torch.rand(2000, generator=rng(), dtype=torch.float64)).numpy()
    own = np.flatnonzero(voice_C == voice_C[int(clip_B[0])])
    assert set(drawn) == set(own)
    assert np.bincount(drawn)[own].min() > 0.7 * 2000 / len(own)


def test_corpora_are_as_likely_as_each_other_and_so_are_frames_of_one() -> None:
    method = make(batch=400)
    voices = zip(method.recordings.speaker_CE, method.recordings.voice_C.tolist(), strict=True)
    voice_of = {tuple(row.tolist()): voice for row, voice in voices}
    drawn = [voice_of[tuple(row.tolist())] for row in method.batch(0, rng())["speaker"]]
    assert np.mean(np.array(drawn) < 4) == pytest.approx(0.5, abs=0.08)
    clips = method.parts[0]
    found = [method.find(clips, heard, 0.0)[0] for heard in (np.arange(4000) + 0.5) / 4000]
    share = np.bincount(found, minlength=len(clips))[clips] / 4000
    frames = method.recordings.frames_C.numpy()[clips]
    np.testing.assert_allclose(share, frames / frames.sum(), atol=1e-3)


def test_starts_reach_the_first_frame_and_a_little_silence_after_the_last() -> None:
    method = make()
    clips = np.array([30])
    frames = int(method.recordings.frames_C[30])
    assert method.find(clips, 0.5, 0.0) == (30, 0)
    assert method.find(clips, 0.5, 0.99999) == (30, frames + SILENCE - CROP)
    shortest = int(method.recordings.frames_C.argmin())
    assert method.find(np.array([shortest]), 0.5, 0.99999)[1] == max(
        0, int(method.recordings.frames_C[shortest]) + SILENCE - CROP
    )


def test_content_and_melody_are_heard_at_random_times_of_the_crop_each_of_its_own() -> None:
    batch = make(batch=64, voice=0.0).batch(0, rng())
    first_B, heard_BF = frame_of(batch["mel"])[:, 0], frame_of(batch["heard"])
    whole_B = (frame_of(batch["mel"]) > -1).all(1)
    assert whole_B.sum() > 30
    moved_BF = (heard_BF - first_B[:, None])[whole_B]
    assert moved_BF.min() > -1e-2
    assert moved_BF.max() < CROP - 1 + 1e-2
    assert (moved_BF.diff(dim=1) > -1e-2).all()
    assert float((moved_BF - torch.arange(CROP)).abs().max(1).values.median()) > 1
    heard_gap_BF, sung_gap_BF = moved_BF.diff(dim=1), batch["sung"][whole_B, 1].diff(dim=1)
    assert heard_gap_BF.std(1).median() > 0.1
    assert (sung_gap_BF != (batch["f0"][whole_B] > 0).float().diff(dim=1)).any(1).float().mean() > 0.5


def test_the_melody_that_is_heard_is_never_between_voice_and_silence() -> None:
    method = make(batch=64)
    batch = method.batch(0, rng())
    octave_BF, voiced_BF = batch["sung"].unbind(1)
    assert set(voiced_BF.unique().tolist()) == {0.0, 1.0}
    own_BF = method.network.melody(batch["f0"], batch["speaker"])[:, 0]
    for sung_F, own_F, voiced_F in zip(octave_BF, own_BF, voiced_BF, strict=True):
        assert set(sung_F[voiced_F > 0].tolist()) <= set(own_F.tolist())


def test_voices_are_scaled_for_the_encoder_of_content_alone() -> None:
    """A peak of a band lies elsewhere in what it hears, by up to the share that is allowed."""
    parts = corpora()
    for part in parts:
        part.mel[:] = -8
        part.mel[:, 40] = 0
    method = SpeechSplitMethod(params(batch=64), parts, SEED, CPU)
    batch = method.batch(0, rng())
    assert (batch["mel"].argmax(1) == 40)[:, 0].all()
    band_B = batch["heard"][:, :, 0].argmax(1)
    assert band_B.unique().numel() > 5
    assert 33 < int(band_B.min()) < 38
    assert 42 < int(band_B.max()) < 48


def test_losses_are_mean_absolute_differences_where_something_is_learnt(monkeypatch: pytest.MonkeyPatch) -> None:
    method = make()
    batch = method.crop(torch.tensor([0, 30]), torch.tensor([10, 100]), torch.tensor([0, 30]))
    batch["learnt"][0, 20:] = 0
    wrong_BF = torch.full((2, CROP), 0.5)
    wrong_BF[0, 20:] = 9.0  # beyond what is learnt
    octave_BF = method.network.melody(batch["f0"], batch["speaker"])[:, 0]
    given: list[Tensor] = []

    def decode(codes: object, octave_BF: Tensor) -> Tensor:
        given.append(octave_BF)
        return batch["mel"] + wrong_BF[:, None]

    monkeypatch.setattr(method.network, "decode", decode)
    away_BF = torch.where(batch["f0"] > 0, 0.25, 7.0)  # where nothing is voiced anything may be sung
    monkeypatch.setattr(method.network, "decode_melody", lambda codes: octave_BF - away_BF)
    found = method.losses(batch)
    assert float(found["split/mel"]) == pytest.approx(0.5)
    assert float(found["split/melody"]) == pytest.approx(0.25)
    register_B1 = method.network.register(batch["speaker"])[:, None]
    torch.testing.assert_close(torch.exp2(given[0] + register_B1), batch["melody"])


def test_validation_is_noted_only_where_scalars_are_and_is_the_same_each_time(tmp_path: Path) -> None:
    method = make()
    first = method.validation_loss()
    assert torch.equal(method.validation_loss(), first)
    result = run(method, tmp_path)
    assert result.history["step"] == [1.0, 3.0, 4.0]
    assert {"split/mel", "split/melody", "split/validation", "step"} == set(result.history)
    assert len(result.history["split/validation"]) == 3
    assert result.history["split/validation"][-1] == pytest.approx(float(method.validation_loss()), abs=1e-7)


def test_training_puts_unseen_voices_together_better_than_before(tmp_path: Path) -> None:
    parts = corpora()
    for part in parts:
        frame_N1 = np.concatenate([np.arange(n) for n in part.frames])[:, None]
        part.mel[:] = -5 + 4 * np.sign(np.sin(frame_N1 / 12)) * np.sign(np.arange(N_MELS) - 40)
    method = SpeechSplitMethod(params(steps=50, batch=4, lr=0.02), parts, SEED, CPU)
    batch, unseen = method.batch(0, rng()), float(method.validation_loss())
    before = float(method.losses(batch)["split/melody"].detach())
    result = run(method, tmp_path, log_every=10)
    after = float(method.losses(batch)["split/melody"].detach())
    assert result.history["split/validation"][-1] < 0.5 * unseen
    assert after < 0.7 * before


def test_two_runs_and_a_resumed_one_are_equal_to_the_bit(tmp_path: Path) -> None:
    found = []
    for name in ("first", "second"):
        method = make()
        found.append((run(method, tmp_path / name).history, method.network.state_dict()))
    resumed = SpeechSplitMethod(params(), corpora(), SEED + 1, CPU)
    history = run(resumed, tmp_path / "second").history  # goes on from the checkpoint after step 3
    found.append((history, resumed.network.state_dict()))
    for other_history, weights in found[1:]:
        assert other_history == found[0][0]
        assert all(torch.equal(found[0][1][key], weights[key]) for key in weights)


def voices(count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Unit vectors as embeddings are, and octaves that a direction of them tells, but for 0.05 of each."""
    generator = np.random.default_rng(seed)
    axis_E = np.random.default_rng(99).normal(size=EMBEDDING_SIZE) / 16
    x_VE = np.abs(generator.normal(size=(count, EMBEDDING_SIZE))) + 4 * np.outer(generator.normal(size=count), axis_E)
    x_VE /= np.linalg.norm(x_VE, axis=1, keepdims=True)
    y_V = 7.5 + 2.0 * (x_VE @ axis_E) / (4 / 16) + 0.05 * generator.normal(size=count)
    return torch.from_numpy(x_VE), torch.from_numpy(y_V)


def test_registers_of_voices_that_were_not_fitted_are_near_theirs() -> None:
    (x_VE, y_V), (other_VE, other_V) = voices(60, 1), voices(200, 2)
    weight_E, constant = choose_ridge(x_VE, y_V)
    error = float((other_VE @ weight_E + constant - other_V).square().mean().sqrt())
    assert error < 0.25 * float(other_V.std())


def test_the_ridge_grows_with_what_embeddings_do_not_tell() -> None:
    (x_VE, y_V), (other_VE, other_V) = voices(60, 1), voices(200, 2)
    y_V = y_V + torch.randn(60, generator=rng(), dtype=torch.float64)

    def error(fit: tuple[Tensor, float]) -> float:
        return float((other_VE @ fit[0] + fit[1] - other_V).square().mean().sqrt())

    assert error(choose_ridge(x_VE, y_V)) < 0.8 * error(solve_ridge(x_VE, y_V, 1e-9))


def test_where_embeddings_tell_nothing_voices_speak_about_the_mean_register() -> None:
    (x_VE, _), noise_V = voices(30, 1), torch.randn(30, generator=rng(), dtype=torch.float64) * 0.3 + 7.3
    weight_E, constant = choose_ridge(x_VE, noise_V)
    other_V = voices(200, 2)[0] @ weight_E + constant
    assert float((other_V - noise_V.mean()).abs().max()) < 0.15


def test_a_ridge_of_nearly_nothing_goes_through_all_rows_and_a_great_one_through_their_mean() -> None:
    x_VE, y_V = voices(20, 1)
    weight_E, constant = solve_ridge(x_VE, y_V, 1e-9)
    torch.testing.assert_close(x_VE @ weight_E + constant, y_V, atol=1e-5, rtol=0)
    weight_E, constant = solve_ridge(x_VE, y_V, 1e9)
    torch.testing.assert_close(x_VE @ weight_E + constant, y_V.mean().expand(20), atol=1e-5, rtol=0)


def test_a_register_is_of_voices_not_of_clips_and_of_voiced_clips_alone() -> None:
    parts = corpora()
    once = Recordings.of_half(parts, "a", CPU)
    all_clips = np.arange(len(once.voice_C))
    twice = np.concatenate([all_clips, all_clips[once.voice_C == 1]])
    torch.testing.assert_close(fit_register(once, twice), fit_register(once, all_clips))
    silent = int(all_clips[once.voice_C == 1][0])
    quiet = [parts[0], parts[1]]
    row = np.flatnonzero(parts[0].clips["half"].to_numpy() == "a")[silent]
    quiet[0].f0[quiet[0].span(int(row))] = 0
    found = Recordings.of_half(quiet, "a", CPU)
    assert np.isnan(found.octave_C[silent])
    torch.testing.assert_close(
        fit_register(found, all_clips), fit_register(once, np.delete(all_clips, silent)), atol=1e-6, rtol=1e-6
    )


def test_the_register_of_a_clip_is_the_logarithm_of_its_mean_f0() -> None:
    part = corpus("acted", 8, (20, 60))
    f0_F = part.f0[part.span(0)]
    assert Recordings.of_half([part], "a", CPU).octave_C[0] == pytest.approx(np.log2(f0_F[f0_F > 0].mean()))


def test_what_a_corpus_lacks_is_said() -> None:
    part = corpus("acted", 16, (20, 60))
    with pytest.raises(UserError, match="no clip to train on"):
        Recordings.of_half([part], "c", CPU)
    with pytest.raises(UserError, match="two of one gender"):
        SpeechSplitMethod(params(), [corpus("acted", 16, (20, 60), speakers=4)], SEED, CPU)
    part.f0[:] = 0
    with pytest.raises(UserError, match="voiced"):
        SpeechSplitMethod(params(), [part], SEED, CPU)


def test_the_stage_leaves_a_model_that_opens_and_repeats(tmp_path: Path) -> None:
    make_corpus(tmp_path / "data", emotions=3)
    for name in ("prepared", "features"):
        (tmp_path / "data" / f"reading_{name}").symlink_to(tmp_path / "data" / name)
    stages = [FakeStage(tmp_path / "data", tmp_path / str(i), {SpeechSplitParams: params(steps=3)}) for i in (1, 2)]
    for stage in stages:
        main(stage)  # type: ignore[arg-type]
    model = load_model(stages[0].out("speechsplit"), SpeechSplit, CPU)
    assert 6 < float(model.register_0) < 9
    assert stages[0].bytes_of_outs() == stages[1].bytes_of_outs()
