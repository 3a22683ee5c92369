"""Parallel clips beside each other: who belongs together, and that warps lead from the same to the same."""

import numpy as np
import pandas as pd
import pytest
import torch
from warps import warped_times

from affekt.core.errors import UserError
from affekt.corpora.table import EMOTIONS
from affekt.features.mel import N_MELS
from affekt.features.packed import Packed
from affekt.features.parallel import Parallel, rising

SOUNDS = 6  # of the statement, each a spectrum of its own


def spoken(lengths: list[int], seed: int) -> np.ndarray:
    """A mel in which sound i lasts lengths[i] frames, (F, M)."""
    spectrum_SM = np.random.default_rng(99).normal(-5, 2, (len(lengths), N_MELS))
    noise = np.random.default_rng(seed).normal(0, 0.05, (sum(lengths), N_MELS))
    return (np.repeat(spectrum_SM, lengths, 0) + noise).astype(np.float32)


def corpus() -> tuple[Packed, list[list[int]]]:
    """Two speakers say one statement in three emotions, slowly and fast."""
    rows, mels, lengths = [], [], []
    for speaker in ("s1", "s2"):
        for i, (emotion, intensity, length) in enumerate(
            [("neutral", "normal", 10), ("happy", "normal", 7), ("happy", "strong", 14), ("sad", "strong", 20)]
        ):
            lengths.append([length + j % 3 for j in range(SOUNDS)])
            mels.append(spoken(lengths[-1], len(mels)))
            rows.append({"clip_id": f"{speaker}-{i}", "speaker": speaker, "statement": "one", "emotion": emotion,
                         "intensity": intensity})  # fmt: skip
    frames = np.array([len(mel) for mel in mels])
    f0 = np.full(frames.sum(), 100, np.float32)
    f0[::5] = 0
    nothing = np.zeros(0, np.float32)
    packed = Packed(
        pd.DataFrame(rows), nothing, np.concatenate(mels), nothing, f0, np.ones((len(rows), 4), np.float32),
        np.cumsum(frames) - frames, frames,
    )  # fmt: skip
    return packed, lengths


@pytest.fixture(scope="module")
def clips() -> Parallel:
    packed, _ = corpus()
    return Parallel.of(packed, np.arange(len(packed)), torch.device("cpu"))


def test_places_rise_from_the_beginning_to_the_end(clips: Parallel) -> None:
    for place_F, frames in zip(clips.place_BF.numpy(), clips.frames_B.tolist(), strict=True):
        assert place_F[0] == 0
        assert place_F[frames - 1] == pytest.approx(1)
        assert (np.diff(place_F[:frames]) > 0).all()


def test_what_is_filled_is_kept_where_it_is_voiced(clips: Parallel) -> None:
    voiced = clips.f0_BF > 0
    assert torch.allclose(clips.melody_BF[voiced], clips.f0_BF[voiced])
    assert (clips.melody_BF[0, : int(clips.frames_B[0])] > 0).all()


def test_a_warp_leads_from_each_sound_to_the_same_sound(clips: Parallel) -> None:
    _, lengths = corpus()
    for source, target in ((0, 3), (3, 0), (1, 2), (2, 1)):
        time_F = warped_times(clips, source, target)
        said = np.repeat(np.arange(SOUNDS), lengths[source])
        heard = np.repeat(np.arange(SOUNDS), lengths[target])[np.round(time_F).astype(int)]
        assert (said == heard).mean() > 0.85
        assert time_F[0] == 0
        assert time_F[-1] == pytest.approx(sum(lengths[target]) - 1)


def test_a_warp_onto_itself_changes_nothing(clips: Parallel) -> None:
    assert warped_times(clips, 2, 2) == pytest.approx(np.arange(int(clips.frames_B[2])), abs=1e-3)


def test_a_target_has_the_emotion_the_speaker_and_the_intensity_if_there_is_one(clips: Parallel) -> None:
    happy, sad = EMOTIONS.index("happy"), EMOTIONS.index("sad")
    assert [clips.choose(0, happy, intensity, 0.5) for intensity in (0, 1)] == [1, 2]
    assert [clips.choose(4, happy, intensity, 0.5) for intensity in (0, 1)] == [5, 6]
    assert clips.choose(0, sad, 0, 0.99) == 3


def test_an_emotion_that_is_never_said_is_the_clip_itself(clips: Parallel) -> None:
    assert clips.choose(1, EMOTIONS.index("angry"), 1, 0.3) == 1


def test_a_warp_by_steps_rises_smoothly() -> None:
    place_F = rising(np.repeat(np.linspace(0, 1, 10), 4))
    assert place_F[[0, -1]].tolist() == [0, 1]
    assert (np.diff(place_F) > 0).all()
    assert np.diff(place_F).max() < 0.08


def test_no_clips_is_an_error_that_says_so() -> None:
    packed, _ = corpus()
    with pytest.raises(UserError, match="no clips"):
        Parallel.of(packed, np.array([], int), torch.device("cpu"))
