"""The leakage premium: measured on the same clips, paired, with the speaker as the unit."""

import numpy as np
import pytest

from affekt.evaluate.crossvalidation import NOT_TESTED, score
from affekt.evaluate.leakage import measure_premium
from affekt.evaluate.paired import sign_flip_test

TRUTH = np.tile([0, 1], 20)  # 10 speakers with 4 clips each
SPEAKER = np.repeat([f"s{i}" for i in range(10)], 4)
RANDOM_FOLD = np.tile([0, 0, 1, 1], 10)
ALL_RIGHT = TRUTH[None]


def test_a_premium_by_hand() -> None:
    unseen = ALL_RIGHT.copy()
    unseen[0, ::4] = 1  # of each speaker one clip of class 0 is wrong on speaker folds
    found = measure_premium(ALL_RIGHT, unseen, TRUTH, SPEAKER)
    assert found["ua_random"] == 1
    assert found["ua_speakers"] == pytest.approx(0.75)
    assert found["premium"] == pytest.approx(0.25)
    assert found["p_value"] == pytest.approx(2 / 2**10)  # all ten speakers gain alike
    assert (found["clips"], found["seeds"]) == (40, 1)


def test_clips_of_one_speaker_are_one_piece_of_evidence() -> None:
    unseen = ALL_RIGHT.copy()
    unseen[0, :4] = 1 - unseen[0, :4]
    found = measure_premium(ALL_RIGHT, unseen, TRUTH, SPEAKER)
    assert found["premium"] == pytest.approx(0.1)
    assert found["p_value"] == 1


def test_only_clips_that_both_splits_tested_are_compared() -> None:
    rng = np.random.default_rng(0)
    random, unseen = rng.integers(0, 2, (2, 3, 40))
    random[:, RANDOM_FOLD == 1] = NOT_TESTED
    unseen[:, :4] = NOT_TESTED
    found = measure_premium(random, unseen, TRUTH, SPEAKER)
    tested = (RANDOM_FOLD == 0) & (np.arange(40) >= 4)
    one_fold = np.zeros(tested.sum())
    expected = score(unseen[:, tested], TRUTH[tested], one_fold, 2).ua_SF.mean()
    assert found["ua_speakers"] == pytest.approx(expected)
    assert found["clips"] == 18


def test_the_premium_is_the_sum_of_what_the_test_is_about() -> None:
    rng = np.random.default_rng(2)
    truth = rng.choice([0, 1, 3], 40, p=[0.5, 0.3, 0.2])  # class 2 has no clip and counts in neither UA
    random, unseen = (np.where(rng.random((3, 40)) < p, truth, 2) for p in (0.9, 0.6))
    found = measure_premium(random, unseen, truth, SPEAKER)
    gain = (random == truth).mean(0) - (unseen == truth).mean(0)
    parts = [
        sum(gain[(one == SPEAKER) & (truth == label)].sum() / (truth == label).sum() for label in (0, 1, 3)) / 3
        for one in np.unique(SPEAKER)
    ]
    assert found["premium"] == pytest.approx(sum(parts))
    assert found["p_value"] == pytest.approx(sign_flip_test(np.array(parts)))
    ua = [score(named, truth, np.zeros(40), 4).ua_SF.mean() for named in (random, unseen)]
    assert [found["ua_random"], found["ua_speakers"]] == pytest.approx(ua)


def test_equal_predictions_have_no_premium() -> None:
    guess = np.random.default_rng(1).integers(0, 2, (2, 40))
    found = measure_premium(guess, guess, TRUTH, SPEAKER)
    assert found["premium"] == 0
    assert found["p_value"] == sign_flip_test(np.zeros(10)) == 1


def test_a_split_that_tests_nothing_is_an_error() -> None:
    with pytest.raises(ValueError, match="no clip was tested under both"):
        measure_premium(np.full((1, 40), NOT_TESTED), ALL_RIGHT, TRUTH, SPEAKER)
