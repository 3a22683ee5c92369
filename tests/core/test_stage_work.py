"""The work folder: it follows the declared inputs, survives a failure, and is used by one run at a time."""

import threading
from pathlib import Path

import pytest
from toy_repo import edit, make_data, make_first, make_third, tree

from affekt.core.errors import UserError
from affekt.core.stage import Stage


@pytest.mark.parametrize(
    ("change", "moves"),
    [
        (("params.yaml", "\nseed: 0 ", "\nseed: 1 "), True),
        (("params.yaml", "samples: 200              # GAN", "samples: 201              # GAN"), True),
        (("params.yaml", "segment_frames: 64", "segment_frames: 32"), False),
        (("params.yaml", "# auto | cpu | cuda", "# a comment"), False),
        (("data/demo.txt", "source", "sources"), True),
        (("data/other.txt", "not", "never"), False),
        (("dvc.yaml", "cmd: python -m pipeline.first", "cmd: python -m pipeline.first x"), True),
        (("dvc.yaml", "desc: Measure the data", "desc: Measure"), False),
    ],
)
def test_the_work_folder_follows_the_declared_inputs(change: tuple[str, str, str], moves: bool, root: Path) -> None:
    before = Stage(root, "first").work
    edit(root / change[0], *change[1:])
    after = Stage(root, "first").work
    assert (after != before) == moves
    assert before.parent == after.parent == root / "work" / "first"


def test_the_work_folder_follows_code_and_item(root: Path) -> None:
    before = Stage(root, "first").work
    (root / "pipeline" / "first.py").write_text("# changed")
    assert Stage(root, "first").work != before
    one, other = Stage(root, "third", "mel_cnn").work, Stage(root, "third", "mel_lstm").work
    assert (one.parent.name, other.parent.name) == ("third@mel_cnn", "third@mel_lstm")
    assert one.name != other.name


def test_items_run_beside_each_other(root: Path) -> None:
    def main(stage: Stage) -> None:
        Stage(root, "third", "mel_lstm").execute(make_third)
        make_third(stage)

    Stage(root, "third", "mel_cnn").execute(main)
    assert tree(root, "models") == {"mel_cnn/text", "mel_lstm/text"}


def test_the_kept_folder_of_a_part_follows_the_deps_and_the_part_alone(root: Path) -> None:
    def kept(part: str, item: str = "mel_cnn") -> Path:
        return Stage(root, "third", item).kept(part, 1)

    before = kept("fold")
    assert before.parent == root / "work" / "kept" / "third"
    assert kept("fold") == before
    assert kept("fold", "mel_lstm") == before, "the part itself has to say what decides it"
    assert kept("other") != before
    edit(root / "params.yaml", "\nseed: 0 ", "\nseed: 1 ")
    assert kept("fold") == before
    (root / "pipeline" / "third.py").write_text("# changed")
    changed = kept("fold")
    assert changed != before
    (root / "data" / "demo.txt").write_text("sources")
    assert kept("fold") != changed


def test_what_is_kept_outlives_success(root: Path) -> None:
    def main(stage: Stage) -> None:
        folder = stage.kept("fold")
        folder.mkdir(parents=True)
        (folder / "weights").touch()
        make_third(stage)

    stage = Stage(root, "third", "mel_cnn")
    stage.execute(main)
    assert not stage.work.exists()
    assert (Stage(root, "third", "mel_cnn").kept("fold") / "weights").exists()


def test_another_corpus_is_another_dep(root: Path) -> None:
    edit(root / "params.yaml", "  name: demo ", "  name: ravdess ")
    (root / "data" / "ravdess.txt").write_text("source")
    stage = Stage(root, "first")
    assert stage.dep("ravdess") == root / "data" / "ravdess.txt"


def test_downloads_outlive_success_and_other_inputs(root: Path) -> None:
    def main(stage: Stage) -> None:
        stage.downloads.mkdir(parents=True)
        (stage.downloads / "archive").touch()
        make_first(stage)

    Stage(root, "first").execute(main)
    edit(root / "params.yaml", "\nseed: 0 ", "\nseed: 1 ")
    again = Stage(root, "first")
    assert (again.downloads / "archive").exists()
    assert root / "work" in again.downloads.parents


def test_two_runs_at_once_are_refused_by_name(root: Path) -> None:
    inside, go_on = threading.Event(), threading.Event()

    def slow(stage: Stage) -> None:
        inside.set()
        assert go_on.wait(20)
        make_first(stage)

    running = threading.Thread(target=Stage(root, "first").execute, args=(slow,))
    running.start()
    assert inside.wait(20)
    try:
        with pytest.raises(UserError, match=r"stage first is already running in .*; wait for it, or stop that process"):
            Stage(root, "first").execute(make_first)
    finally:
        go_on.set()
        running.join()
    assert (root / "data" / "made" / "text").read_text() == "source made"
    make_data(root)  # and the lock is free again
