"""Cross-validation: finished folds stay, the number of workers has no say, and no speaker is on both sides."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from toy_corpus import make_corpus

from affekt.core.errors import UserError
from affekt.core.files import read_json
from affekt.core.params import TrainingParams
from affekt.core.progress import quiet
from affekt.evaluate import folds as subject
from affekt.evaluate.folds import (
    Fold,
    Source,
    Stopwatch,
    Tested,
    assemble,
    check_disjoint,
    cross_validate,
    is_done,
    load_all,
    log_histories,
    placed,
    random_folds,
    run_fold,
    run_folds,
    seconds_of,
    seeds_of,
    trained_model,
)
from affekt.models.inference import predict
from affekt.models.registry import NETWORKS, load_recogniser
from affekt.training.fit import Job, hear

TRAINING = TrainingParams(
    batch=4, lr=0.003, schedule="one_cycle", weight_decay=0.0, dropout=0.1, norm=True, residual=True, crop_frames=32,
    label_smoothing=0.0, mixup=0.2, masks=True, speed=0.1, pitch=1.0, noise=0.3, bf16=False,
)  # fmt: skip
CLIPS, CLASSES = 16, 8
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Source:
    """Eight speakers in four folds, two clips each."""
    return Source(*make_corpus(tmp_path_factory.mktemp("corpus"), speakers=8, emotions=2, folds=4))


def plan(source: Source) -> list[Fold]:
    """Three of four folds of speakers."""
    of_clip = source.load().clips["fold"].to_numpy()
    return [
        Fold(
            job=Job(
                NETWORKS["mel_cnn"], {"channels": 4, "layers": 1}, TRAINING, 2, np.flatnonzero(of_clip != fold), fold
            ),
            sources=(source,),
            test=np.flatnonzero(of_clip == fold),
            tested_on=source,
            name=f"fold{fold + 1}",
        )
        for fold in range(3)
    ]


def in_folder(folds: list[Fold], folder: Path) -> list[Fold]:
    names: dict[str, Path] = {}
    return placed(folds, "cpu", lambda identity: names.setdefault(identity, folder / str(len(names))))


@pytest.fixture(scope="module")
def done(source: Source, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Fold], list[Tested]]:
    """A finished cross-validation, two folds at a time."""
    folds = in_folder(plan(source), tmp_path_factory.mktemp("kept"))
    return folds, cross_validate(folds, 2)


def files_of(folds: list[Fold]) -> dict[Path, tuple[int, bytes]]:
    """Time and content of all that the folds have written."""
    paths = [path for fold in folds for path in sorted(fold.work.rglob("*")) if path.is_file()]
    return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in paths}


def test_each_fold_leaves_log_probabilities_and_a_model(done: tuple[list[Fold], list[Tested]]) -> None:
    for fold, tested in zip(*done, strict=True):
        assert tested.log_probability_BE.shape == (4, CLASSES)
        np.testing.assert_allclose(np.exp(tested.log_probability_BE).sum(1), 1, rtol=1e-5)
        assert tested.history["step"][-1] == 2 * 3 - 1
        model = load_recogniser(trained_model(fold), CPU)
        logits = predict(model, hear(fold.tested_on.load(), fold.test, fold.job.spec, CPU))
        np.testing.assert_allclose(logits.log_softmax(1).numpy(), tested.log_probability_BE, rtol=0, atol=1e-5)
        assert not (fold.work / "checkpoint.safetensors").exists()
    assert seconds_of(done[0], 2) > 0


def test_histories_are_logged_over_steps_by_the_name_of_the_fold(done: tuple[list[Fold], list[Tested]]) -> None:
    seen: list[tuple[dict[str, float], int]] = []
    log_histories(*done, lambda scalars, step: seen.append((scalars, step)))
    steps = [int(step) for step in done[1][0].history["step"]]
    assert [step for _, step in seen] == 3 * steps
    last, _ = seen[-1]
    assert last["fold3/recognise/loss"] == done[1][2].history["recognise/loss"][-1]
    assert set(last) == {"fold3/recognise/loss", "fold3/recognise/train_accuracy"}


class FakeStage:
    """As much of a stage as trainings need."""

    def __init__(self, work: Path) -> None:
        self.work, self.logged, self.figures = work, [], {}

    def params(self, section: type) -> SimpleNamespace:
        return SimpleNamespace(workers=1, device="cpu")

    def kept(self, identity: str) -> Path:
        return self.work / str(abs(hash(identity)))

    progress = staticmethod(quiet)

    def log(self, scalars: dict[str, float], step: int) -> None:
        self.logged.append(step)

    def metrics(self, figures: dict[str, float]) -> None:
        self.figures |= figures


def test_a_speaker_on_both_sides_is_refused_unless_that_is_measured(source: Source, tmp_path: Path) -> None:
    (fold, *_) = plan(source)
    stage: Any = FakeStage(tmp_path)
    leaky = replace(fold, job=replace(fold.job, epochs=1, rows=np.append(fold.job.rows, fold.test[0])))
    with pytest.raises(AssertionError, match="are trained on and tested"):
        run_folds(stage, [leaky])
    assert not any(tmp_path.iterdir())
    (placed_fold,), (tested,) = run_folds(stage, [leaky], leaky=True)
    assert len(tested.log_probability_BE) == len(fold.test)
    assert placed_fold.work.parent == tmp_path
    assert stage.logged
    assert stage.figures["training_seconds"] > 0


def test_two_trainings_that_are_one_are_refused(source: Source, tmp_path: Path) -> None:
    fold = plan(source)[0]
    with pytest.raises(AssertionError, match="the same training"):
        placed([fold, replace(fold, name="another")], "cpu", lambda identity: tmp_path / str(abs(hash(identity))))


def test_torchrun_is_refused(source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    folds = in_folder(plan(source), tmp_path)
    with pytest.raises(UserError, match=r"by `benchmark.workers` of params.yaml: start it without torchrun"):
        cross_validate(folds, 1)
    assert not any(fold.work.exists() for fold in folds)


def test_seconds_are_those_of_all_attempts_and_an_error_names_the_fold(
    source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fold = in_folder(plan(source), tmp_path)[1]
    times = iter([0.0, 100.0, 200.0, 205.0])
    monkeypatch.setattr(subject, "time", SimpleNamespace(monotonic=lambda: next(times)))

    def diverge(*_: object) -> None:
        raise UserError("the training diverged")

    monkeypatch.setattr(subject, "fit", diverge)
    for seconds in (100, 105):
        with pytest.raises(UserError, match=r"^fold2: the training diverged$"):
            run_fold(fold)
        assert seconds_of([fold], 2) == seconds


def test_seconds_are_noted_now_and_then_while_a_fold_trains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([0.0, 10.0, 61.0, 61.0, 80.0])
    monkeypatch.setattr(subject, "time", SimpleNamespace(monotonic=lambda: next(times)))
    watch = Stopwatch(tmp_path / "seconds.json")
    watch.note({}, 10)
    assert not watch.path.exists()
    watch.note({}, 20)
    watch.note({}, 30)
    assert read_json(watch.path) == 61


def test_a_second_time_does_nothing(done: tuple[list[Fold], list[Tested]], monkeypatch: pytest.MonkeyPatch) -> None:
    folds, tested = done
    before = files_of(folds)
    monkeypatch.setattr(subject, "run_parallel", lambda function, tasks, *_: tasks and pytest.fail("is done again"))
    again = cross_validate(folds, 2)
    assert files_of(folds) == before
    for one, other in zip(again, tested, strict=True):
        np.testing.assert_array_equal(one.log_probability_BE, other.log_probability_BE)
        assert one.history == other.history


def test_only_what_is_missing_is_done_and_bits_are_those_of_a_lone_process(
    done: tuple[list[Fold], list[Tested]], source: Source, tmp_path: Path
) -> None:
    folds = in_folder(plan(source), tmp_path)
    run_fold(folds[1])  # here, not in a worker
    before = files_of(folds[1:2])
    assert [is_done(fold) for fold in folds] == [False, True, False]
    tested = cross_validate(folds, 1)
    assert files_of(folds[1:2]) == before
    for one, other in zip(tested, done[1], strict=True):
        np.testing.assert_array_equal(one.log_probability_BE, other.log_probability_BE)
        assert one.history == other.history
    for mine, theirs in zip(folds, done[0], strict=True):
        weights = "model/weights.safetensors"
        assert (mine.work / weights).read_bytes() == (theirs.work / weights).read_bytes()


def test_a_fold_that_fails_keeps_those_that_are_done(source: Source, tmp_path: Path) -> None:
    folds = in_folder(plan(source), tmp_path)
    broken = replace(folds[1], tested_on=Source(tmp_path / "nowhere", tmp_path / "nowhere"))
    with pytest.raises(Exception, match="nowhere"):
        cross_validate([folds[0], broken, folds[2]], 1)
    assert is_done(folds[0])
    assert not is_done(broken)


def variants(fold: Fold, elsewhere: Source) -> Iterator[tuple[str, Fold]]:
    """The fold with one of its inputs changed."""
    job = fold.job
    yield "network", replace(fold, job=replace(job, spec=NETWORKS["mel_lstm"]))
    yield "labels", replace(fold, job=replace(job, spec=replace(job.spec, labels="gender")))
    yield "channels", replace(fold, job=replace(job, config={"channels": 5, "layers": 1}))
    yield "layers", replace(fold, job=replace(job, config={"channels": 4, "layers": 2}))
    yield "epochs", replace(fold, job=replace(job, epochs=3))
    yield "seed", replace(fold, job=replace(job, seed=job.seed + 1))
    yield "rows", replace(fold, job=replace(job, rows=job.rows[1:]))
    yield "order", replace(fold, job=replace(job, rows=job.rows[::-1]))
    yield "test", replace(fold, test=fold.test[1:])
    yield "sources", replace(fold, sources=(elsewhere,))
    yield "two sources", replace(fold, sources=(*fold.sources, elsewhere))
    yield "tested_on", replace(fold, tested_on=elsewhere)
    changed: dict[str, object] = {"batch": 5, "schedule": "cosine", "norm": False, "residual": False, "masks": False}
    changed |= {"crop_frames": 33, "bf16": True}
    for name, value in TRAINING.model_dump().items():
        update = {name: changed.get(name, value + 0.01 if isinstance(value, float) else value)}
        yield name, replace(fold, job=replace(job, training=TRAINING.model_copy(update=update)))


def test_an_identity_differs_when_any_input_differs_and_not_by_place_or_name(
    source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    fold = plan(source)[0]
    elsewhere = Source(tmp_path / "reading_prepared", tmp_path / "reading_features")
    found = {name: variant.identity() for name, variant in variants(fold, elsewhere)}
    assert len(set(found.values()) | {fold.identity()}) == len(found) + 1, "two of them would share a folder"
    assert replace(fold, work=tmp_path, name="another").identity() == fold.identity()
    assert str(source.prepared.parent) not in fold.identity(), "a path is of this machine"
    on_gpu = replace(fold, device="auto")
    assert fold.identity() == on_gpu.identity(), "no GPU is seen here"
    monkeypatch.setattr(subject, "choose", lambda device: torch.device("cpu" if device == "cpu" else "cuda:1"))
    assert fold.identity() != on_gpu.identity()
    gender = {name: replace(fold, job=replace(fold.job, spec=NETWORKS[name])).identity() for name in NETWORKS}
    assert len(set(gender.values())) == len(NETWORKS)


def test_assembled_rows_are_where_they_belong(source: Source) -> None:
    folds = plan(source)
    tested = [Tested(np.full((4, 2), float(number), np.float32), {}) for number in range(3)]
    filled = assemble(folds, tested, CLIPS, 2)
    assert filled.dtype == np.float32
    for number, fold in enumerate(folds):
        assert (filled[fold.test] == number).all()
    assert np.isnan(filled[12:]).all(), "of the fold that nothing tests"
    with pytest.raises(AssertionError, match="a clip is tested twice"):
        assemble([folds[0], folds[0]], tested[:2], CLIPS, 2)


@pytest.mark.parametrize("seed", range(3))
def test_random_folds_have_the_sizes_and_deal_every_label_evenly(seed: int) -> None:
    rng = np.random.default_rng(9)
    labels, folds = rng.integers(0, 5, 200), np.repeat(np.arange(4), (80, 60, 40, 20))
    dealt = random_folds(labels, folds, np.random.default_rng(seed))
    assert np.bincount(dealt).tolist() == [80, 60, 40, 20]
    for label in range(5):
        np.testing.assert_array_equal(np.bincount(dealt[labels == label]), np.bincount(folds[labels == label]))
    assert (dealt != folds).mean() > 0.5
    np.testing.assert_array_equal(random_folds(labels, folds, np.random.default_rng(seed)), dealt)
    assert (random_folds(labels, folds, np.random.default_rng(seed + 1)) != dealt).any()


def test_random_folds_put_speakers_on_both_sides(source: Source) -> None:
    clips = source.load().clips
    folds = clips["fold"].to_numpy()
    dealt = random_folds((clips["emotion"] == "calm").to_numpy().astype(int), folds, np.random.default_rng(0))
    speakers = clips["speaker"].to_numpy()
    shared = [set(speakers[dealt == fold]) & set(speakers[dealt != fold]) for fold in range(4)]
    assert all(shared)


def test_a_speaker_on_both_sides_is_refused_by_name(source: Source) -> None:
    folds = plan(source)
    check_disjoint(folds)
    leaky = replace(folds[1], test=np.array([0, 4]))
    with pytest.raises(AssertionError, match=r"fold2: speakers \['toy-00'\] are trained on and tested"):
        check_disjoint([folds[0], leaky])


def test_rows_of_two_sources_lie_one_after_another(source: Source, tmp_path: Path) -> None:
    other = Source(*make_corpus(tmp_path, speakers=2, emotions=3, folds=2))
    both = load_all([source, other])
    assert len(both) == CLIPS + 6
    first, second = source.load(), other.load()
    for row, packed, place in ((0, first, 0), (15, first, 15), (16, second, 0), (21, second, 5)):
        np.testing.assert_array_equal(both.waveform(row), packed.waveform(place))
        np.testing.assert_array_equal(both.clip_mel(row).numpy(), packed.clip_mel(place).numpy())


def test_seeds_count_from_one() -> None:
    assert list(seeds_of(3)) == [1, 2, 3]
