"""Which stages are behind a figure, what they really ran with, and what they made: from dvc.yaml and dvc.lock."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from affekt.cli.project import PARAMS_NAME
from affekt.core.errors import StageError, UserError
from affekt.core.files import sha256_tree
from affekt.core.graph import StageSpec, load_graph, look_up
from affekt.core.params import read_yaml

LOCK_NAME = "dvc.lock"


def upstream(graph: Mapping[str, StageSpec], names: Iterable[str]) -> dict[str, StageSpec]:
    """All stages that these are made from, and they themselves, in the graph's order; UserError for an unknown one."""
    maker = {out: name for name, spec in graph.items() for out in spec.outs}
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in graph:
            raise UserError(f"--stages {name}: dvc.yaml has no such stage; known are {', '.join(graph)}")
        if name not in found:
            found.add(name)
            waiting += [maker[dep] for dep in graph[name].deps if dep in maker]
    return {name: graph[name] for name in graph if name in found}


def check_fresh(root: Path, names: list[str]) -> dict[str, StageSpec]:
    """Return the stages behind `names`; UserError when one ran with other parameters than params.yaml has now."""
    values = read_yaml(root / PARAMS_NAME)
    stages = upstream(load_graph(root, values), names)
    lock = read_yaml(root / LOCK_NAME).get("stages", {}) if (root / LOCK_NAME).is_file() else {}
    for name in stages:
        ran = ran_with(lock.get(name, {}))
        if name not in lock:
            raise UserError(f"stage {name} has not run: `dvc repro {' '.join(names)}`")
        for key, value in ran.items():
            if known_value(values, key) != value:
                raise UserError(
                    f"stage {name} ran with another `{key}` than {PARAMS_NAME} has: `dvc repro {' '.join(names)}`"
                )
    return stages


def hash_outs(root: Path, stages: Mapping[str, StageSpec]) -> dict[str, dict[str, str]]:
    """Tags of the runs of these stages that made the outs that are there now; none for a stage that lacks one."""
    return {
        name: {f"affekt.out.{out}": sha256_tree(root / out) for out in spec.outs}
        for name, spec in stages.items()
        if all((root / out).exists() for out in spec.outs)
    }


def known_value(values: Mapping[str, Any], key: str) -> Any:
    """What params.yaml has of a key now; None for one that it no longer has."""
    try:
        return look_up(values, key)
    except StageError:
        return None


def ran_with(locked: Mapping[str, Any]) -> dict[str, Any]:
    """Dotted keys of params.yaml and the values that a stage of dvc.lock had."""
    return dict(locked.get("params", {}).get(PARAMS_NAME, {}))
