"""Codes of melody and timing climb, each clip on its own; what is said and who says it stay."""

import math
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from toy_networks import LoudBands

from affekt.core.seeds import generator
from affekt.features.mel import N_MELS
from affekt.features.speaker import EMBEDDING_SIZE
from affekt.models.conversion import Utterance, prosody_of, put_together, take_apart, with_prosody
from affekt.models.mel_networks import MelLSTM
from affekt.models.speechsplit import STEP, Codes, SpeechSplit
from affekt.optimise.codes import LEAST_DEVIATION, codes_problem, cut_codes, move, optimise_codes, parts_of
from affekt.optimise.engine import Settings, StopRule
from affekt.optimise.objectives import target_probability

FRAMES = (29, 42, 31, 60, 42)
LABELS = torch.tensor([1, 2, 5, 7, 2])
SETTINGS = Settings(steps=5, lr=0.05, seed=3, snapshots=3, chunk=2)


@pytest.fixture(scope="module")
def model() -> SpeechSplit:
    torch.manual_seed(1)  # not every untrained network's codes can be heard by the toy recogniser
    network = SpeechSplit(channels=16, content=2, pitch=3, rhythm=1, decoder=16)
    network.leave.weight.data *= 8  # untrained, its codes are hardly heard
    return network.eval()


@pytest.fixture(scope="module")
def recogniser() -> LoudBands:
    return LoudBands()


@torch.no_grad()
def apart(model: SpeechSplit, chosen: Iterable[int] = range(len(FRAMES))) -> tuple[Codes, Tensor]:
    """Codes of some clips; each is the same whichever others are there, but for what follows its last step."""
    found = [take_apart(model, [utterance(i)]) for i in chosen]
    longest = max(codes.pitch_BDS.shape[2] for codes, _ in found)
    pad = lambda x: nn.functional.pad(x, (0, longest - x.shape[2]), value=0.3)  # noqa: E731
    content, pitch, rhythm = (
        torch.cat([pad(getattr(codes, name)) for codes, _ in found])
        for name in ("content_BDS", "pitch_BDS", "rhythm_BDS")
    )
    speaker = torch.cat([codes.speaker_BE for codes, _ in found])
    return Codes(content, pitch, rhythm, speaker), torch.cat([frames for _, frames in found])


def utterance(i: int) -> Utterance:
    rng = torch.Generator().manual_seed(i)
    mel_MF = 1.5 * torch.randn(N_MELS, FRAMES[i], generator=rng) - 6
    speaker_E = nn.functional.normalize(torch.rand(EMBEDDING_SIZE, generator=rng), dim=0)
    return Utterance(mel_MF, 100 + 80 * torch.rand(FRAMES[i], generator=rng), speaker_E)


def run(
    model: SpeechSplit, networks: list[nn.Module], chosen: Iterable[int] = range(len(FRAMES)), prior: float = 0.0,
    settings: Settings = SETTINGS, work: Path | None = None,
) -> tuple[Codes, Codes, Tensor, dict[str, Tensor]]:  # fmt: skip
    """Codes before and after, frames and history."""
    codes, frames_B = apart(model, chosen)
    found, trajectory = optimise_codes(model, networks, codes, frames_B, LABELS[list(chosen)], settings, prior, work)
    assert torch.equal(trajectory.start, prosody_of(codes))
    assert torch.equal(trajectory.end, prosody_of(found))
    return codes, found, frames_B, trajectory.history


