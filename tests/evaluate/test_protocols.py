"""The prototypes' class sets and the marginals of emotion and gender, by hand and by laws of probability."""

import numpy as np
import pytest

from affekt.corpora.table import EMOTIONS
from affekt.evaluate.ensemble import normalise
from affekt.evaluate.protocols import FIVE, FOUR, LEFT_OUT, PROTOCOLS, Protocol, marginals

EVERY = np.arange(len(EMOTIONS))


def test_the_sets_are_those_of_the_prototypes() -> None:
    assert FOUR.names == ("neutral", "happy", "sad", "angry")
    assert FIVE.names == ("angry", "neutral", "fearful", "happy", "sad")
    assert (FOUR.chance, FIVE.chance) == (0.25, 0.2)
    # neutral calm happy sad angry fearful disgust surprised
    assert FOUR.labels(EVERY).tolist() == [0, 0, 1, 2, 3, LEFT_OUT, LEFT_OUT, LEFT_OUT]
    assert FIVE.labels(EVERY).tolist() == [1, 1, 3, 4, 0, 2, LEFT_OUT, LEFT_OUT]


def test_a_posterior_by_hand() -> None:
    log_p = np.log([[0.1, 0.2, 0.05, 0.1, 0.05, 0.3, 0.1, 0.1]])
    np.testing.assert_allclose(np.exp(FOUR.posterior(log_p)), [[0.6, 0.1, 0.2, 0.1]])
    np.testing.assert_allclose(np.exp(FIVE.posterior(log_p)), [[0.0625, 0.375, 0.375, 0.0625, 0.125]])


@pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda p: p.name)
def test_posteriors_sum_to_one_and_keep_odds(protocol: Protocol) -> None:
    log_p = normalise(np.random.default_rng(0).normal(0, 3, (3, 20, 8)))
    found = protocol.posterior(log_p)
    assert found.shape == (3, 20, len(protocol.names))
    np.testing.assert_allclose(np.exp(found).sum(-1), 1)
    happy, sad = (protocol.names.index(name) for name in ("happy", "sad"))
    np.testing.assert_allclose(
        found[..., happy] - found[..., sad],
        log_p[..., EMOTIONS.index("happy")] - log_p[..., EMOTIONS.index("sad")],
    )


def test_a_right_emotion_stays_right_in_a_set() -> None:
    log_p = normalise(10.0 * np.eye(8))
    for protocol in PROTOCOLS:
        labels = protocol.labels(EVERY)
        asked = labels != LEFT_OUT
        np.testing.assert_array_equal(protocol.posterior(log_p)[asked].argmax(-1), labels[asked])


def test_marginals_of_emotion_and_gender_by_hand() -> None:
    joint = np.zeros(16)
    joint[[2 * 4, 2 * 4 + 1, 2 * 2 + 1]] = 0.5, 0.2, 0.3  # angry woman, angry man, happy man
    with np.errstate(divide="ignore"):
        emotion, gender = marginals(np.log(joint))
    np.testing.assert_allclose(np.exp(emotion), [0, 0, 0.3, 0, 0.7, 0, 0, 0])
    np.testing.assert_allclose(np.exp(gender), [0.5, 0.5])


def test_marginals_keep_leading_axes_and_sum_to_one() -> None:
    emotion, gender = marginals(normalise(np.random.default_rng(0).normal(size=(3, 9, 16))))
    assert (emotion.shape, gender.shape) == ((3, 9, 8), (3, 9, 2))
    np.testing.assert_allclose(np.exp(emotion).sum(-1), 1)
    np.testing.assert_allclose(np.exp(gender).sum(-1), 1)


def test_a_wrong_number_of_classes_is_named() -> None:
    with pytest.raises(ValueError, match="need 8 emotions"):
        FOUR.posterior(np.zeros((3, 16)))
    with pytest.raises(ValueError, match="need 16 joint classes"):
        marginals(np.zeros((3, 8)))
