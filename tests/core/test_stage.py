"""The stage runner: only what is declared is read, and outs appear whole and at the end."""

import errno
from pathlib import Path

import pytest
from toy_repo import SilentTracker, edit, make_data, make_first, make_second, make_third, tree

from affekt.core import files
from affekt.core.errors import StageError, UserError
from affekt.core.params import GanParams, GenerationParams, NetworkParams, NetworksParams, load_params
from affekt.core.seeds import derive
from affekt.core.stage import Stage

ITEMS = ("mel_cnn", "mel_lstm")


# -- what is not declared


def test_undeclared_parameters_are_refused(root: Path) -> None:
    stage = Stage(root, "first")
    assert stage.params(GenerationParams).samples == 200
    with pytest.raises(StageError, match=r"stage first reads the parameters `gan`, which dvc\.yaml does not declare"):
        stage.params(GanParams)
    with pytest.raises(StageError, match="`compute`"):
        _ = stage.device


def test_undeclared_deps_and_outs_are_refused(root: Path) -> None:
    stage = Stage(root, "first")
    with pytest.raises(StageError, match=r"stage first: dvc\.yaml declares 0 deps named `other`"):
        stage.dep("other")
    with pytest.raises(StageError, match="declares 0 deps named `first`"):
        stage.dep("first")  # code is no data
    with pytest.raises(StageError, match=r"stage first: dvc\.yaml declares 0 outs named `second`"):
        stage.out("second")


def test_an_undeclared_seed_is_refused(root: Path) -> None:
    make_data(root)
    with pytest.raises(StageError, match=r"stage second draws random numbers, but dvc\.yaml does not declare `seed`"):
        Stage(root, "second").seed("init")


def test_an_unknown_stage_is_refused(root: Path) -> None:
    for name, item in (("fourth", None), ("third", None), ("third", "mel_gru"), ("first", "mel_cnn")):
        whole = name if item is None else f"{name}@{item}"
        with pytest.raises(StageError, match=rf"dvc\.yaml has no stage {whole}$"):
            Stage(root, name, item)


@pytest.mark.parametrize("item", ITEMS)
def test_an_item_reads_its_own_part_of_a_section_and_makes_its_own_outs(item: str, root: Path) -> None:
    stage = Stage(root, "third", item)
    assert stage.part(f"networks.{item}", NetworkParams) == getattr(load_params(root / "params.yaml").networks, item)
    other = next(name for name in ITEMS if name != item)
    with pytest.raises(StageError, match=rf"`networks\.{other}`, which dvc\.yaml does not declare"):
        stage.part(f"networks.{other}", NetworkParams)
    with pytest.raises(StageError, match="`networks`"):
        stage.params(NetworksParams)
    with pytest.raises(StageError, match=f"declares 0 outs named `{other}`"):
        stage.out(other)
    stage.execute(make_third)
    assert tree(root, "models") == {f"{item}/text"}
    assert (root / "models" / item / "text").read_text() == f"{item} of source"
    assert SilentTracker.all[-1].tags["affekt.item"] == item
    assert {key.split(".")[1] for key in SilentTracker.all[-1].params if "." in key} == {item}


def test_a_part_of_another_kind_is_an_error_of_the_script(root: Path) -> None:
    with pytest.raises(AssertionError, match=r"networks\.mel_cnn is a NetworkParams"):
        Stage(root, "third", "mel_cnn").part("networks.mel_cnn", GanParams)


def test_a_missing_dep_says_what_makes_it(root: Path) -> None:
    with pytest.raises(UserError, match=r"data/made: is missing; run `dvc repro`"):
        Stage(root, "second")


def test_a_declared_parameter_that_does_not_exist_is_named(root: Path) -> None:
    edit(root / "dvc.yaml", "params: [vocoding]", "params: [vocoding.clipz]")
    make_data(root)
    with pytest.raises(StageError, match=r"vocoding\.clipz, which params\.yaml does not have"):
        Stage(root, "second")


# -- seeds


def test_seeds_differ_by_label_stage_item_and_seed(root: Path) -> None:
    first = Stage(root, "first")
    seeds = {first.seed(), first.seed("init"), first.seed("init", 1)}
    seeds |= {Stage(root, "third", item).seed("init") for item in ITEMS}
    assert first.seed("init") == derive(0, "first", "", "init") == Stage(root, "first").seed("init")
    edit(root / "dvc.yaml", "params: [vocoding]", "params: [seed, vocoding]")
    make_data(root)
    seeds.add(Stage(root, "second").seed("init"))
    edit(root / "params.yaml", "\nseed: 0 ", "\nseed: 1 ")
    seeds.add(Stage(root, "first").seed("init"))
    assert len(seeds) == 7


# -- outs


def test_outs_appear_only_at_the_end_and_work_goes(root: Path) -> None:
    seen: list[bool] = []

    def main(stage: Stage) -> None:
        make_first(stage)
        seen.append((root / "data" / "made").exists())
        assert SilentTracker.all[-1].started, "the run's duration is the stage's, not that of its last moment"

    stage = Stage(root, "first")
    stage.execute(main)
    assert seen == [False]
    assert (root / "data" / "made" / "text").read_text() == "source made"
    assert not stage.work.exists()
    assert SilentTracker.all[-1].status == "FINISHED"


def test_files_and_folders_are_published_over_old_ones(root: Path) -> None:
    make_data(root)
    (root / "reports" / "parts" / "second").mkdir(parents=True)
    (root / "reports" / "parts" / "second" / "stale").touch()
    for _ in range(2):
        Stage(root, "second").execute(make_second)
        assert tree(root, "reports") == {"metrics/second.json", "parts/second/part"}


def test_a_missing_out_is_named_and_nothing_is_published(root: Path) -> None:
    make_data(root)

    def forgetful(stage: Stage) -> None:
        stage.out("second.json").write_text("{}")

    with pytest.raises(StageError, match=r"stage second did not make reports/parts/second, which dvc\.yaml declares"):
        Stage(root, "second").execute(forgetful)
    assert not (root / "reports").exists()
    assert SilentTracker.all[-1].status == "FAILED"


def test_a_run_whose_outs_could_not_be_put_in_place_is_not_finished(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(source: Path, target: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left")

    monkeypatch.setattr(files, "replace", refuse)
    with pytest.raises(OSError, match="No space left"):
        make_data(root)
    assert SilentTracker.all[-1].status == "FAILED"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_failure_leaves_old_outs_and_the_work(error: type[BaseException], root: Path) -> None:
    make_data(root)
    Stage(root, "second").execute(make_second)

    def failing(stage: Stage) -> None:
        make_second(stage)
        (stage.work / "checkpoint").write_text("kept")
        (stage.out("second") / "half").touch()
        raise error

    stage = Stage(root, "second")
    with pytest.raises(error):
        stage.execute(failing)
    assert tree(root, "reports") == {"metrics/second.json", "parts/second/part"}
    assert (stage.work / "checkpoint").read_text() == "kept"
    assert SilentTracker.all[-1].status == "FAILED"

    def again(stage: Stage) -> None:
        assert (stage.work / "checkpoint").read_text() == "kept"
        assert not stage.out("second").exists()  # no half-made outs of the last time
        make_second(stage)

    Stage(root, "second").execute(again)
    assert tree(root, "reports") == {"metrics/second.json", "parts/second/part"}
    assert not stage.work.exists()
