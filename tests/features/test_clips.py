"""Clips on the device are those of the packed corpus, to the sample and the frame, whatever the kind."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from toy_corpus import load_corpus

from affekt.core.errors import UserError
from affekt.features.clips import Clips, Spectrograms, Waves
from affekt.features.mel import LOG_FLOOR, frames_of
from affekt.features.packed import Packed
from affekt.features.spectrogram import FAST, SLOW, Resolution, root, spectrum

CPU = torch.device("cpu")
ROWS = np.array([7, 2, 11, 0])


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Packed:
    return load_corpus(tmp_path_factory.mktemp("corpus"), speakers=4, emotions=3)


def test_mels_are_the_rows_followed_by_silence(packed: Packed) -> None:
    clips = Clips.of(packed, ROWS, CPU, "emotion_gender")
    assert clips.label_B.tolist() == [2, 4, 5, 0]
    assert clips.lengths().tolist() == packed.frames[ROWS].tolist()
    assert clips.mel_BFM.is_contiguous()
    for row, i in enumerate(ROWS):
        mel_FM = torch.from_numpy(packed.mel[packed.span(i)].copy())
        assert torch.equal(clips.mel_BFM[row, : len(mel_FM)], mel_FM)
        assert (clips.mel_BFM[row, len(mel_FM) :] == math.log(LOG_FLOOR)).all()
    mel_BMF, frames_B = clips.whole(torch.tensor([2, 1]))
    assert mel_BMF.shape == (2, 80, int(packed.frames[ROWS[1:3]].max()))
    assert frames_B.tolist() == packed.frames[ROWS[[2, 1]]].tolist()
    assert torch.equal(mel_BMF[0, :, : frames_B[0]], packed.clip_mel(11))


def test_a_half_is_that_of_the_table(packed: Packed) -> None:
    for half, rows in (("a", range(6)), ("b", range(6, 12))):
        assert torch.equal(Clips.of_half(packed, half, CPU).frames_B, torch.from_numpy(packed.frames[list(rows)]))


def test_waves_are_the_rows_followed_by_zeros(packed: Packed) -> None:
    waves = Waves.of(packed, ROWS, CPU)
    assert waves.label_B.tolist() == [1, 2, 2, 0]
    assert len(waves.audio_N) == int(packed.clips["frames"].iloc[ROWS].sum()), "only what is asked for is kept"
    wave_BT, samples_B = waves.whole(torch.tensor([3, 0]))
    assert samples_B.tolist() == waves.lengths()[[3, 0]].tolist() == packed.clips["frames"].iloc[[0, 7]].tolist()
    for row, i in enumerate((0, 7)):
        np.testing.assert_array_equal(wave_BT[row, : samples_B[row]].numpy(), packed.waveform(i))
        assert (wave_BT[row, samples_B[row] :] == 0).all()


def test_a_row_that_is_there_twice_is_kept_once(packed: Packed) -> None:
    rows = np.concatenate([ROWS, ROWS[:2], ROWS])
    once, often = (Waves.of(packed, which, CPU) for which in (ROWS, rows))
    assert len(often.audio_N) == len(once.audio_N)
    assert often.label_B.tolist() == [*once.label_B.tolist(), *once.label_B[:2].tolist(), *once.label_B.tolist()]
    for place, row in enumerate([0, 1, 2, 3, 0, 1, 0, 1, 2, 3]):
        assert torch.equal(often.segment(place, -5, 9000), once.segment(row, -5, 9000))


@pytest.mark.parametrize("start", [-9, -3, 0, 5, 2990, 20000])
@pytest.mark.parametrize("length", [1, 6, 12000])
def test_a_segment_is_zero_outside_the_clip_and_never_its_neighbour(packed: Packed, start: int, length: int) -> None:
    waves = Waves.of(packed, ROWS, CPU)
    for row, i in enumerate(ROWS):
        around = np.pad(packed.waveform(int(i)), (10, 40000))
        found = waves.segment(row, start, length).numpy()
        np.testing.assert_array_equal(found, around[start + 10 : start + 10 + length])


@pytest.mark.parametrize("resolution", [FAST, SLOW])
def test_spectrograms_are_those_of_each_clip_alone(packed: Packed, resolution: Resolution) -> None:
    waves = Waves.of(packed, ROWS, CPU, "gender")
    clips = Spectrograms(waves, resolution, waves.label_B)
    assert clips.label_B.tolist() == [0, 0, 1, 0]
    root_BKF, frames_B = clips.whole(torch.tensor([0, 1, 2, 3]))
    assert frames_B.tolist() == clips.lengths().tolist()
    for row, i in enumerate(ROWS):
        alone = root(spectrum(torch.from_numpy(packed.waveform(int(i)))[None], resolution))[0]
        assert alone.shape == (resolution.bins, int(frames_B[row]))
        torch.testing.assert_close(root_BKF[row, :, : frames_B[row]], alone, rtol=0, atol=1e-4)


def test_frames_of_a_mel_are_counted_alike_everywhere(packed: Packed) -> None:
    assert packed.frames.tolist() == [frames_of(samples) for samples in packed.clips["frames"]]
    clips, waves = Clips.of(packed, ROWS, CPU), Waves.of(packed, ROWS, CPU)
    assert (clips.lengths() == waves.lengths() // 256 + 1).all()


@pytest.mark.parametrize("kind", [Clips, Waves])
def test_no_clips_are_refused(packed: Packed, kind: type[Clips] | type[Waves]) -> None:
    with pytest.raises(UserError, match="a recogniser has no clips: check the splits"):
        kind.of(packed, np.array([], dtype=int), CPU)


def test_read_speech_teaches_gender_only(tmp_path: Path) -> None:
    read = load_corpus(tmp_path, speakers=2, emotions=1, folds=2, labelled=False)
    assert Waves.of(read, np.arange(2), CPU, "gender").label_B.tolist() == [0, 1]
    with pytest.raises(UserError, match="toy-00-0-0 has no emotion"):
        Clips.of(read, np.arange(2), CPU)
