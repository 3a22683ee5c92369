"""Measures of drawn voices: each has a known value on vectors that were made for it."""

import numpy as np
import pytest

from affekt.core.errors import UserError
from affekt.corpora.table import GENDERS
from affekt.evaluate.voices import (
    Spoken,
    f0_deviation,
    fit_gender,
    measure_spoken,
    measure_voices,
    median_or_none,
    nearest,
    nearest_of_own,
    pairwise_cosine,
    same_speaker_percentile,
    speaker_means,
    speaker_weights,
    without,
)
from affekt.training.voicegan import Voices

FEMALE, MALE = (GENDERS.index(gender) for gender in "fm")


def at(degrees: list[float]) -> np.ndarray:
    """Unit vectors at angles: their distances are known."""
    angle = np.radians(degrees)
    return np.stack([np.cos(angle), np.sin(angle)], 1).astype(np.float32)


def apart(degrees: float) -> float:
    return 1 - float(np.cos(np.radians(degrees)))


def voices(degrees: dict[str, list[float]]) -> Voices:
    """Speakers, whose names begin with their gender, and the angles of their clips."""
    names = [name for name, clips in degrees.items() for _ in clips]
    gender = np.array([GENDERS.index(name[0]) for name in names])
    return Voices(at([angle for clips in degrees.values() for angle in clips]), gender, np.array(names))


HEARD = voices({"f1": [0, 10, 20], "f2": [30], "m1": [70, 75], "m2": [90]})
UNHEARD = voices({"f3": [5, 6], "f4": [25], "m3": [60], "m4": [80, 81, 82]})


def test_the_nearest_clip_is_found_with_its_distance() -> None:
    distance_B, row_B = nearest(at([8, 51, 90]), HEARD)
    assert row_B.tolist() == [1, 4, 6]
    np.testing.assert_allclose(distance_B, [apart(2), apart(19), 0], atol=1e-6)


def test_the_scale_of_one_voice_is_a_percentile_of_pairs_within_speakers() -> None:
    """The nearest hundredth of even pairs is the nearest of these few; single clips have none."""
    assert same_speaker_percentile(HEARD) == pytest.approx(apart(5), abs=1e-6)
    with pytest.raises(UserError, match="no speaker has two clips"):
        same_speaker_percentile(voices({"f1": [0], "m1": [90]}))


def test_the_scale_of_one_voice_goes_by_speakers_and_not_by_pairs() -> None:
    """One actor has 780 pairs and the other 120, the least of which are nearer: one in a hundred of half the weight."""
    far = [float(i) for i in range(40)]
    near = [0, 0.5, *(20.0 * i for i in range(1, 15))]
    assert same_speaker_percentile(voices({"f1": far, "m1": near})) == pytest.approx(apart(1), abs=1e-6)
    assert same_speaker_percentile(voices({"m1": near})) == pytest.approx(apart(19.5), abs=1e-6)


def test_a_speaker_of_few_pairs_does_not_decide_where_others_have_many() -> None:
    """Of readers with a pair each, a nearest one weighs more than a hundredth; they count where nobody has many."""
    readers = {"m": [0, 0.5], **{f"m{i}": [0, 20] for i in range(39)}}
    actor = {"f1": [float(i) for i in range(40)]}
    assert same_speaker_percentile(voices(actor | readers)) == pytest.approx(apart(1), abs=1e-6)
    assert same_speaker_percentile(voices(readers)) == pytest.approx(apart(0.5), abs=1e-6)


def test_the_nearest_clip_of_the_own_speaker_is_another() -> None:
    same = voices({"f1": [0, 10, 13], "f2": [11], "m1": [70, 70]})
    expected = [apart(10), apart(3), apart(3), np.inf, 0, 0]
    np.testing.assert_allclose(nearest_of_own(same), expected, atol=1e-6)


