"""What the stage runner needs of dvc.yaml: each stage's deps, params and outs, with `${…}` filled in.

DVC itself is not imported: it would add half a second to each stage's start. The part of its template language
that dvc.yaml uses is a dotted key of params.yaml; a test holds this reading against DVC's own, stage by stage.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from affekt.core.errors import StageError
from affekt.core.files import sha256_tree
from affekt.core.params import read_yaml

TEMPLATE = re.compile(r"\$\{\s*([\w.]+)\s*\}")
CODE_ROOTS = ("src/", "pipeline/")


@dataclass(frozen=True)
class StageSpec:
    """One stage of dvc.yaml; paths are relative to the repository's root."""

    name: str
    cmd: str
    deps: tuple[str, ...]
    params: tuple[str, ...]
    outs: tuple[str, ...]
    desc: str

    def data_deps(self) -> tuple[str, ...]:
        """The deps that are not code."""
        return tuple(dep for dep in self.deps if not dep.startswith(CODE_ROOTS))


def load_graph(root: Path, values: Mapping[str, Any]) -> dict[str, StageSpec]:
    """Read every stage of dvc.yaml; `values` are those of params.yaml, for the templates.

    An entry with a `matrix` of one key makes a stage `name@item` for each of its items.
    """
    graph = {}
    for name, entry in read_yaml(root / "dvc.yaml")["stages"].items():
        for item in items_of(name, entry):
            whole = name if item is None else f"{name}@{item}"
            graph[whole] = read_stage(whole, entry, values if item is None else {**values, "item": item})
    return graph


def items_of(name: str, entry: Mapping[str, Any]) -> list[Any]:
    """List what a stage is made for: [None], or the items of its matrix as DVC's templates see them."""
    matrix = entry.get("matrix")
    if matrix is None:
        return [None]
    if len(matrix) != 1:
        raise StageError(f"dvc.yaml: stage {name}: its matrix has {len(matrix)} keys; the runner reads one")
    ((key, items),) = matrix.items()
    return [Item({key: item}) for item in items]


class Item(dict[str, Any]):
    """One item of a matrix; as text it is its value, as in the name of the stage."""

    def __str__(self) -> str:
        return str(next(iter(self.values())))


def read_stage(name: str, entry: Mapping[str, Any], values: Mapping[str, Any]) -> StageSpec:
    """Read one entry of dvc.yaml's `stages`."""

    def paths(*keys: str) -> tuple[str, ...]:
        entries = [item for key in keys for item in entry.get(key, [])]
        return tuple(fill(next(iter(item)) if isinstance(item, dict) else item, values) for item in entries)

    return StageSpec(
        name=name,
        cmd=fill(entry["cmd"], values),
        deps=paths("deps"),
        params=paths("params"),
        outs=paths("outs", "metrics", "plots"),
        desc=entry.get("desc", ""),
    )


def fill(text: str, values: Mapping[str, Any]) -> str:
    """Fill `${a.b}` with the value of params.yaml's key a.b."""
    return TEMPLATE.sub(lambda match: str(look_up(values, match[1])), text)


def look_up(values: Mapping[str, Any], key: str) -> Any:
    """Return the value of a dotted key."""
    value: Any = values
    for part in key.split("."):
        if not isinstance(value, Mapping) or part not in value:
            raise StageError(f"dvc.yaml names the parameter {key}, which params.yaml does not have")
        value = value[part]
    return value


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Turn nested sections into dotted keys; lists stay values."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def source_hashes(root: Path, graph: Mapping[str, StageSpec]) -> dict[str, str]:
    """Hash what the whole graph is made from: every dep that no stage makes (code, manifests, folds)."""
    made = {out for spec in graph.values() for out in spec.outs}
    sources = sorted({dep for spec in graph.values() for dep in spec.deps} - made)
    # Only tags are made of these: that another stage's source is away must not end this one.
    return {source: sha256_tree(root / source) if (root / source).exists() else "absent" for source in sources}
