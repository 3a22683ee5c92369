"""What is counted of versions of pairs whose sounds are known."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from affekt.evaluate import conversion_figures
from affekt.evaluate.conversion import CEPSTRA, Sound
from affekt.evaluate.conversion_figures import (
    MOS_EVERY,
    Version,
    against_copy,
    cosines,
    count,
    figures_of,
    listen_to_unchanged,
    named_elsewhere,
    of_mos,
)
from affekt.evaluate.conversion_pairs import Pair
from affekt.features.packed import Packed

# Two to happy (2), two to sad (3), two back to neutral (0).
PAIRS = [Pair(0, 1, 2, None, (4,)), Pair(0, 2, 3, 3, (4, 5)), Pair(3, 1, 2, None, ()), Pair(3, 2, 3, None, ()),
         Pair(1, 0, 0, None, ()), Pair(2, 0, 0, None, ())]  # fmt: skip
STATEMENTS = [0, 0, 1, 1, 0, 0]


def sound(named: int, statement: int = 0, f0_hz: float = 100.0) -> Sound:
    """A sound that the jury gives three quarters to one emotion."""
    belief_E = np.full(8, 0.25 / 7)
    belief_E[named] = 0.75
    cepstrum_FD = np.random.default_rng(0).standard_normal((20, CEPSTRA))
    return Sound(5120, torch.zeros(80, 20), cepstrum_FD, np.full(20, f0_hz), belief_E, statement, np.eye(4)[0])


def version(*sounds: Sound | None) -> Version:
    return Version([None] * len(sounds), list(sounds), {0: 3.0, 1: 4.0, 4: 2.0})


@pytest.fixture
def versions() -> dict[str, Version]:
    made = [sound(named, statement) for named, statement in ((2, 0), (3, 1), (2, 1), (0, 1), (0, 0), (1, 0))]
    return {
        "source": version(*(sound(0, f0_hz=80.0) for _ in range(4)), sound(2), sound(3)),
        "target": version(*(sound(one.emotion) for one in PAIRS)),
        "another_take": version(None, sound(3), *[None] * 4),
        "made": version(*made),
    }


def test_rates_of_known_verdicts(versions: dict[str, Version]) -> None:
    found = figures_of("made", versions, PAIRS, STATEMENTS)
    assert (found["judge_accuracy"], found["back/judge_accuracy"]) == (0.75, 0.5)
    assert (found["happy/judge_accuracy"], found["sad/judge_accuracy"]) == (1, 0.5)
    assert found["judge_probability"] == pytest.approx((3 * 0.75 + 0.25 / 7) / 4)
    assert (found["statement_accuracy"], found["back/statement_accuracy"]) == (0.75, 1)
    assert (found["mos"], found["back/mos"]) == (3.5, 2)
    assert (found["mcd"], found["f0_rmse"], found["duration_ratio"], found["duration_error"]) == (0, 0, 1, 0)
    assert (found["f0_correlation_undefined"], "f0_correlation" in found) == (4, False), "one note each"


def test_the_source_is_compared_with_the_target(versions: dict[str, Version]) -> None:
    found = figures_of("source", versions, PAIRS, STATEMENTS)
    assert found["f0_rmse"] == pytest.approx(12 * np.log2(100 / 80))
    assert found["judge_accuracy"] == 0
    assert found["speaker_cosine"] == 1


def test_what_the_corpus_has_for_some_pairs_counts_for_these(versions: dict[str, Version]) -> None:
    found = figures_of("another_take", versions, PAIRS, STATEMENTS)
    assert found["judge_accuracy"] == 1
    assert not [key for key in found if key.startswith("back/") and key != "back/mos"]


def test_what_makes_all_sound_alike_is_named_elsewhere_as_often_as_where_it_is_wanted(
    versions: dict[str, Version],
) -> None:
    """Seven emotions, each wished of three recordings."""
    pairs = [Pair(i, i, emotion, None, ()) for i in range(3) for emotion in range(1, 8)]
    same = {key: version(*[sound(2)] * 21) for key in ("alike", "source", "target")}
    alike = figures_of("alike", same, pairs, [0] * 21)
    assert alike["judge_accuracy"] == alike["judge_elsewhere"] == pytest.approx(1 / 7)
    assert named_elsewhere([sound(one.emotion) for one in pairs], pairs) == 0, "all as wished"
    one_sad = [sound(3 if i == 0 else 0) for i in range(21)]  # named in one of the 18 in which another was wanted
    assert named_elsewhere(one_sad, pairs) == pytest.approx(1 / 18 / 7)
    assert named_elsewhere([sound(2)] * 3, pairs[1::7]) is None, "nothing else was wanted"
    mixed = [sound(named) for named in (3, 3, 2, 0, 3, 3)]  # sad in one of two wishes of happy; those back do not count
    assert named_elsewhere(mixed, PAIRS) == 0.25
    assert "judge_elsewhere" not in figures_of("another_take", versions, PAIRS, STATEMENTS)


def test_pairs_recordings_and_what_a_version_stands_for_are_counted(versions: dict[str, Version]) -> None:
    clips = pd.DataFrame({"speaker": ["s0", "s0", "s0", "s1"], "emotion": ["neutral", "happy", "sad", "neutral"]})
    empty, rows = np.zeros(0, np.float32), np.arange(4)
    found = count(Packed(clips, empty, empty, empty, empty, empty, rows, rows), PAIRS)
    told = {key: found[key] for key in ("pairs", "recordings", "wanted", "back_pairs", "speakers", "chance")}
    assert told == {"pairs": 4, "recordings": 2, "wanted": 2, "back_pairs": 2, "speakers": 2, "chance": 1 / 3}
    counted = {name: figures_of(name, versions, PAIRS, STATEMENTS) for name in ("made", "another_take")}
    assert [counted["made"][key] for key in ("pairs", "back/pairs")] == [4, 2]
    assert counted["another_take"]["pairs"] == 1


def told(*right: bool) -> Version:
    """A version of pairs to happy in which the jury hears so, or not."""
    return version(*(sound(2 if one else 0) for one in right))


def test_conversions_of_one_speaker_are_tested_as_one() -> None:
    """Six speakers with seven pairs each: seven that go along tell no more than one."""
    pairs, speakers = [PAIRS[0]] * 42, [f"s{i // 7}" for i in range(42)]
    versions = {
        "source": told(*[True] * 42),  # which nothing is tested against
        "copy": told(*[False] * 42),
        "every": told(*[True] * 42),
        "once": told(*(i % 7 == 0 for i in range(42))),
        "one": told(*(i < 7 for i in range(42))),
    }
    found = against_copy(versions, pairs, speakers, ["every", "once", "one"])
    assert found["every/p_value"] == found["once/p_value"] == pytest.approx(2 / 2**6), "all six speakers rose"
    assert found["one/p_value"] == 1, "one speaker rose, in whatever number of pairs"
    assert [found[f"{name}/p_holm"] for name in ("every", "once", "one")] == [3 * 2 / 2**6, 3 * 2 / 2**6, 1]
    assert not [key for key in found if key.startswith(("source", "copy"))]


def test_what_is_tested_are_pairs_to_an_emotion_that_the_version_has(versions: dict[str, Version]) -> None:
    versions["copy"] = version(*(sound(0) for _ in PAIRS))
    speakers = [f"s{i}" for i in range(len(PAIRS))]
    found = against_copy(versions, PAIRS, speakers, ["made"])
    assert found["made/p_value"] == found["made/p_holm"] == pytest.approx(2 / 2**3), "three rose, none fell"
    assert found["target/p_value"] == pytest.approx(2 / 2**4)
    assert found["another_take/p_value"] == 1, "one pair that rose"
    assert "target/p_holm" not in found


def test_what_many_pairs_share_is_heard_once(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[int] = []

    def analyse(listeners: object, waves: list[np.ndarray], folds: list[int], progress: object) -> list[Sound]:
        heard.extend(folds)
        return [sound(int(wave_T[0])) for wave_T in waves]

    monkeypatch.setattr(conversion_figures, "analyse", analyse)
    monkeypatch.setattr(conversion_figures, "predict_mos", lambda waves: [float(wave_T[0]) for wave_T in waves])
    clips = pd.DataFrame({"clip_id": range(4), "fold": [5, 6, 7, 8]})
    packed = Packed(clips, *[np.zeros(0, np.float32)] * 5, np.arange(4), np.arange(4))  # type: ignore[arg-type]
    waves = {row: np.full(3, row, np.float32) for row in (0, 1, 2, 3)}
    found = listen_to_unchanged(None, packed, PAIRS, "copy", waves)  # type: ignore[arg-type]
    assert heard == [5, 6, 7, 8], "each source by the juror of its own fold"
    assert [one and int(one.belief_E.argmax()) for one in found.sounds] == [one.source for one in PAIRS]
    assert [wave_T is not None and int(wave_T[0]) for wave_T in found.waves] == [one.source for one in PAIRS]
    assert found.mos == {i: PAIRS[i].source for i in of_mos(PAIRS)}


def test_a_share_of_both_directions_is_heard_for_naturalness() -> None:
    pairs = [replace(PAIRS[0], emotion=1 + i % 7) for i in range(56)] + [PAIRS[4]] * 8
    chosen = of_mos(pairs)
    assert len(chosen) == 64 / MOS_EVERY
    assert sum(pairs[i].back for i in chosen) == 8 / MOS_EVERY
    assert {pairs[i].emotion for i in chosen} == set(range(8))


def test_the_scale_of_cosines_is_of_pairs_from_neutral() -> None:
    speaker = np.eye(6, dtype=np.float32)
    speaker[1] = (0.6, 0.8, 0, 0, 0, 0)
    speaker[4] = (0.28, 0, 0, 0, 0.96, 0)
    empty = np.zeros(0, np.float32)
    rows = np.arange(6)
    packed = Packed(pd.DataFrame({"clip_id": rows}), empty, empty, empty, empty, speaker, rows, rows)
    found = cosines(packed, PAIRS)
    assert found["same_speaker_cosine"] == pytest.approx(0.6 / 4)
    assert found["other_speaker_cosine"] == pytest.approx((0.28 + 0.14) / 2)
    assert "other_speaker_cosine" not in cosines(packed, PAIRS[2:])
