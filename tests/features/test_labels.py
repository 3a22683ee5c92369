"""What a recogniser names of a clip: indices of the tables, and no clip without an emotion."""

import numpy as np
import pandas as pd
import pytest

from affekt.core.errors import UserError
from affekt.corpora.table import EMOTIONS, GENDERS, UNLABELLED
from affekt.features.labels import labels_of


def table(emotions: list[str], genders: list[str]) -> pd.DataFrame:
    names = [f"clip-{i}" for i in range(len(emotions))]
    return pd.DataFrame({"clip_id": names, "emotion": emotions, "gender": genders}, index=range(5, 5 + len(emotions)))


def test_labels_are_places_in_the_tables() -> None:
    clips = table(["neutral", "surprised", "angry", "angry"], ["m", "f", "m", "f"])
    assert labels_of(clips, "emotion").tolist() == [0, 7, 4, 4]
    assert labels_of(clips, "gender").tolist() == [1, 0, 1, 0]
    assert labels_of(clips, "emotion_gender").tolist() == [1, 14, 9, 8]
    assert all(labels_of(clips, kind).dtype == np.int64 for kind in ("emotion", "gender", "emotion_gender"))


def test_emotion_and_gender_come_back_from_both_in_one() -> None:
    pairs = [(emotion, gender) for emotion in EMOTIONS for gender in GENDERS]
    both = labels_of(table(*map(list, zip(*pairs, strict=True))), "emotion_gender")
    assert sorted(both.tolist()) == list(range(len(pairs)))
    assert [(EMOTIONS[label // 2], GENDERS[label % 2]) for label in both] == pairs


@pytest.mark.parametrize("kind", ["emotion", "emotion_gender"])
@pytest.mark.parametrize("word", [UNLABELLED, "bored"])
def test_a_clip_without_an_emotion_is_named(kind: str, word: str) -> None:
    clips = table(["sad", word, word], ["f", "f", "m"])
    with pytest.raises(
        UserError, match=r"clip table: clip-1 has no emotion to learn .*`reading\.name`.*`corpus\.name`"
    ):
        labels_of(clips, kind)
    assert labels_of(clips, "gender").tolist() == [0, 0, 1]
