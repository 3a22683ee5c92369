"""The f0 threshold by hand, against every possible threshold, and how predictions are scored."""

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score

from affekt.evaluate.gender import (
    FEMALE,
    MALE,
    UNDECIDED,
    compare_speakers,
    fit_threshold,
    median_f0,
    predict_by_f0,
    score_gender,
)
from affekt.evaluate.proportions import mcnemar, wilson_interval

NAN = float("nan")


def test_median_is_of_voiced_frames() -> None:
    assert median_f0(np.array([0, 100, 0, 110, 300, 0])) == 110
    assert np.isnan(median_f0(np.zeros(4)))


def test_genders_that_do_not_overlap_are_parted_midway() -> None:
    f0, gender = np.array([100, 130, 190, 220, NAN]), np.array([MALE, MALE, FEMALE, FEMALE, MALE])
    assert fit_threshold(f0, gender) == 160
    assert predict_by_f0(np.array([159.9, 160, NAN]), 160).tolist() == [MALE, FEMALE, UNDECIDED]


def test_of_equal_thresholds_the_one_nearest_the_middle_is_taken() -> None:
    # 115, 135 (and 125 between a woman and a man, worse) part two of two men and one of two women or the other way.
    f0, gender = np.array([110, 120, 130, 140]), np.array([MALE, FEMALE, MALE, FEMALE])
    assert fit_threshold(f0, gender) == 115  # 115 and 135 are equally good and equally near: the lower
    f0, gender = np.array([100, 120, 130, 200, 210, 215]), np.array([MALE, FEMALE, MALE, FEMALE, MALE, FEMALE])
    assert fit_threshold(f0, gender) == 165  # 110, 165 and 212.5 all have 2/3; the middle is 161.25


def test_no_threshold_is_better() -> None:
    rng = np.random.default_rng(0)
    gender = rng.choice([FEMALE, MALE], 200, p=[0.8, 0.2])
    f0 = np.where(gender == MALE, rng.normal(130, 40, 200), rng.normal(200, 50, 200)).round()
    found = balanced_accuracy_score(gender, predict_by_f0(f0, fit_threshold(f0, gender)))
    assert found == max(balanced_accuracy_score(gender, predict_by_f0(f0, hz)) for hz in np.arange(0, 400, 0.5))


def test_one_gender_or_one_f0_has_no_threshold() -> None:
    for f0, gender in (
        ([100.0, 110.0], [MALE, MALE]),
        ([100.0, 100.0], [MALE, FEMALE]),
        ([NAN, 110.0], [MALE, FEMALE]),
    ):
        with pytest.raises(ValueError, match="needs both genders"):
            fit_threshold(np.array(f0), np.array(gender))


def test_scores_by_hand_with_clips_that_have_no_answer() -> None:
    truth = np.array([MALE, MALE, MALE, MALE, FEMALE, FEMALE])
    predicted = np.array([MALE, MALE, MALE, FEMALE, FEMALE, UNDECIDED])
    found = score_gender(predicted, truth, ["a", "a", "b", "b", "c", "d"])
    assert found["accuracy"] == pytest.approx(4 / 6)
    assert found["balanced_accuracy"] == pytest.approx((3 / 4 + 1 / 2) / 2)
    assert (found["accuracy_low"], found["accuracy_high"]) == wilson_interval(4, 6)
    assert found["speakers_right"] == 2 / 4  # a and c; half of b's clips are not more than half
    assert (found["speakers_right_low"], found["speakers_right_high"]) == wilson_interval(2, 4)
    assert (found["clips"], found["speakers"], found["undecided"]) == (6, 4, 1)


def test_with_one_clip_of_each_speaker_the_comparison_is_mcnemars() -> None:
    rng = np.random.default_rng(3)
    own, beside = rng.random(190) < 0.97, rng.random(190) < 0.9
    found = compare_speakers(own, beside, np.arange(190))
    assert found["p_value"] == pytest.approx(mcnemar(beside, own))
    assert found["better"] == (own & ~beside).sum()
    assert found["worse"] == (beside & ~own).sum()


def test_clips_of_one_speaker_are_one_piece_of_evidence() -> None:
    right, wrong = np.full(8, True), np.full(8, False)
    assert compare_speakers(right, wrong, ["a"] * 8) == {"better": 8.0, "worse": 0.0, "p_value": 1.0}
    assert compare_speakers(right, wrong, list("abcdefgh"))["p_value"] == pytest.approx(2 / 2**8)
    assert compare_speakers(right, right, list("abcdefgh"))["p_value"] == 1
