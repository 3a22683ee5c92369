"""The states of the pipeline that MLflow remembers: all parameters and final metrics of each finished run."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from affekt.core.errors import UserError
from affekt.core.tracking import DEFAULT_STORE, EXPERIMENT, open_client, tracking_uri

if TYPE_CHECKING:
    from mlflow.entities import Run

SQLITE = "sqlite:///"
TRAINING_SECONDS = "training_seconds"  # of all trainings of a stage, in however many goes
PAGE = 1000  # runs asked for at a time
SHOWN_ID = 10  # characters of an id on a screen


@dataclass(frozen=True)
class State:
    """What the parameters were and what came out."""

    name: str
    date: str
    commit: str
    params: dict[str, str]
    metrics: dict[str, float]

    @property
    def short_name(self) -> str:
        """The id as shown in tables; it can be typed back."""
        return self.name[:SHOWN_ID]


def read_states(root: Path) -> list[State]:
    """Every state, oldest first; a state that was logged twice counts once, at its last date."""
    states: dict[str, State] = {}
    for run in find_runs(root, "tags.`affekt.kind` = 'state'"):
        name = run.data.tags.get("affekt.state", "")
        states.pop(name, None)
        states[name] = State(
            name,
            date_of(run),
            run.data.tags.get("affekt.commit", ""),
            dict(run.data.params),
            dict(run.data.metrics),
        )
    return list(states.values())


def stage_seconds(root: Path, outs: Mapping[str, Mapping[str, str]]) -> dict[str, float]:
    """Seconds that each stage (`stage` or `stage@item`) took to make the outs that it has now.

    `outs` gives the tags of each stage's outs, which hold their hashes: the last run that made just these is meant. A
    stage of many trainings, which may be done in several goes, tells their sum as the metric TRAINING_SECONDS.
    """
    seconds = {}
    for run in find_runs(root, "tags.`affekt.kind` = 'stage'"):
        tags, metrics = run.data.tags, run.data.metrics
        label = "@".join(filter(None, (tags["affekt.stage"], tags.get("affekt.item"))))
        wanted = outs.get(label, {})
        if wanted and run.info.end_time and wanted.items() <= tags.items():
            took = (run.info.end_time - run.info.start_time) / 1000
            seconds[label] = max(took, metrics.get(TRAINING_SECONDS, 0.0))
    return {label: seconds[label] for label in outs if label in seconds}


def find_runs(root: Path, condition: str) -> list["Run"]:
    """All finished runs that meet a condition, oldest first; UserError where no readable store is."""
    uri = tracking_uri(root)
    if uri.startswith(SQLITE) and not Path(uri.removeprefix(SQLITE)).is_file():
        # Asking MLflow would make an empty database.
        raise UserError(f"no database {uri.removeprefix(SQLITE)}: run `make repro` first (each run is logged there)")

    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        return query_runs(open_client(root), condition)
    except (MlflowException, SQLAlchemyError) as error:
        first_line = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(f"MLflow at {uri} cannot be read: {first_line}") from None


def query_runs(client: Any, condition: str) -> list["Run"]:
    """All finished runs of the project's experiment that meet a condition, page by page."""
    experiment = client.get_experiment_by_name(EXPERIMENT)
    runs: list[Run] = []
    token = None
    while True:
        page = client.search_runs(
            [experiment.experiment_id],
            filter_string=f"{condition} and attributes.status = 'FINISHED'",
            max_results=PAGE,
            order_by=["attributes.start_time ASC"],
            page_token=token,
        )
        runs += page
        token = page.token
        if not token:
            return runs


def page_command(root: Path) -> str:
    """The command that opens MLflow's page on these runs, to be typed in the root."""
    uri = tracking_uri(root)
    if uri == f"{SQLITE}{root / DEFAULT_STORE}":
        uri = f"{SQLITE}{DEFAULT_STORE}"
    return f"mlflow ui --backend-store-uri {uri}"


def date_of(run: "Run") -> str:
    """When a run began, in the person's time zone."""
    return datetime.fromtimestamp(run.info.start_time / 1000).strftime("%Y-%m-%d %H:%M")
