"""Files that are whole or absent, and that are never a pickle."""

import contextlib
import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from affekt.core.errors import UserError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from torch import Tensor

NPY_MAGIC = b"\x93NUMPY"
PARQUET_MAGIC = b"PAR1"
SNAKEMAKE_TIMESTAMP = ".snakemake_timestamp"  # Snakemake leaves it in every folder it makes; not content


@contextlib.contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; on success it is synced and renamed to it, on failure removed."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        yield temporary
        sync(temporary)
        os.replace(temporary, path)
        sync(path.parent)
    except OSError as error:
        # A failing write knows no name, and the temporary one is gone; another file's name is the one to tell.
        if error.filename is None or Path(str(error.filename)).is_relative_to(temporary):
            error.filename = str(path)
        raise
    finally:
        remove(temporary)


def sync(path: Path) -> None:
    """Flush a file's or folder's entry to the disk, so that a rename never outlives its content."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove(path: Path) -> None:
    """Remove a file or a folder if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def replace(source: Path, target: Path) -> None:
    """Move a finished file or folder to its place; an old folder steps aside first, so that a kill loses neither."""
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = source.with_name(f"{source.name}.old")
    if target.is_dir() and not target.is_symlink():
        remove(aside)
        os.replace(target, aside)
    os.replace(source, target)
    remove(aside)


def write_json(path: Path, value: Any) -> None:
    """Write JSON with sorted keys; NaN and infinities are refused, since no other reader takes them."""
    text = json.dumps(value, indent=1, sort_keys=True, allow_nan=False, ensure_ascii=False)
    with atomic_path(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def read_json(path: Path) -> Any:
    """Read a JSON file; a broken one is a UserError that names the line."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such file") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: is not valid JSON ({error}); make it anew") from None


def sha256_file(path: Path) -> str:
    """Return the hex sha256 of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def list_files(folder: Path) -> list[Path]:
    """List the files below a folder, sorted, without what Snakemake leaves there."""
    return sorted(p for p in folder.rglob("*") if p.is_file() and p.name != SNAKEMAKE_TIMESTAMP)


def sha256_tree(path: Path) -> str:
    """Return the hex sha256 of a file, or of a folder's sorted relative names and contents."""
    if path.is_file():
        return sha256_file(path)
    if not path.is_dir():
        raise UserError(f"{path}: is missing; run `dvc repro`, which makes what a stage needs")
    digest = hashlib.sha256()
    for file in list_files(path):
        digest.update(f"{file.relative_to(path).as_posix()}\0{sha256_file(file)}\n".encode())
    return digest.hexdigest()


def save_tensors(path: Path, tensors: "Mapping[str, Tensor]", metadata: Mapping[str, str] | None = None) -> None:
    """Write named tensors as safetensors with text metadata, atomically."""
    from safetensors.torch import save

    whole = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with atomic_path(path) as temporary:
        # Not save_file: its error hides the errno of a full disk.
        temporary.write_bytes(save(whole, metadata=dict(metadata or {})))


def load_tensors(path: Path) -> "tuple[dict[str, Tensor], dict[str, str]]":
    """Read named tensors and metadata; anything that is not whole safetensors (a pickle, say) is refused."""
    from safetensors import SafetensorError, safe_open

    if not Path(path).is_file():
        raise UserError(f"{path}: there is no such weights file; run `make repro` first")
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
            return tensors, dict(file.metadata() or {})
    except (SafetensorError, OSError) as error:
        raise UserError(
            f"{path}: is not a whole safetensors file ({error}); pickles are never loaded: rebuild it by `dvc repro`"
        ) from None


def save_array(path: Path, array: "np.ndarray") -> None:
    """Write one array as npy, atomically; object arrays (pickles) are refused."""
    import numpy as np

    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        # Through `write` alone: for a true file numpy writes by itself and hides the errno of a full disk.
        np.save(SimpleNamespace(write=file.write), array, allow_pickle=False)


def load_array(path: Path, mmap: bool = True) -> "np.ndarray":
    """Read one npy array, memory-mapped read-only unless told otherwise; never a pickle."""
    import numpy as np

    _check_magic(path, NPY_MAGIC, "npy array")
    try:
        return np.load(path, mmap_mode="r" if mmap else None, allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise UserError(f"{path}: cannot be read as an npy array ({error}); make it anew") from None


def save_table(path: Path, table: "pd.DataFrame") -> None:
    """Write a table as parquet, atomically; without index, and with nothing of the clock in it."""
    with atomic_path(path) as temporary:
        table.to_parquet(temporary, index=False, engine="pyarrow", compression="zstd")


def load_table(path: Path) -> "pd.DataFrame":
    """Read a parquet table."""
    import pandas as pd

    _check_magic(path, PARQUET_MAGIC, "parquet table")
    try:
        return pd.read_parquet(path, engine="pyarrow")
    except (ValueError, OSError) as error:
        raise UserError(f"{path}: cannot be read as a parquet table ({error}); make it anew") from None


def _check_magic(path: Path, magic: bytes, what: str) -> None:
    try:
        with open(path, "rb") as file:
            head = file.read(len(magic))
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such file; run `dvc repro`, which makes it") from None
    if head != magic:
        raise UserError(f"{path}: is not a {what}; make it anew by `dvc repro`")