def test_each_speaker_weighs_the_same() -> None:
    weight_N = speaker_weights(HEARD)
    assert weight_N.mean() == pytest.approx(1)
    sums = [weight_N[HEARD.speaker_N == name].sum() for name in ("f1", "f2", "m1", "m2")]
    np.testing.assert_allclose(sums, 7 / 4)


def test_pairs_are_counted_once_and_not_with_themselves() -> None:
    assert pairwise_cosine(at([0, 60, 90])) == pytest.approx((0.5 + 0 + np.cos(np.radians(30))) / 3, abs=1e-6)
    assert pairwise_cosine(at([0])) is None


def test_the_product_of_means_is_the_mean_cosine_of_clips_of_two_speakers() -> None:
    women = speaker_means(HEARD)[FEMALE]
    expected = np.mean([np.cos(np.radians(30 - angle)) for angle in (0, 10, 20)])
    assert pairwise_cosine(women) == pytest.approx(expected, abs=1e-6)


def test_the_classifier_goes_by_speakers_and_not_by_clips() -> None:
    """A woman with very many clips among men's does not move the border over all others."""
    many = voices(
        {"f1": [62] * 500, **{f"f{i}": [20 + i] for i in range(2, 12)}, **{f"m{i}": [70 + i] for i in range(1, 12)}}
    )
    model = fit_gender(many)
    assert model.predict(at([20, 30, 75, 85])).tolist() == [FEMALE, FEMALE, MALE, MALE]


def test_voices_are_measured_against_those_that_were_heard() -> None:
    drawn = at([11, 45, 44, 88])
    rows = measure_voices(drawn, np.array([FEMALE, FEMALE, MALE, MALE]), HEARD, UNHEARD, fit_gender(UNHEARD))
    assert rows["samples"] == 4
    assert rows["gender_accuracy"] == 0.75  # the man at 44 degrees is a woman's voice, or the woman at 45 a man's
    assert rows["gender_accuracy_real"] == 1
    assert rows["same_speaker_percentile_1"] == pytest.approx(apart(5), abs=1e-6)
    assert rows["too_near"] == 0.5  # those at 11 and 88 degrees
    assert rows["too_near_real"] == 0  # none is nearer to its speaker's other clips than the nearest pair
    assert rows["nearest"] == pytest.approx(apart(1), abs=1e-6)
    assert rows["nearest_median"] == pytest.approx((apart(2) + apart(14)) / 2, abs=1e-6)
    assert rows["pairwise_cosine"] == pytest.approx((np.cos(np.radians(34)) + np.cos(np.radians(44))) / 2, abs=1e-6)
    men = np.mean([np.cos(np.radians(20)), np.cos(np.radians(15))])
    women = np.mean([np.cos(np.radians(30 - angle)) for angle in (0, 10, 20)])
    assert rows["pairwise_cosine_real"] == pytest.approx((women + men) / 2, abs=1e-6)
    of_speakers = [(apart(5) + apart(4)) / 2, apart(5), apart(10), apart(6)]
    assert rows["unseen_nearest_median"] == pytest.approx(np.median(of_speakers), abs=1e-6)


def test_copies_of_real_clips_are_found_as_often_as_clips_of_a_speaker_are_near() -> None:
    """Each speaker counts alike, however many clips there are; one of a single clip does not count."""
    heard = voices({"f1": [0, 0.5, 10, 11, 20, 22, *range(30, 66, 4)], "m1": [0, 88], "m2": [50]})
    rows = measure_voices(at([11]), np.array([FEMALE]), heard, UNHEARD, fit_gender(UNHEARD))
    assert rows["same_speaker_percentile_1"] == pytest.approx(apart(1), abs=1e-6)  # the second of 105 pairs: 1.9 %
    assert rows["too_near_real"] == pytest.approx(2 / 15 / 2)  # those at 0 and 0.5 degrees; none of m1


