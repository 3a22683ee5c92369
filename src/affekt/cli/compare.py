"""Set two states of the pipeline side by side: the parameters that differ, and the metrics of both.

A state is one full run of the pipeline; MLflow keeps all of them. Without arguments, the last state is
compared with the one before it. A results file (results/ravdess.json) can stand for a state too."""

import argparse
import math
from pathlib import Path

from affekt.cli.project import find_root
from affekt.cli.states import SHOWN_ID, State, page_command, read_states
from affekt.cli.tables import format_table
from affekt.core.errors import UserError

EXAMPLES = """\
examples:
  affekt compare                       what the last change did
  affekt compare --list                every state: id, date, corpus
  affekt compare 3f2a                  a state, by the first characters of its id, with the last one
  affekt compare 3f2a previous         any two
  affekt compare results/demo.json results/ravdess.json

The same in MLflow's page: mlflow ui --backend-store-uri sqlite:///mlflow.db"""

LAST = "last"
PREVIOUS = "previous"
FEW = 2  # states that a comparison needs


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("a", nargs="?", metavar="A", help="id, start of an id, `last`, `previous` or a results JSON")
    parser.add_argument("b", nargs="?", default=LAST, metavar="B", help="the same; default: last")
    parser.add_argument("--list", action="store_true", help="list all states and compare none")


def run(args: argparse.Namespace) -> int:
    """Print the states, or the comparison of two."""
    if args.list:
        print(list_states(read_states(find_root())))
        return 0
    names = [args.a or PREVIOUS, args.b]
    in_store = [name for name in names if not is_file_name(name)]
    states = read_states(find_root()) if in_store else []
    before, after = (read_results(Path(name)) if is_file_name(name) else find_state(name, states) for name in names)
    print(compare(before, after))
    if in_store:
        print(f"\nIn MLflow's page: {page_command(find_root())}")
    return 0


def is_file_name(name: str) -> bool:
    """Whether an argument means a results file (ids are hexadecimal and have no suffix)."""
    return name.endswith(".json")


def list_states(states: list[State]) -> str:
    """A table of all states, the newest last."""
    if not states:
        raise UserError("no state yet: run `make repro` to its end first (the stage `summary` logs the state)")
    rows = [
        [s.short_name, s.date, s.commit[:SHOWN_ID], s.params.get("corpus.name", "?"), str(len(s.metrics))]
        for s in states
    ]
    return format_table(["state", "date", "commit", "corpus", "metrics"], rows)


def find_state(name: str, states: list[State]) -> State:
    """The state of a name, the start of a name, `last` or `previous`; UserError that says what there is."""
    if not states:
        raise UserError("no state yet: run `make repro` to its end first (the stage `summary` logs the state)")
    if name == LAST:
        return states[-1]
    if name == PREVIOUS:
        if len(states) < FEW:
            raise UserError(
                f"only one state yet ({states[0].short_name} of {states[0].date}): "
                "change params.yaml, run `dvc repro`, then compare"
            )
        return states[-2]
    found = [state for state in states if state.name.startswith(name)]
    if len(found) != 1:
        what = "no state begins" if not found else f"{len(found)} states begin"
        raise UserError(f"{what} with {name!r}: `affekt compare --list` shows them all")
    return found[0]


def read_results(path: Path) -> State:
    """A results file as a state: numbers are its metrics, text (provenance) stands where parameters do."""
    from affekt.cli.results import read_flat

    if not path.is_file():
        raise UserError(f"there is no file {path}")
    results = read_flat(path)
    texts = {key: value for key, value in results.items() if isinstance(value, str)}
    numbers = {key: float(value) for key, value in results.items() if not isinstance(value, str)}
    return State(path.name, "", "", texts, numbers)


def compare(before: State, after: State) -> str:
    """Two tables: parameters that differ, metrics that differ; and how many do not."""
    heads = [f"{state.name if not state.date else state.short_name} {state.date}".strip() for state in (before, after)]
    params = differing_params(before, after)
    metrics, equal = differing_metrics(before, after)
    parts = []
    if params:
        parts.append(format_table(["parameter", *heads], params))
    else:
        parts.append("No parameter differs.")
    if metrics:
        parts.append(format_table(["metric", *heads, "difference"], metrics, numeric=True))
    if equal or not metrics:
        parts.append(f"{equal} metrics are equal.")
    return "\n\n".join(parts)


def differing_params(before: State, after: State) -> list[list[str]]:
    """Rows of (key, before, after) where the two differ or one has none."""
    keys = sorted(before.params | after.params)
    rows = [[key, before.params.get(key, "-"), after.params.get(key, "-")] for key in keys]
    return [row for row in rows if row[1] != row[2]]


def differing_metrics(before: State, after: State) -> tuple[list[list[str]], int]:
    """Rows of (key, before, after, difference) where the two differ, and how many metrics do not."""
    keys = sorted(before.metrics | after.metrics)
    rows = []
    for key in keys:
        old, new = before.metrics.get(key), after.metrics.get(key)
        if old is None or new is None:
            rows.append([key, show(old), show(new), ""])
        elif old != new and not (math.isnan(old) and math.isnan(new)):
            rows.append([key, show(old), show(new), f"{new - old:+.4g}"])
    return rows, len(keys) - len(rows)


def show(value: float | None) -> str:
    """A metric as short text, - where a state does not have it."""
    return "-" if value is None else f"{value:.4g}"
