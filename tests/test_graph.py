"""The graph: DVC, Snakemake and the stage runner read dvc.yaml alike, and every parameter reaches a stage."""

import ast
import contextlib
import copy
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest
from graph_copy import ENVIRONMENT, ROOT, make_copy, run_tool, snakemake_would_run
from ruamel.yaml import YAML

from affekt.core.graph import load_graph
from affekt.core.params import Params, parse_params

# One process imports Snakemake once, then each state of params.yaml has a fork of it that runs `snakemake -n`.
SNAKEMAKE_EACH = """
import contextlib, os, sys
from pathlib import Path
import pandas, snakemake.cli, snakemake.report
from dvc.repo import Repo
with contextlib.suppress(SystemExit), contextlib.redirect_stdout(None):
    snakemake.cli.main(["--version"])  # loads the plugins too
Repo().index.stages
for state in sorted(Path(sys.argv[1]).glob("*.yaml")):
    if os.fork() == 0:
        Path("params.yaml").write_text(state.read_text())
        output = os.open(state.with_suffix(".txt"), os.O_WRONLY | os.O_CREAT)
        os.dup2(output, 1)
        os.dup2(output, 2)
        snakemake.cli.main(["-n"])
    os.wait()
"""
WORKERS = 2
VALUES = YAML(typ="safe").load(ROOT / "params.yaml")


