"""List the presets, or write one into params.yaml.

A preset is a set of values for params.yaml: which corpus, how large the models, how long they train. Only
the keys that it names are changed; everything else in the file, comments included, stays as it is. Then
`dvc repro` reruns what the change reaches."""

import argparse
import io
from pathlib import Path
from typing import Any

from affekt.cli.project import PARAMS_NAME, find_root
from affekt.core.errors import UserError

EXAMPLES = """\
examples:
  affekt preset                          what there is, and what it would change
  affekt preset ravdess && dvc repro     the pipeline on real speech (1440 clips, 24 actors)
  affekt preset demo                     back to the default, synthesised here in seconds"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("name", nargs="?", help="the preset to write; without it, the presets are listed")


def run(args: argparse.Namespace) -> int:
    """List, or apply one preset to the params.yaml of this clone."""
    root = find_root()
    if args.name is None:
        list_presets(root)
        return 0
    changes = apply_preset(find_preset(root, args.name), root / PARAMS_NAME)
    for key, before, after in changes:
        print(f"{key}: {before} -> {after}")
    if changes:
        print(f"{len(changes)} values of {PARAMS_NAME} changed; `dvc repro` reruns what they reach")
    else:
        print(f"{PARAMS_NAME} already has every value of preset {args.name}")
    return 0


def list_presets(root: Path) -> None:
    """Print each preset with the first comment of its file and how many values it would change here."""
    for path in preset_paths(root):
        changes = plan_changes(read_yaml(path), read_yaml(root / PARAMS_NAME), path)
        first_line = path.read_text(encoding="utf-8").partition("\n")[0]
        state = f"{len(changes)} values differ from {PARAMS_NAME}" if changes else f"= {PARAMS_NAME} as it is"
        print(f"{path.stem:10} {first_line.removeprefix('#').strip()} [{state}]")


def preset_paths(root: Path) -> list[Path]:
    """All preset files of a clone, by name."""
    return sorted((root / "presets").glob("*.yaml"))


def find_preset(root: Path, name: str) -> Path:
    """The file of a preset; UserError that lists the known ones."""
    paths = {path.stem: path for path in preset_paths(root)}
    if name not in paths:
        raise UserError(f"no preset {name!r}: presets/ has {', '.join(paths) or 'none'}")
    return paths[name]


def apply_preset(preset_path: Path, params_path: Path) -> list[tuple[str, Any, Any]]:
    """Write a preset's values into params.yaml, comments kept; the changed (key, before, after).

    Nothing is written when nothing changes, when the preset names a key that params.yaml does not have, or
    when the outcome is not valid (UserError in both cases).
    """
    from ruamel.yaml import YAML

    from affekt.core.files import atomic_path
    from affekt.core.params import parse_params

    params = read_yaml(params_path)
    changes = plan_changes(read_yaml(preset_path), params, preset_path)
    if not changes:
        return []
    for key, _, after in changes:
        *sections, leaf = key.split(".")
        table = params
        for section in sections:
            table = table[section]
        if isinstance(after, list):
            table[leaf][:] = after  # in place: the list stays on one line, with its comment
        else:
            table[leaf] = after
    text = write_yaml(params)
    parse_params(YAML(typ="safe").load(text), params_path)
    with atomic_path(params_path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return changes


def plan_changes(preset: Any, params: Any, preset_path: Path) -> list[tuple[str, Any, Any]]:
    """Every (dotted key, value now, preset's value) where the two differ; UserError for an unknown key."""
    from affekt.core.graph import flatten

    changes = []
    known = flatten(params)
    for key, value in flatten(preset).items():
        if key not in known:
            raise UserError(f"{preset_path}: {key} is not a key of {PARAMS_NAME}: correct or remove it")
        if isinstance(value, list) != isinstance(known[key], list):
            raise UserError(f"{preset_path}: {key} is {value!r}, but {PARAMS_NAME} has {known[key]!r}")
        if known[key] != value:
            changes.append((key, known[key], value))
    return changes


def read_yaml(path: Path) -> Any:
    """A YAML mapping that remembers its comments; UserError where it is none."""
    from ruamel.yaml.error import YAMLError

    try:
        table = editor().load(path.read_text(encoding="utf-8"))
    except (YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not readable as YAML: {error}") from None
    if not hasattr(table, "items"):
        raise UserError(f"{path} must hold sections of keys and values")
    return table


def write_yaml(table: Any) -> str:
    """The text of a mapping from `read_yaml`, with its comments where they were."""
    stream = io.StringIO()
    editor().dump(table, stream)
    return stream.getvalue()


def editor() -> Any:
    """ruamel's round-trip editor, told to leave quotes, long lines and flow lists alone."""
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 1000
    return yaml
