"""MLflow tracking: one run per stage execution, joined to pipeline states; a failure is a warning, never an end.

Tags: `affekt.kind` (stage or state), `affekt.stage`, `affekt.item`, `affekt.key` (hash of the inputs), `affekt.commit`,
`affekt.dep.<path>` and `affekt.out.<path>` (hashes of what was read and written), `affekt.state` (the state in which it
ran) and `affekt.state.<id>` = true for every state that it belongs to. A stage that did not rerun belongs to a new
state too: its run is found by the hash of the out that a later stage read.
"""

import contextlib
import fcntl
import logging
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

EXPERIMENT = "affekt"
DEFAULT_STORE = "mlflow.db"
BATCH = 500  # metrics; log_batch takes at most 1,000
FLUSH_SECONDS = 20.0
PARAM_LIMIT = 500  # characters of a parameter's value, which older stores allow

logger = logging.getLogger("affekt.tracking")


def tracking_uri(root: Path) -> str:
    """Return MLFLOW_TRACKING_URI, else the sqlite file in the repository."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{root / DEFAULT_STORE}"


def open_client(root: Path) -> Any:
    """Return an MLflow client; a new sqlite store is made by one process at a time."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    # A server that is away must cost seconds, not the minutes of MLflow's own defaults.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "5")
    for name in ("mlflow", "alembic", "urllib3"):
        logging.getLogger(name).setLevel(logging.ERROR)
    from mlflow.tracking import MlflowClient

    with _one_at_a_time(root):
        client = MlflowClient(tracking_uri=tracking_uri(root))
        if client.get_experiment_by_name(EXPERIMENT) is None:
            location = (root / "mlartifacts").as_uri() if tracking_uri(root).startswith("sqlite") else None
            client.create_experiment(EXPERIMENT, artifact_location=location)
    return client


@contextlib.contextmanager
def _one_at_a_time(root: Path) -> Iterator[None]:
    folder = root / "work"
    folder.mkdir(exist_ok=True)
    with open(folder / ".tracking.lock", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


class Tracker:
    """Collects what a stage logs and sends it in batches; after its first failure it is silent."""

    def __init__(self, root: Path, name: str, tags: Mapping[str, str], params: Mapping[str, Any]):
        self.root = root
        self.name = name
        self.tags = dict(tags)
        self.params = {key: str(value)[:PARAM_LIMIT] for key, value in params.items()}
        self.artifacts: list[Path] = []
        self.failed = False
        self.run_id: str | None = None
        self._client: Any = None
        self._buffer: list[tuple[str, float, int, int]] = []
        self.start()

    def start(self) -> None:
        """The execution begins now; the run is made later, with this as its start."""
        self._started = int(time.time() * 1000)
        self._flushed = time.monotonic()

    def log(self, metrics: Mapping[str, float], step: int = 0) -> None:
        """Note metrics of a step; they go out in batches."""
        now = int(time.time() * 1000)
        self._buffer += [(key, float(value), now, step) for key, value in metrics.items()]
        if len(self._buffer) >= BATCH or time.monotonic() - self._flushed > FLUSH_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Send what was noted."""
        if self.failed:
            self._buffer.clear()
            return
        try:
            self._send()
        # Whatever a store or a network does, the science goes on: one warning, then silence.
        except Exception as error:
            self._warn(error)

    def finish(self, status: str, tags: Mapping[str, str]) -> None:
        """Send the rest, the artifacts and the last tags, join the ancestors to this state, and end the run."""
        self.flush()
        if self.failed:
            return
        try:
            for path in self.artifacts:
                if path.is_dir():
                    self._client.log_artifacts(self.run_id, str(path), artifact_path=path.name)
                else:
                    self._client.log_artifact(self.run_id, str(path))
            for key, value in tags.items():
                self._client.set_tag(self.run_id, key, value)
            if status == "FINISHED":
                join_ancestors(self._client, str(self.run_id))
            self._client.set_terminated(self.run_id, status=status)
        except Exception as error:  # as above
            self._warn(error)

    def _send(self) -> None:
        from mlflow.entities import Metric, Param

        if self._client is None:
            self._client = open_client(self.root)
            experiment = self._client.get_experiment_by_name(EXPERIMENT)
            run = self._client.create_run(
                experiment.experiment_id, start_time=self._started, tags=self.tags, run_name=self.name
            )
            self.run_id = run.info.run_id
            self._client.log_batch(self.run_id, params=[Param(k, v) for k, v in self.params.items()])
        while self._buffer:
            batch, self._buffer = self._buffer[:BATCH], self._buffer[BATCH:]
            self._client.log_batch(self.run_id, metrics=[Metric(*entry) for entry in batch])
        self._flushed = time.monotonic()

    def _warn(self, error: Exception) -> None:
        self.failed = True
        first_line = (str(error).splitlines() or [type(error).__name__])[0]
        logger.warning("tracking stopped, the stage goes on: %s (%s)", first_line[:300], tracking_uri(self.root))


def join_ancestors(client: Any, run_id: str) -> None:
    """Tag every run whose outs this one was made from, however far back, as a member of this run's state."""
    run = client.get_run(run_id)
    state = run.data.tags["affekt.state"]
    waiting, seen = [run], {run_id}
    while waiting:
        for key, value in waiting.pop().data.tags.items():
            if not key.startswith("affekt.dep."):
                continue
            out = f"affekt.out.{key.removeprefix('affekt.dep.')}"
            found = client.search_runs(
                [run.info.experiment_id],
                filter_string=f"tags.`{out}` = '{value}' and attributes.status = 'FINISHED'",
                max_results=1,
                order_by=["attributes.start_time DESC"],
            )
            for parent in found:
                if parent.info.run_id not in seen:
                    seen.add(parent.info.run_id)
                    client.set_tag(parent.info.run_id, f"affekt.state.{state}", "true")
                    waiting.append(parent)