def leaves(values: dict[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the keys of every leaf; a list is a leaf."""
    for key, value in values.items():
        if isinstance(value, dict):
            yield from leaves(value, (*above, key))
        else:
            yield (*above, key)


def perturbed(leaf: tuple[str, ...]) -> dict[str, Any]:
    """Return params.yaml's values with one leaf changed to another valid value."""
    values = copy.deepcopy(VALUES)
    section: dict[str, Any] = values
    model: Any = Params
    for key in leaf[:-1]:
        section, model = section[key], model.model_fields[key].annotation
    section[leaf[-1]] = another(section[leaf[-1]], model.model_fields[leaf[-1]])
    return values


def another(value: Any, field: Any) -> Any:
    """Return a value of the same kind that differs."""
    if get_origin(field.annotation) is Literal:
        return next(choice for choice in get_args(field.annotation) if choice != value)
    if isinstance(value, bool):
        return not value
    if isinstance(value, list):
        assert len(value) > 1, "a list of one leaves none to take away"
        return value[1:]
    step = next((rule.multiple_of for rule in field.metadata if hasattr(rule, "multiple_of")), 1)
    return value + step if isinstance(value, int) else value * 0.9 or 0.1


ALL_LEAVES = list(leaves(VALUES))
DECLARED = sorted({key for spec in load_graph(ROOT, VALUES).values() for key in spec.params})


def declared_above(leaf: tuple[str, ...]) -> tuple[str, ...]:
    """The keys that stages declare and that hold a leaf: to both tools all leaves of these are alike."""
    name = ".".join(leaf)
    return tuple(key for key in DECLARED if name == key or name.startswith(f"{key}."))


# One leaf for each set of keys, the last: each takes both tools seconds.
LEAVES = list({declared_above(leaf): leaf for leaf in ALL_LEAVES}.values())
NAMES = [".".join(leaf) for leaf in LEAVES]


@pytest.fixture(scope="module")
def by_snakemake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the graph that Snakemake ran from nothing."""
    folder = make_copy(tmp_path_factory.mktemp("snakemake") / "copy")
    run_tool(folder, "snakemake", "--quiet")
    return folder


@pytest.fixture(scope="module")
def by_dvc(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the graph that DVC ran from nothing."""
    folder = make_copy(tmp_path_factory.mktemp("dvc") / "copy")
    run_tool(folder, "dvc", "repro", "--quiet")
    return folder


@pytest.fixture(scope="module")
def index() -> Any:
    """DVC's own reading of the repository's dvc.yaml."""
    from dvc.repo import Repo

    with contextlib.chdir(ROOT), Repo() as repo:
        return repo.index


@pytest.fixture(scope="module")
def rerun_by_snakemake(by_snakemake: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """What `snakemake -n` would run, for each leaf."""
    states = [tmp_path_factory.mktemp(f"states{worker}") for worker in range(WORKERS)]
    for number, leaf in enumerate(LEAVES):
        with open(states[number % WORKERS] / f"{NAMES[number]}.yaml", "w") as file:
            YAML().dump(perturbed(leaf), file)
    running = []
    for folder in states:
        twin = folder / "copy"
        shutil.copytree(by_snakemake, twin, symlinks=True)  # keeps the times that Snakemake goes by
        command = [sys.executable, "-c", SNAKEMAKE_EACH, str(folder)]
        running.append(subprocess.Popen(command, cwd=twin, env=ENVIRONMENT))
    assert [process.wait() for process in running] == [0] * WORKERS
    outputs = {path.stem: path.read_text() for folder in states for path in folder.glob("*.txt")}
    return {name: snakemake_would_run(output) for name, output in outputs.items()}


@pytest.fixture(scope="module")
def rerun_by_dvc(by_snakemake: Path) -> dict[str, set[str]]:
    """What `dvc status` calls changed, and all that depends on it, for each leaf."""
    from dvc.repo import Repo

    found = {}
    before = (by_snakemake / "params.yaml").read_text()
    for name, leaf in zip(NAMES, LEAVES, strict=True):
        with open(by_snakemake / "params.yaml", "w") as file:
            YAML().dump(perturbed(leaf), file)
        with contextlib.chdir(by_snakemake), Repo() as repo:  # from elsewhere it would prefix names with a path
            found[name] = with_dependents(repo.index, set(repo.status()))
    (by_snakemake / "params.yaml").write_text(before)
    return found


def with_dependents(index: Any, changed: set[str]) -> set[str]:
    """Add to some stages every stage that depends on them."""
    waiting = {stage for stage in index.stages if stage.name in changed}
    found = set()
    while waiting:
        stage = waiting.pop()
        found.add(stage)
        waiting |= set(index.graph.predecessors(stage)) - found  # edges lead from a stage to what it needs
    return {stage.name.replace("@", "_") for stage in found}  # as the Snakefile names its rules


def test_snakemake_from_nothing_leaves_dvc_clean(by_snakemake: Path) -> None:
    assert json.loads(run_tool(by_snakemake, "dvc", "status", "--json")) == {}
    assert snakemake_would_run(run_tool(by_snakemake, "snakemake", "-n")) == set()


def test_dvc_and_snakemake_from_nothing_write_the_same_lock(by_snakemake: Path, by_dvc: Path) -> None:
    assert (by_snakemake / "dvc.lock").read_text() == (by_dvc / "dvc.lock").read_text()


@pytest.mark.parametrize("leaf", ALL_LEAVES, ids=".".join)
def test_every_parameter_can_be_changed_and_is_declared_by_a_stage(leaf: tuple[str, ...]) -> None:
    parse_params(perturbed(leaf), ROOT / "params.yaml")  # the change itself is valid
    assert declared_above(leaf)


@pytest.mark.parametrize("name", NAMES)
def test_every_key_reruns_the_same_stages_in_both(
    name: str, rerun_by_dvc: dict[str, set[str]], rerun_by_snakemake: dict[str, set[str]]
) -> None:
    assert rerun_by_dvc[name] == rerun_by_snakemake[name]
    assert rerun_by_dvc[name]


def test_snakemake_sees_a_parameter_changed_after_dvc_ran(by_dvc: Path) -> None:
    """Snakemake has no record of its own there; it must not call stale outs up to date."""
    assert snakemake_would_run(run_tool(by_dvc, "snakemake", "-n")) == set()
    before = (by_dvc / "params.yaml").read_text()
    with open(by_dvc / "params.yaml", "w") as file:
        YAML().dump(perturbed(("vocoder", "lr")), file)
    rerun = snakemake_would_run(run_tool(by_dvc, "snakemake", "-n"))
    (by_dvc / "params.yaml").write_text(before)
    assert "vocoder" in rerun
    assert "gan" not in rerun


def test_a_failure_under_snakemake_loses_nothing_that_was_done(tmp_path: Path) -> None:
    """What was finished stands in dvc.lock, so neither tool runs it again, even with another parameter changed."""
    folder = make_copy(tmp_path / "copy")
    graph = YAML().load(folder / "dvc.yaml")
    graph["stages"]["features"]["cmd"] = "false"
    YAML().dump(graph, folder / "dvc.yaml")
    with pytest.raises(AssertionError, match="features"):
        run_tool(folder, "snakemake", "--quiet")
    changed = json.loads(run_tool(folder, "dvc", "status", "--json"))
    assert "features" in changed
    assert not {"fetch", "prepare"} & set(changed)
    with open(folder / "params.yaml", "w") as file:
        YAML().dump(perturbed(("features", "n_mfcc")), file)
    rerun = snakemake_would_run(run_tool(folder, "snakemake", "-n"))
    assert "features" in rerun
    assert not {"fetch", "prepare"} & rerun


def test_stage_runner_reads_the_graph_as_dvc_does(index: Any) -> None:
    ours = load_graph(ROOT, VALUES)
    theirs = {stage.name: stage for stage in index.stages}
    assert set(ours) == set(theirs)
    for name, spec in ours.items():
        stage = theirs[name]
        assert spec.cmd == stage.cmd
        assert sorted(spec.deps) == sorted(dep.def_path for dep in stage.deps if dep not in stage.params)
        assert sorted(spec.outs) == sorted(out.def_path for out in stage.outs)
        assert sorted(spec.params) == sorted(key for section in stage.params for key in section.params)


def test_each_stage_is_one_script_and_says_what_schedulers_need(index: Any) -> None:
    scripts = {path.stem for path in (ROOT / "pipeline").glob("*.py")} - {"__init__"}
    assert scripts == {stage.name.split("@")[0] for stage in index.stages}
    for stage in index.stages:
        name, _, item = stage.name.partition("@")
        assert re.fullmatch(rf"python -m pipeline\.{name}" + (r" \S+" if item else ""), stage.cmd)
        assert set(stage.meta) == {"threads", "gpu", "memory_mb", "runtime_min"}
        assert all(isinstance(value, int) for value in stage.meta.values())
        assert stage.desc


def test_no_path_is_written_twice(index: Any) -> None:
    outs = [out.def_path for stage in index.stages for out in stage.outs]
    assert len(outs) == len(set(outs))
    assert not [(a, b) for a in outs for b in outs if a.startswith(f"{b}/")]
    paths = {*outs, *(dep.def_path for stage in index.stages for dep in stage.deps if dep not in stage.params)}
    for script in (ROOT / "pipeline").glob("*.py"):
        tree = ast.parse(script.read_text(encoding="utf-8"))
        texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
        assert not texts & (paths - {"params.yaml"}), f"{script.name} repeats a path of dvc.yaml"
