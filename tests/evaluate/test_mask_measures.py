"""What is counted of masked clips, and which emotion each is wished."""

from collections import Counter

import numpy as np
import pytest
import torch

from affekt.core.errors import UserError
from affekt.evaluate.clips import wish_emotions
from affekt.evaluate.mask import Heard, compare, compare_emotions, hear
from affekt.models.content import ContentNetwork
from affekt.models.judge import RecurrentRecogniser
from affekt.models.mel_networks import MelCNN


def heard(judge: list[int], own: list[int], statement: list[int]) -> Heard:
    return Heard(np.eye(4)[own], np.eye(4)[judge], np.array(statement))


def test_wishes_are_spread_evenly_and_never_the_own_emotion() -> None:
    emotions = ["neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised"]
    own = [emotions[i % 8] for i in range(50)]
    wished = wish_emotions(own)
    assert all(a != b for a, b in zip(own, wished, strict=True))
    counts = Counter(wished).values()
    assert max(counts) - min(counts) <= 1
    assert len(set(zip(own, wished, strict=True))) >= 40, "not the same wish for an emotion each time"
    assert wish_emotions(own) == wished
    assert set(wish_emotions(["sad", "angry", "sad"])) == {"sad", "angry"}


def test_one_emotion_alone_leaves_nothing_to_wish_for() -> None:
    with pytest.raises(UserError, match=r"one emotion alone \(sad\)"):
        wish_emotions(["sad", "sad"])


def test_rates_and_p_of_known_decisions() -> None:
    labels = np.array([0, 1, 2, 3, 0, 1, 2, 3])
    before = heard([1, 1, 1, 1, 1, 0, 1, 1], [1] * 8, [0] * 8)
    after = heard([0, 1, 2, 3, 0, 1, 2, 0], labels.tolist(), [0, 0, 0, 0, 0, 0, 1, 1])
    rates = compare(before, after, labels, np.zeros(8, int))
    assert rates["judge_before"] == 1 / 8
    assert rates["judge_after"] == 7 / 8
    assert (rates["own_before"], rates["own_after"]) == (2 / 8, 1.0)
    assert (rates["statement_before"], rates["statement_after"]) == (1.0, 6 / 8)
    assert rates["p_value"] == pytest.approx(2 / 2**6), "six rose, none fell"
    rows = compare_emotions(before, after, labels, ["a", "b", "c", "d"])
    assert rows["b"] == {"clips": 2.0, "judge_before": 0.5, "judge_after": 1.0}
    assert rows["d"]["judge_after"] == 0.5


def test_clips_of_any_length_are_heard_as_alone() -> None:
    torch.manual_seed(0)
    networks = {
        "recogniser": MelCNN(channels=4, layers=1, classes=8).eval(),
        "judge": RecurrentRecogniser(channels=4).eval(),
        "content": ContentNetwork(statements=2, segments=3, channels=4).eval(),
    }
    mels = [torch.randn(80, frames) - 5 for frames in (60, 151, 90)]
    together = hear(networks, mels, torch.device("cpu"))
    for i, mel_MF in enumerate(mels):
        alone = hear(networks, [mel_MF], torch.device("cpu"))
        assert np.allclose(together.own[i], alone.own[0], atol=1e-4)
        assert np.allclose(together.judge[i], alone.judge[0], atol=1e-4)
        assert together.statement[i] == alone.statement[0]
