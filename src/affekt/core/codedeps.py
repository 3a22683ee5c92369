"""The code dependencies of each stage, derived from the imports: `python -m affekt.core.codedeps [--write]`.

A stage's code is its script and every file of this project that the script imports, directly or not, at the top of a
file or inside a function. It is read from the syntax trees, so nothing runs. Imports under `if TYPE_CHECKING:` never
run and do not count, nor do empty `__init__.py` files.
"""

import ast
import difflib
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from affekt.core.errors import UserError

SOURCE_ROOTS = {"affekt": "src", "pipeline": "."}  # top-level package -> the folder it lies in
SCRIPT = re.compile(r"python -m (pipeline\.\w+)")
CODE = re.compile(r"(src|pipeline)/.*\.py$")


def imported_names(tree: ast.AST, package: str) -> Iterator[str]:
    """Yield the dotted names that a syntax tree imports; of `from a import b` both `a` and `a.b`."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            module = ".".join([*parents, *([node.module] if node.module else [])])
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            for branch in node.orelse:
                yield from imported_names(ast.Module([branch], []), package)
        else:
            yield from imported_names(node, package)


def files_of(root: Path, name: str) -> Iterator[Path]:
    """Yield the project's files that importing a dotted name runs: non-empty packages above it, and its module."""
    parts = name.split(".")
    if parts[0] not in SOURCE_ROOTS:
        return
    folder = root / SOURCE_ROOTS[parts[0]]
    for depth in range(1, len(parts) + 1):
        place = folder.joinpath(*parts[:depth])
        for file in (place / "__init__.py", place.with_suffix(".py")):
            if file.is_file() and file.stat().st_size:
                yield file


def code_deps(root: Path, module: str, known: dict[Path, set[Path]] | None = None) -> list[str]:
    """Return the sorted paths, relative to `root`, of all project files that a module is made of.

    `known` keeps the direct imports of files between calls.
    """
    known = {} if known is None else known
    found: set[Path] = set()
    waiting = set(files_of(root, module))
    if not waiting:
        raise UserError(f"{module}: no such module; the script of a stage is pipeline/<stage>.py")
    while waiting:
        file = waiting.pop()
        found.add(file)
        if file not in known:
            known[file] = direct_imports(root, file)
        waiting |= known[file] - found
    return sorted(file.relative_to(root).as_posix() for file in found)


def direct_imports(root: Path, file: Path) -> set[Path]:
    """Return the project files that one file imports itself."""
    tree = ast.parse(file.read_text(encoding="utf-8"), filename=str(file))
    folder = next(
        root / source for source in sorted(SOURCE_ROOTS.values(), reverse=True) if (root / source) in file.parents
    )
    package = ".".join(file.parent.relative_to(folder).parts)
    return {path for name in imported_names(tree, package) for path in files_of(root, name)}


def rewrite(text: str, root: Path) -> str:
    """Return dvc.yaml's text with exact code deps in each stage, sorted after its data; all else stays as it was.

    Only lines of deps are touched: a round trip through a YAML library would fold and requote the rest.
    """
    lines = text.splitlines(keepends=True)
    known: dict[Path, set[Path]] = {}
    for name, command, deps in reversed(list(stage_nodes(text))):
        script = SCRIPT.search(command)
        if script is None:
            raise UserError(
                f"dvc.yaml: stage {name}: its command is not `python -m pipeline.<stage> [item]`: {command}"
            )
        if deps is None or deps.flow_style:
            raise UserError(f"dvc.yaml: stage {name}: write its deps as a list, one `- path` in a line")
        wanted = code_deps(root, script[1], known)
        code = [node for node in deps.value if CODE.match(str(node.value))]
        data = [node for node in deps.value if node not in code]
        indent = " " * (deps.start_mark.column)
        after = max([last_line(node) + 1 for node in data], default=deps.start_mark.line)
        gone = {node.start_mark.line for node in code}
        new = [f"{indent}- {path}\n" for path in wanted]
        lines[after:after] = new
        for line in sorted(gone, reverse=True):
            del lines[line + len(new) if line >= after else line]
    return "".join(lines)


def stage_nodes(text: str) -> Iterator[tuple[str, str, Any]]:
    """Yield (name, command, node of the deps or None) of each stage, in the file's order."""
    from ruamel.yaml import YAML

    top = YAML().compose(text)
    stages = {key.value: value for key, value in top.value}["stages"]
    for key, stage in stages.value:
        fields = {field.value: value for field, value in stage.value}
        yield key.value, fields["cmd"].value, fields.get("deps")


def last_line(node: Any) -> int:
    """Return the line where a YAML node's text ends; a block's own end mark lies on the next token instead."""
    while not isinstance(node.value, str):
        children = node.value[-1]
        node = children[-1] if isinstance(children, tuple) else children
    return node.start_mark.line


def main(arguments: list[str]) -> int:
    """Check the code deps of dvc.yaml in the current folder, or write them; returns the exit code."""
    root = Path.cwd()
    path = root / "dvc.yaml"
    before = path.read_text(encoding="utf-8")
    after = rewrite(before, root)
    if before == after:
        return 0
    if arguments == ["--write"]:
        path.write_text(after, encoding="utf-8")
        return 0
    sys.stdout.writelines(
        difflib.unified_diff(before.splitlines(True), after.splitlines(True), "dvc.yaml", "dvc.yaml, exact")
    )
    print("dvc.yaml: the code deps are not what the stages import; run `python -m affekt.core.codedeps --write`")
    return 1


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except UserError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
