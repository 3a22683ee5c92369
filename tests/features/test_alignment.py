"""Alignment recovers a known warp, is monotone, hears neither level nor microphone, and picks a plain reference."""

from dataclasses import replace

import librosa
import numpy as np
import pytest
import torch
from toy_speech import load_speech, mel_of, rows_of

from affekt.core.errors import UserError
from affekt.features.alignment import OUTSIDE, Aligned, classes_of, describe, find_references, place_frames, warp
from affekt.features.packed import Packed

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Packed:
    return load_speech(tmp_path_factory.mktemp("speech"), statements=2, emotions=3)


def stretched(frames: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A clip that is slow first and fast at its end, or the other way round, the borders of its sounds, and the
    reference, whose sounds are of equal length."""
    rng = np.random.default_rng(seed)
    lengths = np.array([2.0, 1.8, 1.4, 0.7, 0.6, 0.5])[:: 1 - 2 * (seed % 2)]
    edges = np.concatenate([[0], np.cumsum(lengths) / lengths.sum()]) * frames
    return mel_of(0, edges, rng), edges, mel_of(0, np.linspace(0, 90, 7), rng)


@pytest.mark.parametrize("frames", [45, 60, 90, 180, 270])
def test_a_known_warp_is_recovered(frames: int) -> None:
    clip, edges, reference = stretched(frames, frames)
    found = place_frames(clip, describe(reference))
    true = np.interp(np.arange(frames), edges, np.linspace(0, 1, 7))
    assert found.shape == (frames,)
    assert np.abs(found - true).mean() < 0.03
    assert np.abs(found - true).max() < 0.12
    linear = (np.arange(frames) + 0.5) / frames
    assert np.abs(found - true).mean() < 0.25 * np.abs(linear - true).mean()


@pytest.mark.parametrize("frames", [45, 91, 270])
def test_places_never_fall_and_span_the_statement(frames: int) -> None:
    clip, _, reference = stretched(frames, 1)
    found = place_frames(clip, describe(reference))
    assert (np.diff(found) >= 0).all()
    assert 0 <= found[0] < 0.1
    assert 0.9 < found[-1] < 1


def test_a_clip_is_aligned_to_itself_frame_by_frame() -> None:
    clip, _, _ = stretched(80, 3)
    np.testing.assert_allclose(warp(describe(clip), describe(clip)), np.arange(40))


def test_the_path_is_that_of_the_least_cost() -> None:
    clip, _, reference = stretched(60, 4)
    first, second = describe(clip), describe(reference)
    _, path = librosa.sequence.dtw(first, second, metric="cosine")
    expected = [path[path[:, 0] == column, 1].mean() for column in range(first.shape[1])]
    np.testing.assert_allclose(warp(first, second), expected, atol=1e-6)


def test_level_and_microphone_have_no_say() -> None:
    clip, _, reference = stretched(100, 5)
    other = clip + 2.5 + np.linspace(-1, 1, 80, dtype=np.float32)
    np.testing.assert_allclose(describe(other), describe(clip), atol=1e-4)
    np.testing.assert_allclose(place_frames(other, describe(reference)), place_frames(clip, describe(reference)))


def test_a_clip_without_any_change_is_described_without_a_division_by_zero() -> None:
    flat = describe(np.full((10, 80), -11.5, np.float32))
    assert np.isfinite(flat).all()
    assert np.isfinite(warp(flat, flat)).all()


def test_the_reference_is_the_neutral_clip_of_median_length_in_the_half(packed: Packed) -> None:
    rows = rows_of(packed, "b")
    found = find_references(packed, rows)
    assert list(found) == ["s0", "s1"]
    for name, row in found.items():
        clips = packed.clips.iloc[rows]
        neutral = rows[((clips["statement"] == name) & (clips["emotion"] == "neutral")).to_numpy()]
        assert row in neutral
        shorter = (packed.frames[neutral] < packed.frames[row]).sum()
        longer = (packed.frames[neutral] > packed.frames[row]).sum()
        assert max(shorter, longer) <= len(neutral) // 2
    assert not set(found.values()) & set(find_references(packed, rows_of(packed, "a")).values())


def test_a_statement_without_a_neutral_clip_has_a_reference_too(packed: Packed) -> None:
    clips = packed.clips.assign(emotion=packed.clips["emotion"].where(packed.clips["statement"] != "s1", "angry"))
    without = replace(packed, clips=clips)
    found = find_references(without, rows_of(packed, "a"))
    assert packed.clips["statement"].iloc[found["s1"]] == "s1"
    assert found["s0"] == find_references(packed, rows_of(packed, "a"))["s0"]


def test_clips_keep_their_places_and_statements(packed: Packed) -> None:
    rows = rows_of(packed, "a")
    references = find_references(packed, rows)
    clips = Aligned.of(packed, rows, references, CPU)
    again = Aligned.of(packed, rows, references, CPU)
    assert torch.equal(clips.place_BF, again.place_BF)
    for i, row in enumerate(rows):
        frames = int(packed.frames[row])
        assert f"s{int(clips.statement_B[i])}" == packed.clips["statement"].iloc[row]
        place_F = clips.place_BF[i, :frames]
        assert (place_F.diff() >= 0).all()
        assert place_F[-1] > 0.9
        assert torch.equal(clips.mel_BFM[i, :frames], packed.clip_mel(row).T)
    x_BMF, frames_B = clips.whole(torch.tensor([3, 1]))
    assert x_BMF.shape == (2, 80, int(frames_B.max()))
    assert torch.equal(x_BMF[1, :, : int(frames_B[1])], packed.clip_mel(int(rows[1])))


def test_a_statement_without_a_reference_is_named(packed: Packed) -> None:
    rows = rows_of(packed, "b")
    known = {"s0": int(rows[0])}
    with pytest.raises(UserError, match="'s1' is not among s0"):
        Aligned.of(packed, rows, known, CPU)
    with pytest.raises(UserError, match="there is no clip"):
        Aligned.of(packed, rows[:0], known, CPU)


def test_classes_are_statement_and_part() -> None:
    place_BF = torch.tensor([[0.0, 0.24, 0.25, 0.999, 1.0], [0.5, 0.5, 0.75, 0.76, 0.0]])
    inside_BF = torch.tensor([[True] * 5, [True, False, True, True, False]])
    found = classes_of(torch.tensor([0, 2]), place_BF, inside_BF, 4)
    assert found.tolist() == [[0, 0, 1, 3, 3], [10, OUTSIDE, 11, 11, OUTSIDE]]
