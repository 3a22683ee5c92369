"""Training the translator: pairs lie frame by frame, the critic sees whole mels, training learns and resumes."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parents[1]))  # for fake_stage and toy_speech

from fake_stage import FakeStage
from toy_speech import make_speech, rows_of
from warps import even_times, warped_times

from affekt.core import seeds
from affekt.core.errors import UserError
from affekt.core.files import load_array, load_table, read_json, save_array, save_table
from affekt.core.params import TranslatorParams
from affekt.corpora.table import EMOTIONS
from affekt.features.packed import Packed
from affekt.features.parallel import Parallel
from affekt.models.io import load_model
from affekt.models.translator import Translator
from affekt.training.loop import LoopState, TrainResult, TrainSettings, train
from affekt.training.translator import QUIET, Pairs, TranslatorMethod, config_of, lengthen_error, mel_l1, tell_apart
from pipeline import translator as stage_script

CPU = torch.device("cpu")
SEED = 3
CROP = 64
LOUDER = 1.5  # nepers that emotion 1 adds to its upper bands, emotion 2 twice as much
BAND = 40
F0_HZ = (100.0, 200.0, 150.0)  # of each emotion: the second is an octave above the first
PARAMS = TranslatorParams(
    channels=4, steps=4, batch=4, lr=0.01, schedule="one_cycle", weight_decay=0.01, norm=True, residual=True,
    crop_frames=CROP, targets=2, alignment="dtw", critic=0.2, critic_channels=4, critic_lr=0.001, matching=1.0,
    label_smoothing=0.1, masks=True, bf16=False,
)  # fmt: skip


def changed(**values: object) -> TranslatorParams:
    return PARAMS.model_copy(update=values)


def make_acted(root: Path) -> Packed:
    """Spoken statements whose emotions differ in their upper bands and their f0; every fifth frame is unvoiced."""
    prepared, features = make_speech(root, statements=2, emotions=3)
    clips = load_table(prepared / "clips.parquet")
    save_table(
        prepared / "clips.parquet", clips.assign(intensity=np.where(clips["emotion"] == "calm", "strong", "normal"))
    )
    frames = load_table(features / "frames.parquet")["frames"].to_numpy()
    emotion_N = np.repeat(clips["emotion"].map(EMOTIONS.index).to_numpy(), frames)
    mel_NM = np.array(load_array(features / "mel.npy"))
    mel_NM[:, BAND:] += LOUDER * emotion_N[:, None]
    f0_N = np.array(F0_HZ, np.float32)[emotion_N]
    f0_N[::5] = 0
    save_array(features / "mel.npy", mel_NM)
    save_array(features / "f0.npy", f0_N)
    return Packed.load(prepared, features)


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Packed:
    torch.set_num_threads(1)
    return make_acted(tmp_path_factory.mktemp("acted"))


@pytest.fixture(scope="module")
def clips(packed: Packed) -> Parallel:
    return Parallel.of(packed, rows_of(packed, "a"), CPU)


def index(clips: Parallel, emotion: int, group: int = 0) -> int:
    return int(np.flatnonzero((clips.group_B == group) & (clips.emotion_B == emotion))[0])


def read(clips: Parallel, source: int, target: int, start: int = 0, alignment: str = "dtw") -> dict[str, Tensor]:
    """The window of one pair, without the axes of clips and emotions."""
    pairs = Pairs(clips, alignment, CROP, targets=1)
    found = pairs.read(torch.tensor([source]), torch.tensor([[target]]), torch.tensor([start]))
    paired = {"target", "wanted", "stretch", "semitones", "voiced"}
    return {name: x[0, 0] if name in paired else x[0] for name, x in found.items()}


def run(method: TranslatorMethod, work: Path, checkpoint_every: int = 100) -> TrainResult:
    settings = TrainSettings(
        method.params.steps, SEED, checkpoint_every=checkpoint_every, log_every=1, validate_every=method.steps_per_epoch
    )
    work.mkdir(exist_ok=True)
    return train(method, settings, work, CPU, lambda scalars, step: None, lambda steps, *_, **__: iter(steps))


@pytest.mark.parametrize("alignment", ["dtw", "even"])
def test_times_of_a_batch_are_those_of_each_pair(clips: Parallel, alignment: str) -> None:
    source_B, target_BE = torch.tensor([0, 5, 7]), torch.tensor([[3, 8], [5, 1], [2, 0]])
    pairs = Pairs(clips, alignment, CROP, targets=2)
    frame_BF = torch.arange(CROP).expand(3, -1)
    time_BEF = pairs.times(source_B, target_BE, frame_BF)
    alone = warped_times if alignment == "dtw" else even_times
    for source, targets, time_EF in zip(source_B.tolist(), target_BE.tolist(), time_BEF.numpy(), strict=True):
        for target, time_F in zip(targets, time_EF, strict=True):
            assert time_F == pytest.approx(alone(clips, source, target)[:CROP], abs=0.01)


def test_a_window_has_the_source_and_the_target_at_its_frames(clips: Parallel) -> None:
    source, target, start = index(clips, 0), index(clips, 1), 5
    found = read(clips, source, target, start)
    frames = int(clips.frames_B[source])
    assert int(found["frames"]) == min(CROP, frames - start)
    assert torch.equal(found["mel"], clips.mel_BFM[source, start : start + CROP].T)
    assert torch.equal(found["f0"], clips.f0_BF[source, start : start + CROP])
    time_F = warped_times(clips, source, target)[start : start + CROP]
    onto_FM = clips.mel_BFM[target, : int(clips.frames_B[target])].numpy()
    for band in (0, 79):
        expected = np.interp(time_F, np.arange(len(onto_FM)), onto_FM[:, band])
        assert found["target"][band].numpy() == pytest.approx(expected, abs=0.02)


def test_what_follows_a_clip_is_silence_in_both(clips: Parallel) -> None:
    source, target = index(clips, 0), index(clips, 1)
    start = int(clips.frames_B[source]) - 20
    found = read(clips, source, target, start)
    assert int(found["frames"]) == 20
    for name in ("mel", "target"):
        assert (found[name][:, 20:] == QUIET).all()
        assert (found[name][:, :20] != QUIET).all()
    for name in ("f0", "wanted"):
        assert (found[name][20:] == 0).all()
    assert not found["voiced"][20:].any()
    assert all(x.isfinite().all() for x in found.values())


def test_the_wanted_melody_is_the_targets_where_the_source_is_voiced(clips: Parallel) -> None:
    found = read(clips, index(clips, 0), index(clips, 1))
    heard = found["f0"] > 0
    assert 0.7 < float(heard.float().mean()) < 0.9
    torch.testing.assert_close(found["wanted"], 200.0 * heard, rtol=1e-4, atol=0)
    torch.testing.assert_close(found["semitones"], torch.full((CROP,), 12.0), rtol=1e-4, atol=0)
    assert (heard | ~found["voiced"]).all()
    assert 0.4 < float(found["voiced"].float().mean()) < float(heard.float().mean())


def test_lengths_are_right_on_average() -> None:
    wanted = torch.tensor([0.5, 2.0]).log()
    assert float(lengthen_error(wanted, wanted).abs().max()) < 1e-6
    planned_N = torch.linspace(-1, 1, 201)
    error_N = lengthen_error(planned_N[:, None], wanted[None]).mean(1)
    assert float(lengthen_error(planned_N[:, None], wanted[None]).min()) > -1e-6
    assert float(planned_N[error_N.argmin()].exp()) == pytest.approx(1.25, abs=0.01)  # of their logs it would be 1


def test_stretch_is_the_log_of_how_much_longer_the_target_takes(clips: Parallel) -> None:
    source, target = index(clips, 0), index(clips, 1)
    assert read(clips, source, source)["stretch"].abs().max() < 0.01
    ratio = (int(clips.frames_B[target]) - 1) / (int(clips.frames_B[source]) - 1)
    even_F = read(clips, source, target, alignment="even")["stretch"]
    torch.testing.assert_close(even_F, torch.full((CROP,), float(np.log(ratio))), rtol=1e-3, atol=1e-4)
    pairs = Pairs(clips, "dtw", int(clips.frames_B[source]), targets=1)
    whole_F = pairs.read(torch.tensor([source]), torch.tensor([[target]]), torch.tensor([0]))["stretch"][0, 0]
    assert float(whole_F.exp().mean()) == pytest.approx(ratio, rel=0.05)


def test_emotions_are_drawn_of_those_that_the_group_has(clips: Parallel) -> None:
    few = Pairs(clips, "dtw", CROP, targets=2)
    source_B = torch.arange(len(few))
    drawn = torch.stack([few.draw_emotions(source_B, seeds.generator(i)) for i in range(20)])
    assert set(drawn.flatten().tolist()) == {0, 1, 2}
    assert (drawn[..., 0] != drawn[..., 1]).all()
    own = torch.from_numpy(clips.emotion_B.copy())[:, None]
    assert 0.5 < float((drawn == own).any(-1).float().mean()) < 0.8  # two of three
    many_BE = Pairs(clips, "dtw", CROP, targets=5).draw_emotions(source_B, seeds.generator(0))
    assert torch.equal(many_BE[:, 3:], many_BE[:, :2])  # there are three: the first ones again
    assert {frozenset(row) for row in many_BE.tolist()} == {frozenset({0, 1, 2})}


def test_windows_lie_anywhere_in_a_clip_and_both_intensities_are_drawn(clips: Parallel) -> None:
    pairs = Pairs(clips, "dtw", CROP, targets=1)
    source = int(clips.frames_B.argmax())
    found = pairs.draw(torch.full((200,), source), seeds.generator(0))
    assert (found["frames"] == CROP).all()
    starts = {int((clips.mel_BFM[source, :, 0] == first).nonzero()[0]) for first in found["mel"][:, 0, 0]}
    assert min(starts) == 0
    assert max(starts) == int(clips.frames_B[source]) - CROP
    assert 60 < int(found["intensity"].sum()) < 140


def test_an_epoch_hears_each_clip_once(clips: Parallel) -> None:
    method = TranslatorMethod(PARAMS, clips, SEED)
    assert method.steps_per_epoch == len(clips.frames_B) // PARAMS.batch
    epochs = [
        torch.cat([method._choose(epoch * method.steps_per_epoch + i) for i in range(method.steps_per_epoch)])
        for epoch in (0, 1)
    ]
    for chosen in epochs:
        assert sorted(chosen.tolist()) == list(range(len(clips.frames_B)))
    assert not torch.equal(*epochs)


def test_the_critic_sees_whole_mels_and_the_translator_masked_ones(
    clips: Parallel, monkeypatch: pytest.MonkeyPatch
) -> None:
    method = TranslatorMethod(PARAMS, clips, SEED)
    batch = method.batch(0, seeds.generator(1))
    heard_BMF, mel_BMF = batch["heard"], batch["mel"]
    hidden_BMF = heard_BMF != mel_BMF
    assert hidden_BMF.flatten(1).any(1).sum() >= 3
    seen: list[tuple[Tensor, Tensor, Tensor]] = []
    monkeypatch.setattr(method.critic, "forward", recorder(method.critic.forward, seen))
    for parameter in (*method.translator.renderer.leave.parameters(), *method.translator.renderer.broad.parameters()):
        torch.nn.init.zeros_(parameter)  # nothing is added: a fake is the clip itself
    method.step(LoopState(method, TrainSettings(4, SEED), CPU), batch)
    sources_NMF = mel_BMF.repeat_interleave(2, 0)
    (source, fake, class_N), (again, real, _) = seen
    assert torch.equal(source, sources_NMF)
    assert torch.equal(again, sources_NMF)
    torch.testing.assert_close(fake, sources_NMF)
    assert torch.equal(real, batch["target"].flatten(0, 1))
    assert torch.equal(class_N.view(-1, 2), batch["intensity"][:, None] * len(EMOTIONS) + batch["emotion"])


def recorder(forward: Any, seen: list[tuple[Tensor, Tensor, Tensor]]) -> Any:
    def record(*inputs: Tensor) -> Any:
        seen.append(tuple(x.detach().clone() for x in inputs))  # type: ignore[arg-type]
        return forward(*inputs)

    return record


def test_without_masks_the_translator_hears_the_clip(clips: Parallel) -> None:
    batch = TranslatorMethod(changed(masks=False), clips, SEED).batch(0, seeds.generator(1))
    assert torch.equal(batch["heard"], batch["mel"])


def test_smoothed_labels_turn_a_share_of_the_real_ones() -> None:
    real, fake = torch.tensor([3.0, 0.5], requires_grad=True), torch.tensor([-2.0, 0.0], requires_grad=True)
    assert float(tell_apart(real, fake, 0.0).detach()) == pytest.approx(0.25 + 0.5)
    loss = tell_apart(real, fake, 0.1)
    assert float(loss.detach()) == pytest.approx(0.9 * 0.25 + 0.1 * (4 + 1.5) / 2 + 0.5)
    up, down = torch.autograd.grad(loss, [real, fake])
    torch.testing.assert_close(up, torch.tensor([0.05, -0.4]))  # surer than its label says, it is drawn back
    torch.testing.assert_close(down, torch.tensor([0.0, 0.5]))


def test_mel_l1_counts_what_lies_in_the_clip_alone() -> None:
    target = torch.zeros(2, 1, 80, 8)
    made = torch.ones(2, 1, 80, 8)
    made[1, ..., 4:] = 99.0
    batch = {"f0": torch.zeros(2, 8), "frames": torch.tensor([8, 4]), "target": target}
    assert float(mel_l1(made, batch)) == 1


def test_without_a_say_there_is_no_critic(clips: Parallel, tmp_path: Path) -> None:
    method = TranslatorMethod(changed(critic=0.0), clips, SEED)
    assert set(method.modules) == {"translator"}
    assert set(run(method, tmp_path).history) == {"step", "prosody/stretch", "prosody/pitch", "mel/l1"}


def test_the_critics_say_and_its_features_reach_the_renderer_alone(clips: Parallel) -> None:
    """What each weight changes after one step, beside a training on the other losses."""
    weights = {}
    for name, values in {
        "none": {"critic": 1e-12},
        "critic": {"critic": 2.0, "matching": 0.0},
        "matching": {"critic": 2.0, "matching": 1.0},
    }.items():
        method = TranslatorMethod(changed(**values), clips, SEED)
        method.step(LoopState(method, TrainSettings(4, SEED), CPU), method.batch(0, seeds.generator(1)))
        weights[name] = method.translator.renderer.leave.weight.detach().clone()
    assert not torch.equal(weights["none"], weights["critic"])
    assert not torch.equal(weights["critic"], weights["matching"])


def test_prosody_learns_how_high_an_emotion_is(clips: Parallel) -> None:
    method = TranslatorMethod(changed(batch=8, masks=False), clips, SEED)
    optimiser = torch.optim.Adam(method.translator.prosody.parameters(), lr=0.01)
    history = []
    for step in range(130):
        losses = method.plan(method.batch(step, seeds.generator(step)))
        optimiser.zero_grad()
        (losses["prosody/stretch"] + losses["prosody/pitch"] / 12).backward()
        optimiser.step()
        history.append([float(loss.detach()) for loss in losses.values()])
    stretch, pitch = np.mean(history[-20:], 0) / np.mean(history[:20], 0)
    assert stretch < 0.9
    assert pitch < 0.5


def test_it_learns_how_an_emotion_sounds(clips: Parallel, tmp_path: Path) -> None:
    params = changed(steps=40, batch=8, crop_frames=48, masks=False, critic=0.0)
    method = TranslatorMethod(params, clips, SEED)
    assert np.isfinite(list(run(method, tmp_path).history.values())).all()
    batch = method.pairs.draw(torch.arange(len(method.pairs)), seeds.generator(9))
    with torch.no_grad():
        made_BEMF = method.render(batch | {"heard": batch["mel"]})
    copied_BEMF = batch["mel"][:, None].expand_as(made_BEMF)
    assert float(mel_l1(made_BEMF, batch)) < 0.75 * float(mel_l1(copied_BEMF, batch))
    added = (made_BEMF - copied_BEMF)[..., 8:40].mean(3)
    asked = LOUDER * (batch["emotion"] - torch.from_numpy(clips.emotion_B.copy())[:, None])
    upper, lower = added[:, :, BAND + 5 :].mean(2), added[:, :, : BAND - 5].mean(2)
    assert np.corrcoef(upper.flatten(), asked.flatten())[0, 1] > 0.9
    assert float(lower.abs().mean()) < 0.4 * float(upper.abs().mean())


def test_two_runs_and_a_killed_one_that_goes_on_are_equal_to_the_bit(clips: Parallel, tmp_path: Path) -> None:
    results = []
    for name in ("first", "second"):
        method = TranslatorMethod(PARAMS, clips, SEED)
        result = run(method, tmp_path / name, checkpoint_every=3)
        results.append((method, result))
    resumed = TranslatorMethod(PARAMS, clips, SEED)
    for module in resumed.modules.values():
        for parameter in module.parameters():
            torch.nn.init.constant_(parameter, 0.5)  # what a checkpoint has to replace
    results.append((resumed, run(resumed, tmp_path / "second")))  # goes on after step 3
    whole, whole_result = results[0]
    for other, result in results[1:]:
        assert result.history == whole_result.history
        for name, module in whole.modules.items():
            for key, weight in module.state_dict().items():
                assert torch.equal(weight, other.modules[name].state_dict()[key]), f"{name} {key}"


def test_the_plateau_watches_clips_that_are_drawn_alike_each_time(packed: Packed, clips: Parallel) -> None:
    unseen = Parallel.of(packed, rows_of(packed, "b"), CPU)
    method = TranslatorMethod(changed(schedule="plateau"), clips, SEED, unseen)
    method.translator.train()
    state = torch.get_rng_state()
    before = {key: x.clone() for key, x in method.translator.state_dict().items()}
    loss = method.validate()
    assert method.validate() == loss
    assert 0.5 < loss < 5
    assert method.translator.training
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(x, before[key]) for key, x in method.translator.state_dict().items())


def test_the_plateau_lowers_the_translators_rate_when_the_unseen_get_no_better(
    clips: Parallel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    method = TranslatorMethod(
        changed(schedule="plateau", steps=24, batch=6, targets=1, crop_frames=32), clips, SEED, clips
    )
    monkeypatch.setattr(method, "validate", lambda: 1.0)
    rates: list[float] = []
    step = method.step

    def watch(state: LoopState, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        rates.append(state.rate(state.specs["translator"]))
        return step(state, batch)

    monkeypatch.setattr(method, "step", watch)
    run(method, tmp_path)  # validates after every fourth step: the third validation is the second without a better one
    assert rates == [PARAMS.lr] * 12 + [PARAMS.lr / 2] * 8 + [PARAMS.lr / 4] * 4


def test_aids_reach_the_network_and_its_optimiser(clips: Parallel) -> None:
    method = TranslatorMethod(changed(norm=False, residual=False, weight_decay=0.3, schedule="cosine"), clips, SEED)
    assert not any("BatchNorm" in type(module).__name__ for module in method.translator.modules())
    assert not any(getattr(module, "residual", False) for module in method.translator.modules())
    specs = method.optimisers()
    assert (specs["translator"].weight_decay, specs["translator"].schedule) == (0.3, "cosine")
    assert specs["critic"].lr == PARAMS.critic_lr
    assert config_of(method.params) == {"emotions": len(EMOTIONS), "channels": 4, "norm": False, "residual": False}


def test_a_corpus_in_which_nobody_repeats_a_statement_in_an_emotion_is_an_error(packed: Packed) -> None:
    neutral = np.flatnonzero(packed.clips["emotion"].to_numpy() == "neutral")
    with pytest.raises(UserError, match="two emotions"):
        TranslatorMethod(PARAMS, Parallel.of(packed, neutral, CPU), SEED)


@pytest.mark.parametrize("schedule", ["one_cycle", "plateau"])
def test_the_stage_trains_on_half_a_and_gives_equal_bits(tmp_path: Path, schedule: str) -> None:
    sections = {TranslatorParams: changed(schedule=schedule, steps=5, crop_frames=32)}
    outs = []
    for name in ("one", "two"):
        folder = tmp_path / name
        packed = make_acted(folder)
        if name == "two":  # what half b says does not matter
            mel_NM = np.array(load_array(folder / "features" / "mel.npy"))
            for row in rows_of(packed, "b"):
                mel_NM[packed.span(row)] += 1
            save_array(folder / "features" / "mel.npy", mel_NM)
        stage = FakeStage(folder, tmp_path / f"{name}_run", sections)
        stage_script.main(stage)  # type: ignore[arg-type]
        outs.append(stage.bytes_of_outs())
    assert outs[0] == outs[1]
    assert read_json(stage.out("translator") / "emotions.json") == list(EMOTIONS[:3]), "those of the corpus"
    network = load_model(stage.out("translator"), Translator, CPU)
    assert network.emotions == len(EMOTIONS)
