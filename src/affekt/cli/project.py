"""Where the pipeline lives: its root folder and the models of its last run."""

from pathlib import Path

from affekt.core.errors import UserError

PARAMS_NAME = "params.yaml"


def find_root(start: Path | None = None) -> Path:
    """The nearest folder with a params.yaml, from `start` (default: here) upwards; UserError if none has."""
    folder = (start or Path.cwd()).resolve()
    for candidate in (folder, *folder.parents):
        if (candidate / PARAMS_NAME).is_file():
            return candidate
    raise UserError(f"no {PARAMS_NAME} in {folder} or above it: run this inside your clone of Affekt")


def find_model(name: str, folder: Path | None = None) -> Path:
    """The folder of a trained model: the one given, or models/<name> of the pipeline's last run."""
    place = folder if folder is not None else find_root() / "models" / name
    if not (place / "weights.safetensors").is_file():
        raise UserError(f"no trained {name} in {place}: run `make repro` first (it trains every model)")
    return place


def refuse_overwriting(paths: list[Path], force: bool) -> None:
    """UserError that names the first of the paths that exists, unless `force`."""
    for path in paths:
        if path.exists() and not force:
            raise UserError(f"{path} exists: choose another place with -o, or overwrite it with --force")
