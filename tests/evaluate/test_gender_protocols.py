"""Gender on folds of readers: no threshold hears the fold it is asked about; networks are compared with theirs."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from affekt.core.files import save_array
from affekt.evaluate import gender_protocols
from affekt.evaluate.gender import FEMALE, MALE, compare_speakers, fit_threshold, predict_by_f0, score_gender
from affekt.evaluate.gender_protocols import measure_gender, predict_on_folds
from affekt.features.packed import Packed

READERS, ACTED = 24, 96
FOLDS = np.tile([0, 1, 2], READERS // 3)


class Corpus:
    """As much of a packed corpus as gender needs: a table of clips with one f0 each."""

    def __init__(self, f0_hz: np.ndarray, gender: np.ndarray, fold: np.ndarray) -> None:
        self.f0 = f0_hz
        self.speaker = np.stack([np.log(f0_hz), np.ones(len(f0_hz))], 1)
        names = np.where(gender == MALE, "m", "f")
        self.clips = pd.DataFrame({"gender": names, "fold": fold, "speaker": [f"s{i}" for i in range(len(f0_hz))]})

    def __len__(self) -> int:
        return len(self.f0)

    def span(self, index: int) -> slice:
        return slice(index, index + 1)


@pytest.fixture
def corpora() -> tuple[Packed, Packed]:
    """Readers, and actors who speak half an octave higher."""
    rng = np.random.default_rng(0)
    found = []
    for count, rise, fold in ((READERS, 1.0, FOLDS), (ACTED, 1.4, np.zeros(ACTED, dtype=int))):
        gender = np.tile([FEMALE, MALE], count // 2)
        f0 = rise * np.where(gender == MALE, 120, 200) * np.exp(rng.normal(0, 0.15, count))
        found.append(Corpus(f0, gender, fold))
    return tuple(found)  # type: ignore[return-value]


def write_network(folder: Path, read: Packed, right: np.ndarray) -> Path:
    """Predictions that are right on some of the readers' clips, and on all clips across corpora."""
    truth = (read.clips["gender"] == "m").to_numpy().astype(int)
    heard = np.log(0.1 + 0.8 * np.eye(2)[np.where(right, truth, 1 - truth)])
    for name in ("read", "joint", "acted_to_read"):
        save_array(folder / f"{name}.npy", heard)
    save_array(folder / "read_to_acted.npy", np.log(0.1 + 0.8 * np.eye(2)[np.tile([FEMALE, MALE], ACTED // 2)]))
    return folder


def both(corpora: tuple[Packed, Packed]) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    read, acted = corpora
    truth = {"read": np.tile([FEMALE, MALE], READERS // 2), "acted": np.tile([FEMALE, MALE], ACTED // 2)}
    return {"read": read.f0, "acted": acted.f0}, truth


def test_a_threshold_is_fitted_without_the_fold_it_is_asked_about(corpora: tuple[Packed, Packed]) -> None:
    pitch, truth = both(corpora)
    for joint in (False, True):
        named = predict_on_folds(pitch, truth, FOLDS, joint=joint)
        for fold in range(3):
            inside = fold == FOLDS
            # As many readers' clips as actors': 16 of the other folds, six times, beside 96.
            repeated = np.tile(np.flatnonzero(~inside), 6 if joint else 1)
            f0, gender = pitch["read"][repeated], truth["read"][repeated]
            if joint:
                f0, gender = np.append(f0, pitch["acted"]), np.append(gender, truth["acted"])
            expected = predict_by_f0(pitch["read"][inside], fit_threshold(f0, gender))
            np.testing.assert_array_equal(named[inside], expected)


def test_networks_stand_beside_the_threshold_of_their_training(corpora: tuple[Packed, Packed], tmp_path: Path) -> None:
    read, acted = corpora
    right = np.arange(READERS) > 0
    rows = measure_gender({"net": write_network(tmp_path, read, right)}, read, acted)
    pitch, truth = both(corpora)
    for joint, ending in ((False, ""), (True, "_joint")):
        named = predict_on_folds(pitch, truth, FOLDS, joint=joint)
        speakers = read.clips["speaker"].to_numpy()
        for key, value in score_gender(named, truth["read"], speakers).items():
            assert rows[f"gender/f0_threshold{ending}/{key}"] == value
        for key, value in compare_speakers(right, named == truth["read"], speakers).items():
            assert rows[f"gender/net{ending}/{key}"] == value
        assert rows[f"gender/net{ending}/accuracy"] == pytest.approx(23 / 24)
        assert f"gender/f0_threshold{ending}/p_value" not in rows
    assert rows["gender/net/read_to_acted"] == 1
    assert rows["gender/f0_threshold/hz"] == fit_threshold(pitch["read"], truth["read"])
    assert "gender/f0_threshold_joint/read_to_acted" not in rows


def test_two_networks_are_heard_together(corpora: tuple[Packed, Packed], tmp_path: Path) -> None:
    read, acted = corpora
    sure, unsure = np.arange(READERS) >= 0, np.arange(READERS) != 3
    folders = {
        "sure": write_network(tmp_path / "sure", read, sure),
        "unsure": write_network(tmp_path / "un", read, unsure),
    }
    heard = np.load(folders["sure"] / "read.npy")
    save_array(folders["sure"] / "read.npy", 2 * heard)  # twice as sure: it prevails where they differ
    rows = measure_gender(folders, read, acted)
    assert rows["gender/unsure/accuracy"] < 1
    assert rows["gender/gender_both/accuracy"] == 1
    assert rows["gender/gender_both/read_to_acted"] == 1
    assert 0.5 < rows["gender/speaker_embedding/accuracy"] <= 1


def test_an_embedding_is_judged_on_folds_that_its_regression_has_not_seen() -> None:
    gender = np.tile([FEMALE, MALE], 12)
    outlier = np.eye(24)  # each clip is like no other: what was not fitted can only be guessed
    assert (gender_protocols.predict_by_embedding(outlier, gender, FOLDS) == gender).mean() < 0.8
    told = np.stack([gender, 1 - gender], 1) + np.random.default_rng(0).normal(0, 0.1, (24, 2))
    assert (gender_protocols.predict_by_embedding(told, gender, FOLDS) == gender).all()


def test_folds_that_were_not_run_count_for_no_model(corpora: tuple[Packed, Packed], tmp_path: Path) -> None:
    read, acted = corpora
    folder = write_network(tmp_path, read, np.full(READERS, True))
    for protocol in gender_protocols.PROTOCOLS:
        heard = np.load(folder / f"{protocol}.npy")
        heard[FOLDS == 2] = np.nan
        save_array(folder / f"{protocol}.npy", heard)
    rows = measure_gender({"net": folder}, read, acted)
    assert {rows[f"gender/{model}/clips"] for model in ("net", "net_joint", "f0_threshold", "f0_threshold_joint")} == {
        16
    }


def test_actors_of_one_gender_teach_none(corpora: tuple[Packed, Packed], tmp_path: Path) -> None:
    read, acted = corpora
    acted.clips["gender"] = "f"
    rows = measure_gender({"net": write_network(tmp_path, read, np.full(READERS, True))}, read, acted)
    assert {"gender/net/read_to_acted", "gender/f0_threshold_joint/accuracy"} <= rows.keys()
    assert not any(key.endswith("acted_to_read") for key in rows)
