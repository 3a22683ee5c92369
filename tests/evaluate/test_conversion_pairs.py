"""Which clips are converted to what: of half b, strong where there is that, the first take, and back."""

import itertools
from collections import Counter

import pandas as pd
import pytest

from affekt.core.errors import UserError
from affekt.corpora.table import EMOTIONS
from affekt.evaluate.conversion_pairs import choose_examples, choose_speakers, plan_pairs

SPEAKERS = {"s1": ("f", "a", 0), "s2": ("f", "b", 1), "s3": ("m", "b", 1), "s4": ("m", "b", 2), "s5": ("f", "b", 2)}


def clips_of(emotions: tuple[str, ...] = ("neutral", "happy", "sad"), takes: tuple[int, ...] = (1, 2)) -> pd.DataFrame:
    """As RAVDESS is: two statements, strong and normal but in neutral, two takes."""
    rows = [
        {"clip_id": f"{speaker}-{emotion}-{intensity}-{statement}-{take}", "speaker": speaker, "gender": gender,
         "half": half, "fold": fold, "emotion": emotion, "intensity": intensity, "statement": statement,
         "repetition": take}
        for (speaker, (gender, half, fold)), emotion, intensity, statement, take in itertools.product(
            SPEAKERS.items(), emotions, ("normal", "strong"), ("dogs", "kids"), takes
        )
        if (emotion, intensity) != ("neutral", "strong")
    ]  # fmt: skip
    return pd.DataFrame(rows).sort_values("clip_id", ignore_index=True)


def test_neutral_clips_become_each_emotion_and_emotional_ones_neutral() -> None:
    clips = clips_of()
    pairs = plan_pairs(clips, sources=1, speakers=12)
    there, back = [one for one in pairs if not one.back], [one for one in pairs if one.back]
    assert (len(there), len(back)) == (4 * 2 * 2, 4 * 2 * 2)
    assert pairs == there + back
    for one in pairs:
        source, target = clips.iloc[one.source], clips.iloc[one.target]
        assert (source["half"], source["repetition"], target["repetition"]) == ("b", 1, 1)
        assert (source["speaker"], source["statement"]) == (target["speaker"], target["statement"])
        assert target["emotion"] == EMOTIONS[one.emotion]
        assert {source["emotion"], target["emotion"]} > {"neutral"}
        emotional = source if one.back else target
        assert emotional["intensity"] == "strong"
        assert one.another is not None
        another = clips.iloc[one.another]
        same = ["speaker", "statement", "emotion", "intensity"]
        assert another[same].tolist() == target[same].tolist()
        assert another["repetition"] == 2
        assert len(one.others) == 2, "one other speaker of this gender in half b, in two takes"
        for row in one.others:
            other = clips.iloc[row]
            assert other["speaker"] != target["speaker"]
            alike = ["gender", "statement", "emotion", "intensity", "half"]
            assert other[alike].tolist() == target[alike].tolist()
    assert {(one.source, one.target) for one in back} == {(one.target, one.source) for one in there}


def test_more_sources_and_fewer_speakers() -> None:
    clips = clips_of()
    twice = plan_pairs(clips, sources=2, speakers=12)
    assert len(twice) == 2 * len(plan_pairs(clips, sources=1, speakers=12))
    assert {clips.iloc[one.source]["repetition"] for one in twice} == {1, 2}
    assert len(plan_pairs(clips, sources=9, speakers=12)) == len(twice), "there are two takes"
    few = plan_pairs(clips, sources=1, speakers=2)
    assert {clips.iloc[one.source]["speaker"] for one in few} == {"s2", "s4"}, "of both genders, of two folds"


def test_the_order_of_the_rows_does_not_decide() -> None:
    clips = clips_of()
    mixed = clips.sample(frac=1, random_state=3)
    names = [
        [(table["clip_id"].iloc[one.source], table["clip_id"].iloc[one.target]) for one in plan_pairs(table, 1, 3)]
        for table in (clips, mixed)
    ]
    assert names[0] == names[1]


def test_one_take_and_normal_intensity_serve_where_there_is_nothing_else() -> None:
    clips = clips_of(takes=(1,))
    clips = clips[clips["intensity"] == "normal"]
    pairs = plan_pairs(clips, sources=1, speakers=12)
    assert len(pairs) == 32
    assert {one.another for one in pairs} == {None}


def test_what_a_speaker_does_not_say_is_left_out() -> None:
    clips = clips_of()
    lacking = clips[~((clips["speaker"] == "s2") & (clips["emotion"] == "sad") & (clips["statement"] == "dogs"))]
    assert len(plan_pairs(lacking, 1, 12)) == len(plan_pairs(clips, 1, 12)) - 2
    with pytest.raises(UserError, match=r"corpus\.name: no speaker of half b says"):
        plan_pairs(clips_of(emotions=("neutral",)), 1, 12)
    with pytest.raises(UserError, match=r"corpus\.name"):
        plan_pairs(clips_of(emotions=("happy", "sad")), 1, 12)


def test_speakers_are_spread_over_genders_and_folds() -> None:
    rows = [
        {"speaker": f"{fold}{gender}{i}", "gender": gender, "fold": fold}
        for fold in range(3) for gender, count in (("f", 1), ("m", 4)) for i in range(count)
    ]  # fmt: skip
    table = pd.DataFrame(rows)
    chosen = table[table["speaker"].isin(choose_speakers(table, 6))]
    assert Counter(chosen["gender"]) == {"f": 3, "m": 3}
    assert Counter(chosen["fold"]) == {0: 2, 1: 2, 2: 2}
    assert len(choose_speakers(table, 99)) == 15


def test_examples_are_spread_over_emotions_and_directions() -> None:
    clips = clips_of(emotions=("neutral", "happy", "sad", "angry"))
    pairs = plan_pairs(clips, 1, 12)
    chosen = choose_examples(pairs, clips, 6, 3)
    assert len(set(chosen)) == 9
    assert Counter(EMOTIONS[pairs[i].emotion] for i in chosen) == {"happy": 2, "sad": 2, "angry": 2, "neutral": 3}
    assert {clips["emotion"].iloc[pairs[i].source] for i in chosen if pairs[i].back} == {"happy", "sad", "angry"}
    assert len({clips["speaker"].iloc[pairs[i].source] for i in chosen if not pairs[i].back}) == 4
    assert len(choose_examples(pairs, clips, 999, 999)) == len(pairs)
