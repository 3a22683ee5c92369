"""Recognition metrics are those of scikit-learn, and of counts done by hand."""

import warnings

import numpy as np
import pytest

from affekt.evaluate.recognition import confusion_matrix, rates, summarise

NAMES = [f"class{i}" for i in range(8)]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("present", [8, 5])
def test_metrics_equal_those_of_scikit_learn(seed: int, present: int) -> None:
    from sklearn import metrics

    rng = np.random.default_rng(seed)
    truth = rng.choice(present, 200, p=rng.dirichlet(np.full(present, 2.0)))
    predicted = np.where(rng.random(200) < 0.5, truth, rng.integers(0, present, 200))
    confusion = confusion_matrix(truth, predicted, 8)
    np.testing.assert_array_equal(confusion, metrics.confusion_matrix(truth, predicted, labels=range(8)))
    found = summarise(confusion, NAMES)
    labels = np.unique(truth)
    assert found["ua"] == pytest.approx(metrics.balanced_accuracy_score(truth, predicted))
    assert found["wa"] == pytest.approx(metrics.accuracy_score(truth, predicted))
    assert found["macro_f1"] == pytest.approx(metrics.f1_score(truth, predicted, labels=labels, average="macro"))
    recalls = metrics.recall_score(truth, predicted, labels=labels, average=None)
    assert {k: v for k, v in found.items() if k.startswith("recall/")} == pytest.approx(
        {f"recall/class{label}": recall for label, recall in zip(labels, recalls, strict=True)}
    )


def test_metrics_of_a_count_by_hand() -> None:
    confusion = confusion_matrix(np.array([0, 0, 0, 1]), np.array([0, 0, 1, 1]), 3)
    assert confusion.tolist() == [[2, 1, 0], [0, 1, 0], [0, 0, 0]]
    assert confusion.dtype == np.int64
    found = summarise(confusion, ["x", "y", "z"])
    expected = {"ua": 5 / 6, "wa": 3 / 4, "macro_f1": (4 / 5 + 2 / 3) / 2, "recall/x": 2 / 3, "recall/y": 1.0}
    assert found == pytest.approx(expected)


def test_a_class_that_is_only_predicted_counts_as_errors_of_the_others() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # no division by zero on the way
        found = summarise(np.array([[1, 1], [0, 0]]), ["x", "y"])
    assert found == pytest.approx({"ua": 0.5, "wa": 0.5, "macro_f1": 2 / 3, "recall/x": 0.5})


def test_no_clip_at_all_is_an_error() -> None:
    with pytest.raises(ValueError, match="there was no clip"):
        summarise(np.zeros((2, 2), dtype=np.int64), ["x", "y"])


def test_rates_of_many_matrices_are_those_of_each() -> None:
    counts = np.random.default_rng(0).integers(0, 9, (2, 3, 8, 8))
    counts[1, 2, 4] = 0  # a class without clips
    found = rates(counts)
    for s in range(2):
        for f in range(3):
            one = summarise(counts[s, f], NAMES)
            assert {key: found[key][s, f] for key in ("ua", "wa", "macro_f1")} == pytest.approx(
                {key: one[key] for key in ("ua", "wa", "macro_f1")}
            )
    assert np.isnan(found["recall"][1, 2]).tolist() == [i == 4 for i in range(8)]
