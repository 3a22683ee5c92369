"""Claims of drawn voices when they are spoken: that they differ, and that the voice makes the gender."""

import pytest
from synthetic_inputs import figures

from affekt.report.sections.claims import judge_run
from affekt.report.values import Values

DIFFER, CROSSED = "Drawn voices differ when spoken", "Spoken in a recording of the other gender"
START = "voices/decoded/"


def verdict(words: str, changes: dict[str, float], gone: str = "-") -> bool | None:
    """Whether a claim is met; None where it is not made."""
    flat = {key: value for key, value in (figures() | changes).items() if key != gone}
    found = judge_run(Values(flat, "summary.json"), [])
    of = [claim.met for claim in (*found["met"], *found["missed"]) if claim.text.startswith(words)]
    return of[0] if of else None


@pytest.mark.parametrize(("apart", "met"), [(0.8, True), (0.899, True), (0.9, False), (0.95, False)])
def test_spoken_voices_have_to_differ_more_than_clips_of_one_speaker(apart: float, met: bool) -> None:
    assert verdict(DIFFER, {f"{START}pairwise_cosine": apart, f"{START}pairwise_cosine_same": 0.9}) is met


@pytest.mark.parametrize("key", ["pairwise_cosine", "pairwise_cosine_same"])
def test_voices_too_few_to_compare_do_not_differ(key: str) -> None:
    assert verdict(DIFFER, {}, f"{START}{key}") is False


@pytest.mark.parametrize(("share", "met"), [(0.96, True), (0.95, True), (0.94, False)])
def test_in_recordings_of_the_other_gender_the_voice_has_to_be_heard(share: float, met: bool) -> None:
    assert verdict(CROSSED, {f"{START}gender_accuracy_crossed": share, f"{START}gender_accuracy": 0.99}) is met


def test_without_recordings_of_the_other_gender_nothing_is_claimed_of_them() -> None:
    assert verdict(CROSSED, {}, f"{START}gender_accuracy_crossed") is None