def test_belief_rises_in_what_is_decoded(model: SpeechSplit, recogniser: LoudBands) -> None:
    codes, found, frames_B, history = run(model, [recogniser], settings=replace(SETTINGS, steps=12, lr=0.1, views=4))
    assert history["score"].shape == (13, 5)
    for row, frames in enumerate(frames_B.tolist()):
        steps = -(-frames // STEP)
        before, after = (
            believe(recogniser, put_together(model, cut_codes(x, torch.tensor([row]), steps)), frames, row)
            for x in (codes, found)
        )
        assert after > min(1.5 * before, 0.9)


@torch.no_grad()
def believe(network: nn.Module, mel_BMF: Tensor, frames: int, row: int) -> float:
    return float(target_probability(network(mel_BMF, torch.tensor([frames])), LABELS[row : row + 1]))


def test_only_melody_and_timing_inside_a_clip_move_and_stay_in_bounds(
    model: SpeechSplit, recogniser: LoudBands
) -> None:
    codes, found, frames_B, _ = run(model, [recogniser], settings=replace(SETTINGS, lr=0.5))
    assert torch.equal(found.content_BDS, codes.content_BDS)
    assert torch.equal(found.speaker_BE, codes.speaker_BE)
    moved_BDS = prosody_of(found) != prosody_of(codes)
    assert prosody_of(found).abs().max() == 1
    for row, frames in enumerate(frames_B.tolist()):
        steps = -(-frames // STEP)
        assert moved_BDS[row, :, :steps].float().mean() > 0.9
        assert not moved_BDS[row, :, steps:].any()


def test_a_clip_comes_out_as_it_does_alone(model: SpeechSplit, recogniser: LoudBands) -> None:
    """Shorter ones have padding beside longer ones; the first and the third share their steps, but not their frames."""
    _, together, frames_B, history = run(model, [recogniser], prior=0.1)
    for row, frames in enumerate(frames_B.tolist()):
        _, alone, _, own = run(model, [recogniser], [row], prior=0.1)
        steps = -(-frames // STEP)
        torch.testing.assert_close(
            prosody_of(together)[row, :, :steps], prosody_of(alone)[0, :, :steps], atol=1e-3, rtol=0
        )
        for name, values in own.items():
            torch.testing.assert_close(history[name][:, row], values[:, 0], atol=1e-3, rtol=1e-3)


def test_clips_of_a_part_have_the_same_number_of_steps() -> None:
    parts = [rows.tolist() for rows in parts_of(torch.tensor([61, 90, 62, 140, 90, 64, 65]), 2)]
    assert parts == [[0, 2], [5], [6], [1, 4], [3]]


def test_a_move_is_measured_in_each_codes_own_deviation() -> None:
    start_BDS = torch.tensor([[[0.5, -0.5, 0.5, -0.5], [0.2, 0.2, 0.2, 0.2]]])
    assert move(start_BDS, start_BDS).tolist() == [0]
    moved_BDS = start_BDS + torch.tensor([0.5, LEAST_DEVIATION])[None, :, None]
    assert move(moved_BDS, start_BDS).tolist() == [pytest.approx(1)]
    half_BDS = start_BDS + torch.tensor([[[0.5], [0.0]]])
    assert move(half_BDS, start_BDS).tolist() == [pytest.approx(0.5)]


def test_the_prior_keeps_codes_near_their_start(model: SpeechSplit, recogniser: LoudBands) -> None:
    ends = [run(model, [recogniser], prior=weight)[3]["prior"][-1] for weight in (0.0, 100.0)]
    assert (ends[1] < 0.7 * ends[0]).all()


def test_recognisers_hear_each_clip_without_its_padding(model: SpeechSplit) -> None:
    """The score of a problem at its start is what the recognisers say of whole clips, seen from the same view."""
    torch.manual_seed(1)
    networks = [MelLSTM(4, 1, 8).eval(), MelLSTM(4, 1, 8).eval()]
    codes, frames_B = apart(model, [0, 2])
    problem = codes_problem(model, networks, codes, frames_B, 0.0)
    assert problem.view is not None
    mel_BMF = problem.path(prosody_of(codes))
    torch.testing.assert_close(mel_BMF, put_together(model, codes))
    seen = problem.view(mel_BMF, generator(0))
    louder = mel_BMF.clone()
    louder[0, :, FRAMES[0] :], louder[1, :, FRAMES[2] :] = 0, 0
    hidden = problem.view(louder, generator(0))
    assert torch.equal(hidden.frames, seen.frames)
    expected = torch.stack([network(seen.mel, seen.frames).log_softmax(1) for network in networks]).mean(0)
    torch.testing.assert_close(problem.score(seen), expected)
    torch.testing.assert_close(problem.score(hidden), expected, atol=1e-3, rtol=1e-3)


def test_recognisers_hear_what_codes_do_not_hold(model: SpeechSplit, recogniser: LoudBands) -> None:
    """Each clip with its own detail, whatever part it is in; without any it is as if it were nothing."""
    codes, frames_B = apart(model)
    detail_BMF = torch.randn(len(FRAMES), N_MELS, STEP * codes.pitch_BDS.shape[2], generator=generator(4))
    problem = codes_problem(model, [recogniser], codes, frames_B, 0.0, detail_BMF)
    torch.testing.assert_close(problem.path(prosody_of(codes)), put_together(model, codes, detail_BMF))
    climb = lambda detail: optimise_codes(  # noqa: E731
        model, [recogniser], codes, frames_B, LABELS, SETTINGS, 0.0, detail_BMF=detail
    )
    (plain, _), (nothing, _), (other, way) = climb(None), climb(torch.zeros_like(detail_BMF)), climb(detail_BMF)
    assert torch.equal(prosody_of(nothing), prosody_of(plain))
    assert not torch.equal(prosody_of(other), prosody_of(plain))
    row = [3]
    alone, own = apart(model, row)
    cut_BMF = detail_BMF[row, :, : STEP * alone.pitch_BDS.shape[2]]
    _, way_alone = optimise_codes(model, [recogniser], alone, own, LABELS[row], SETTINGS, 0.0, detail_BMF=cut_BMF)
    torch.testing.assert_close(way.history["score"][:, row], way_alone.history["score"], atol=1e-3, rtol=1e-3)


def test_gradients_reach_codes_that_were_made_in_inference_mode(model: SpeechSplit, recogniser: LoudBands) -> None:
    with torch.inference_mode():
        codes, frames_B = take_apart(model, [utterance(0)])
    found, _ = optimise_codes(model, [recogniser], codes, frames_B, LABELS[:1], SETTINGS, 0.0)
    assert not torch.equal(prosody_of(found), prosody_of(codes))


def test_half_the_bits_give_nearly_the_same(model: SpeechSplit) -> None:
    torch.manual_seed(2)
    networks: list[nn.Module] = [MelLSTM(4, 1, 8).eval()]
    whole, half = (run(model, networks, [0, 2], settings=replace(SETTINGS, bf16=bits))[3] for bits in (False, True))
    torch.testing.assert_close(half["objective"][0], whole["objective"][0], atol=0.05, rtol=0.02)
    assert half["objective"].isfinite().all()


class KilledError(Exception):
    pass


def test_a_killed_run_goes_on_to_the_same_bits(model: SpeechSplit, recogniser: LoudBands, tmp_path: Path) -> None:
    settings = replace(SETTINGS, checkpoint_every=2)
    whole = run(model, [recogniser], settings=settings)[1]
    codes, frames_B = apart(model)
    passed = 0

    def deadly(steps: Iterable[int]) -> Iterable[int]:
        nonlocal passed
        for step in steps:
            passed += 1
            if passed == 11:
                raise KilledError  # in the second part of four
            yield step

    with pytest.raises(KilledError):
        optimise_codes(model, [recogniser], codes, frames_B, LABELS, settings, 0.0, tmp_path, deadly)
    counted: list[int] = []

    def count(steps: Iterable[int]) -> Iterable[int]:
        return (counted.append(step) or step for step in steps)

    again, trajectory = optimise_codes(model, [recogniser], codes, frames_B, LABELS, settings, 0.0, tmp_path, count)
    assert torch.equal(prosody_of(again), prosody_of(whole))
    assert counted[0] == 4, "the first part was done, the second has its first steps"
    assert trajectory.snapshot_steps[-1] == settings.steps
    assert torch.equal(trajectory.snapshots[-1], trajectory.end)
    assert torch.equal(trajectory.snapshots[0], trajectory.start)


def test_a_rule_that_stops_single_clips_is_refused(model: SpeechSplit, recogniser: LoudBands) -> None:
    with pytest.raises(AssertionError, match="views know clips by their places"):
        run(model, [recogniser], settings=replace(SETTINGS, stop=StopRule(0.1, 2)))


def test_decoding_never_takes_half_the_bits(model: SpeechSplit, recogniser: LoudBands) -> None:
    codes, frames_B = apart(model, [0])
    problem = codes_problem(model, [recogniser], codes, frames_B, 0.0)
    with torch.autocast("cpu", torch.bfloat16):
        within = problem.path(prosody_of(codes))
    assert torch.equal(within, put_together(model, with_prosody(codes, prosody_of(codes))))
    assert within.min() >= math.log(1e-5) - 1e-6
