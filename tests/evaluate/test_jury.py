"""Each clip is judged by the juror of its speaker's fold, as it would be alone."""

from pathlib import Path

import numpy as np
import pytest
import torch
from toy_corpus import load_corpus

from affekt.core.errors import UserError
from affekt.core.files import write_json
from affekt.evaluate.jury import BATCH, Jury, batches, judge_real, unweighted_accuracy
from affekt.models.io import load_model, save_model
from affekt.models.judge import RecurrentRecogniser

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("jury")
    torch.manual_seed(0)
    for fold in (2, 3):
        save_model(root / f"fold{fold}", RecurrentRecogniser(channels=4), {"channels": 4}, {})
    write_json(root / "jury.json", {"folds": {"2": ["toy-04", "toy-05"], "3": ["toy-06", "toy-07"]}})
    return root


def mels_of(*frames: int) -> list[torch.Tensor]:
    rng = torch.Generator().manual_seed(1)
    return [torch.randn(80, n, generator=rng) - 5 for n in frames]


def test_the_juror_of_its_fold_judges_a_clip(folder: Path) -> None:
    mels, folds = mels_of(60, 151, 90, 44), [3, 2, 2, 3]
    heard_NE = Jury.load(folder, CPU).hear(mels, folds)
    assert heard_NE.shape == (4, 8)
    for mel_MF, fold, belief_E in zip(mels, folds, heard_NE, strict=True):
        for other in (2, 3):
            with torch.no_grad():
                alone_E = load_model(folder / f"fold{other}", RecurrentRecogniser, CPU)(mel_MF[None]).softmax(1)[0]
            assert np.allclose(alone_E.numpy(), belief_E, atol=1e-4) == (other == fold)


def test_a_fold_that_no_juror_judges_is_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no juror judges fold 0, only \[2, 3\]"):
        Jury.load(folder, CPU).hear(mels_of(60, 60), [2, 0])
    with pytest.raises(UserError, match="there is no jury"):
        Jury.load(tmp_path, CPU)


def test_where_there_is_no_juror_the_reason_is_kept(tmp_path: Path) -> None:
    write_json(tmp_path / "jury.json", {"folds": {}, "reason": "Half b has one fold."})
    empty = Jury.load(tmp_path, CPU)
    assert (empty.jurors, empty.speakers, empty.reason) == ({}, {}, "Half b has one fold.")


def test_every_clip_is_in_one_batch_beside_similar_ones() -> None:
    mels = mels_of(*range(90, 50, -1))
    found = batches(range(len(mels)), mels)
    assert sorted(i for rows in found for i in rows) == list(range(40))
    assert max(map(len, found)) == BATCH
    assert found[0] == list(range(39, 39 - BATCH, -1)), "the shortest first"


def test_unweighted_accuracy_is_the_mean_of_recalls() -> None:
    belief_NE = np.eye(3)[[0, 0, 0, 0, 1, 0]]
    assert unweighted_accuracy(belief_NE, np.array([0, 0, 0, 0, 1, 1])) == pytest.approx((1 + 0.5) / 2)


def test_real_clips_of_the_judged_speakers_alone_are_asked_about(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = load_corpus(tmp_path, speakers=8, emotions=4)
    seen: list[int] = []

    def hear(self: Jury, mels: list[torch.Tensor], folds: list[int]) -> np.ndarray:
        seen.extend(folds)
        return np.eye(8)[np.tile(np.arange(4), 4)]

    monkeypatch.setattr(Jury, "hear", hear)
    assert judge_real(Jury.load(folder, CPU), packed) == 1.0
    assert seen == [2] * 8 + [3] * 8