def test_spoken_voices_are_compared_within_a_recording() -> None:
    women = Spoken(FEMALE, FEMALE, at([0, 20]), at([10, 30]), [200.0, 220.0])
    men = Spoken(MALE, MALE, at([90]), at([40]), [None])
    rows = measure_spoken([women, men], [at([12, 14]), at([80, 80])], fit_gender(UNHEARD))
    wish = (2 * np.cos(np.radians(10)) + np.cos(np.radians(50))) / 3
    assert rows["cosine_to_wish"] == pytest.approx(wish, abs=1e-6)
    assert rows["gender_accuracy"] == pytest.approx(2 / 3)
    assert rows["pairwise_cosine"] == pytest.approx(np.cos(np.radians(20)), abs=1e-6)  # one man makes no pair
    assert rows["pairwise_cosine_same"] == pytest.approx((np.cos(np.radians(2)) + 1) / 2, abs=1e-6)
    assert rows["f0_women_hz"] == 210
    assert rows["f0_men_hz_undefined"] == 1
    assert not {"f0_men_hz", "gender_accuracy_crossed"} & set(rows)


def speak_all(heard: dict[tuple[int, int], list[float]]) -> dict[str, float]:
    """Measure three women's and two men's voices that speak a woman's and a man's recording."""
    f0_hz = {FEMALE: [200.0, 210.0, 220.0], MALE: [100.0, None]}
    spoken = [
        Spoken(source, gender, at([10.0, 20.0, 30.0] if gender == FEMALE else [80.0, 90.0]), at(angles), f0_hz[gender])
        for (source, gender), angles in heard.items()
    ]
    return measure_spoken(spoken, [at([10, 10]), at([80, 80])], fit_gender(UNHEARD))


def test_a_decoder_that_ignores_the_voice_is_right_in_no_crossed_recording() -> None:
    deaf = speak_all(
        {(FEMALE, FEMALE): [10] * 3, (FEMALE, MALE): [10] * 2, (MALE, FEMALE): [80] * 3, (MALE, MALE): [80] * 2}
    )
    assert deaf["count"] == 5
    assert (deaf["gender_accuracy"], deaf["gender_accuracy_crossed"]) == (0.5, 0)
    assert deaf["pairwise_cosine"] == pytest.approx(1)
    obeying = speak_all(
        {(FEMALE, FEMALE): [10, 20, 30], (FEMALE, MALE): [80, 10], (MALE, FEMALE): [10, 20, 30], (MALE, MALE): [80, 90]}
    )
    assert (obeying["gender_accuracy"], obeying["gender_accuracy_crossed"]) == (0.9, 0.8)
    assert (obeying["f0_women_hz"], obeying["f0_men_hz"], obeying["f0_men_hz_undefined"]) == (210, 100, 2)


def test_who_is_spoken_is_not_learnt_from() -> None:
    left = without(UNHEARD, ["f3", "m4"])
    assert left.speaker_N.tolist() == ["f4", "m3"]
    np.testing.assert_array_equal(left.embedding_NE, at([25, 60]))
    assert left.gender_N.tolist() == [FEMALE, MALE]
    with pytest.raises(UserError, match=r"beside f3, f4, .* of gender `f`"):
        without(UNHEARD, ["f3", "f4"])


def test_what_no_pair_defines_is_left_out() -> None:
    alone = Spoken(MALE, MALE, at([90]), at([80]), [100.0])
    assert not {"pairwise_cosine", "pairwise_cosine_same"} & set(
        measure_spoken([alone], [at([80])], fit_gender(UNHEARD))
    )


def test_f0_moves_by_semitones_over_voiced_frames() -> None:
    f0_F = np.array([0, 100, 200, 0, 100, 200], np.float32)
    assert f0_deviation(f0_F) == pytest.approx(6.0)
    assert f0_deviation(np.array([0, 100], np.float32)) is None
    assert median_or_none(f0_F) == 150
    assert median_or_none(np.zeros(3, np.float32)) is None
