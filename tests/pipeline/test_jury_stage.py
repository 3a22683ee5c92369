"""Each juror learns from the other folds of half b alone; what is finished when a run ends stays."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from fake_stage import FakeStage
from toy_corpus import make_corpus

from affekt.core.files import load_table, read_json
from affekt.core.params import Params, TrainingParams, read_yaml
from affekt.core.params_converting import JuryParams
from affekt.evaluate.jury import Jury
from pipeline import jury

ROOT = Path(__file__).resolve().parents[2]


def make_stage(deps: Path, root: Path) -> FakeStage:
    values = read_yaml(ROOT / "params.yaml")["training"] | {"crop_frames": 32, "batch": 8}
    training = Params.model_fields["training"].annotation
    assert training is TrainingParams
    return FakeStage(
        deps, root, {JuryParams: JuryParams(channels=4, epochs=1), TrainingParams: TrainingParams(**values)}
    )


@pytest.fixture(scope="module")
def deps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Speakers 4 to 7 in half b, in the folds 2 and 3."""
    root = tmp_path_factory.mktemp("corpus")
    make_corpus(root, speakers=8, emotions=4)
    return root


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the stage has trained."""
    seen: list[Any] = []

    def fit(job: Any, *args: Any) -> Any:
        seen.append(job)
        return original(job, *args)

    original = jury.fit
    monkeypatch.setattr(jury, "fit", fit)
    return seen


def test_no_juror_has_heard_whom_it_judges(deps: Path, tmp_path: Path, jobs: list[Any]) -> None:
    stage = make_stage(deps, tmp_path / "run")
    jury.main(stage)  # type: ignore[arg-type]
    clips = load_table(deps / "prepared" / "clips.parquet")
    written = read_json(stage.out("jury") / "jury.json")
    assert list(written) == ["folds"]
    seats = written["folds"]
    assert sorted(name for names in seats.values() for name in names) == sorted(
        set(clips.loc[clips["half"] == "b", "speaker"])
    )
    assert list(seats) == ["2", "3"]
    for (fold, judged), job in zip(seats.items(), jobs, strict=True):
        heard = clips.iloc[job.rows]
        assert not set(heard["speaker"]) & set(judged)
        assert set(heard["half"]) == {"b"}
        assert int(fold) not in set(heard["fold"])
        assert len(heard) == 8
    loaded = Jury.load(stage.out("jury"), torch.device("cpu"))
    assert loaded.speakers == {2: ["toy-04", "toy-05"], 3: ["toy-06", "toy-07"]}
    assert loaded.reason is None


def test_a_run_that_was_ended_goes_on_with_the_fold_that_it_was_at(
    deps: Path, tmp_path: Path, jobs: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, ended = (make_stage(deps, tmp_path / name) for name in ("whole", "ended"))
    jury.main(whole)  # type: ignore[arg-type]
    jobs.clear()
    recording = jury.fit

    def end_at_second(job: Any, *args: Any) -> Any:
        if jobs:
            raise KeyboardInterrupt
        return recording(job, *args)

    with monkeypatch.context() as patch:
        patch.setattr(jury, "fit", end_at_second)
        with pytest.raises(KeyboardInterrupt):
            jury.main(ended)  # type: ignore[arg-type]
    jury.main(ended)  # type: ignore[arg-type]
    assert len(jobs) == 2, "each fold was trained once"
    assert {path.name for path in ended.work.iterdir()} == {"fold2-cpu", "fold3-cpu"}, "another device starts anew"
    assert ended.bytes_of_outs() == whole.bytes_of_outs()
    assert {name for _, step in whole.logged for name in _} >= {"fold2/recognise/loss", "fold3/recognise/loss"}


def test_a_corpus_without_a_second_fold_has_no_juror_and_says_why(
    tmp_path: Path, jobs: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    make_corpus(tmp_path, speakers=2, emotions=2)
    stage = make_stage(tmp_path, tmp_path / "run")
    with caplog.at_level("INFO"):
        jury.main(stage)  # type: ignore[arg-type]
    assert jobs == []
    reason = (
        "Half b of this corpus has one fold of speakers (toy-01), and a juror must not know whom it judges: "
        "there is no other fold that it could learn from."
    )
    assert list(stage.bytes_of_outs()) == [Path("jury/jury.json")]
    assert read_json(stage.out("jury") / "jury.json") == {"folds": {}, "reason": reason}
    assert reason in caplog.text
    loaded = Jury.load(stage.out("jury"), torch.device("cpu"))
    assert (loaded.jurors, loaded.reason) == ({}, reason)


def seats_of(corpus: str) -> dict[int, list[str]]:
    """Who is judged by whom, by the committed splits of a corpus."""
    splits = read_json(ROOT / "data" / "corpora" / corpus / "splits.json")
    rows = [
        {"speaker": speaker, "fold": fold, "half": half}
        for half, speakers in splits["halves"].items()
        for speaker in speakers
        for fold, names in enumerate(splits["folds"])
        if speaker in names
    ]
    seats = jury.assign_seats(pd.DataFrame(rows))
    assert sorted(np.concatenate(list(seats.values()))) == sorted(splits["halves"]["b"])
    return seats


@pytest.mark.parametrize("corpus", ["demo", "ravdess", "cremad"])
def test_committed_splits_leave_others_to_learn_from(corpus: str) -> None:
    seats = seats_of(corpus)
    assert len(seats) >= 2
    assert jury.explain_absence(seats) is None


def test_each_half_of_tess_is_one_speaker() -> None:
    assert "one fold of speakers (tess-YAF)" in str(jury.explain_absence(seats_of("tess")))
