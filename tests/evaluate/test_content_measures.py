"""Measures of a content network: pairs, accuracies and their chance, and drift between clips, on oracles."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from toy_speech import load_speech, rows_of

from affekt.evaluate.content import Listened, compare_pairs, listen, measure_content, pair_clips, score_frames
from affekt.features.alignment import Aligned, find_references
from affekt.features.packed import Packed
from affekt.models.content import ContentNetwork

SEGMENTS = 4


def hear(classes: list[list[int]], answers: list[list[int]]) -> Listened:
    """Clips of two statements with these true and these likeliest classes; places rise evenly."""
    truth = [torch.tensor(row) for row in classes]
    logits = [4.0 * torch.nn.functional.one_hot(torch.tensor(row), 2 * SEGMENTS).T for row in answers]
    places = [(torch.arange(len(row)) + 0.5) / len(row) for row in classes]
    statements = np.array([row[0] // SEGMENTS for row in classes])
    return Listened([x.log_softmax(0) for x in logits], truth, places, statements)


def test_frames_are_scored_exactly_within_a_part_and_beside_the_best_constant() -> None:
    truth = [[0, 0, 1, 2, 3], [4, 5, 6, 7, 7]]
    found = score_frames(hear(truth, [[0, 1, 1, 0, 7], [3, 5, 6, 7, 7]]), SEGMENTS)
    assert found["frame_accuracy"] == pytest.approx(6 / 10)
    assert found["frame_accuracy_within_1"] == pytest.approx(7 / 10)  # 3 beside 4 is another statement
    assert found["frame_accuracy_chance"] == pytest.approx(2 / 10)
    assert found["frame_accuracy_within_1_chance"] == pytest.approx(4 / 10)  # always 1, or always 6 or 7
    perfect = score_frames(hear(truth, truth), SEGMENTS)
    assert perfect["frame_accuracy"] == perfect["known_statement/frame_accuracy"] == 1


def test_with_the_statement_told_shared_words_do_not_count_as_errors() -> None:
    truth = [[0, 1, 2, 3], [4, 5, 6, 7]]
    heard = hear(truth, [[4, 1, 2, 3], [4, 5, 6, 3]])
    # The right part of the own statement comes second.
    heard.log_posterior_NCF[0][0, 0] += 2
    heard.log_posterior_NCF[1][7, 3] += 2
    found = score_frames(heard, SEGMENTS)
    assert found["frame_accuracy"] == pytest.approx(6 / 8)
    assert found["known_statement/frame_accuracy"] == 1
    assert found["known_statement/frame_accuracy_chance"] == pytest.approx(1 / 4)


def test_pairs_are_of_one_speaker_and_start_with_a_neutral_clip() -> None:
    speaker = ["x"] * 5 + ["y"] * 2 + ["z"]
    emotion = ["neutral", "neutral", "sad", "neutral", "sad", "sad", "neutral", "sad"]
    statement = np.array([0, 0, 0, 1, 1, 0, 1, 0])
    assert pair_clips(speaker, emotion, statement) == {
        "same_emotion": [(0, 1)],
        "other_emotion": [(0, 2), (3, 4)],
        "other_statement": [(0, 3), (3, 0), (3, 1)],
    }
    assert pair_clips(["x", "x"], ["neutral", "sad"], np.array([0, 0])) == {"other_emotion": [(0, 1)]}


def test_clips_of_any_tempo_are_compared_place_by_place() -> None:
    fast, slow = [0, 1, 2, 3], [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]
    heard = hear([fast, slow, [4, 5, 6, 7]], [fast, slow, [4, 5, 6, 7]])
    found = compare_pairs(heard, {"other_emotion": [(0, 1), (1, 0)], "other_statement": [(0, 2)]}, SEGMENTS)
    assert found["drift/other_emotion"] == pytest.approx(0, abs=1e-6)
    assert found["agreement/other_emotion"] == 1
    # Two posteriors that swap two classes: their logits differ by 4.
    share = (torch.tensor(4.0).exp() - 1) / (torch.tensor(4.0).exp() + 7)
    assert found["drift/other_statement"] == pytest.approx(4 * float(share), rel=1e-5)
    assert found["agreement/other_statement"] == 0


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Packed:
    return load_speech(tmp_path_factory.mktemp("speech"), statements=2, emotions=2, repetitions=2)


class Oracle(ContentNetwork):
    """Knows the statements of clips by a mark in their highest band, and that alone."""

    def forward(self, mel_BMF: Tensor, frames_B: Tensor | None = None) -> Tensor:
        logits_BCF = torch.zeros(len(mel_BMF), self.classes, -(-mel_BMF.shape[-1] // 4))
        marked_B = mel_BMF[:, -1].amax(1) > 50
        logits_BCF[:, : self.segments] += torch.where(marked_B, 0.0, 3.0)[:, None, None]
        logits_BCF[:, self.segments :] += torch.where(marked_B, 3.0, 0.0)[:, None, None]
        return logits_BCF


def test_clips_and_windows_are_measured_on_the_rows_that_are_asked_for(packed: Packed, tmp_path: Path) -> None:
    mel = np.array(packed.mel)
    for i in np.flatnonzero(packed.clips["statement"] == "s1"):
        mel[packed.span(int(i)), -1] = 100
    marked = Packed(**{**packed.__dict__, "mel": mel})
    rows = rows_of(packed, "b")
    found = measure_content(Oracle(2, SEGMENTS, 4), marked, rows, find_references(packed, rows_of(packed, "a")))
    assert found["clips"] == len(rows)
    assert found["statement_accuracy"] == found["windows/statement_accuracy"] == 1
    assert found["statement_accuracy_chance"] == 0.5
    assert found["emotion/calm/statement_accuracy"] == 1
    assert "emotion/sad/statement_accuracy" not in found
    assert found["drift/same_emotion"] == found["drift/other_emotion"] == pytest.approx(0, abs=1e-6)
    assert found["drift/other_statement"] > 1
    assert all(
        f"{key}_chance" in found for key in found if key.endswith(("accuracy", "_within_1")) and "emo" not in key
    )


def test_clips_of_a_batch_are_heard_as_alone(packed: Packed) -> None:
    torch.manual_seed(0)
    network = ContentNetwork(2, SEGMENTS, 4).eval()
    rows = rows_of(packed, "b")
    heard = listen(network, Aligned.of(packed, rows, find_references(packed, rows), torch.device("cpu")))
    for i in (0, 5, 9):
        mel_MF = packed.clip_mel(int(rows[i]))
        with torch.no_grad():
            alone_CF = network.log_posteriors(mel_MF[None])[0]
        torch.testing.assert_close(heard.log_posterior_NCF[i], alone_CF, rtol=0, atol=1e-4)
        assert len(heard.class_NF[i]) == len(heard.place_NF[i]) == alone_CF.shape[1]
