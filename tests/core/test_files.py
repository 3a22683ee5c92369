"""Files: whole or absent, never a pickle, and one clear error for each fault."""

import errno
import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from affekt.core import files
from affekt.core.errors import UserError

# A file system of 64 kB that only this process sees; it is gone with the process.
IN_A_FULL_DISK = ["unshare", "-rm", "sh", "-c", 'mount -t tmpfs -o size=64k full "$0" && exec "$@"']
WRITE_TOO_MUCH = """
import os, sys
from pathlib import Path
from affekt.core import files
import numpy, pandas, torch
folder = Path(sys.argv[1])
big = numpy.random.default_rng(0).random(100_000)
for name, write in {
    "a.json": lambda path: files.write_json(path, big.tolist()),
    "a.npy": lambda path: files.save_array(path, big),
    "a.parquet": lambda path: files.save_table(path, pandas.DataFrame({"a": big})),
    "a.safetensors": lambda path: files.save_tensors(path, {"a": torch.from_numpy(big)}),
}.items():
    try:
        write(folder / name)
    except Exception as error:
        print(type(error).__name__, getattr(error, "errno", None), getattr(error, "filename", None), os.listdir(folder))
"""


def no_space(*_: Any, **__: Any) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_written_file_is_whole_and_alone(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "er" / "a.txt"
    with files.atomic_path(path) as temporary:
        assert temporary.parent == path.parent
        temporary.write_text("new")
        assert not path.exists()
    assert path.read_text() == "new"
    assert os.listdir(path.parent) == ["a.txt"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_failure_leaves_the_old_file_and_nothing_else(error: type[BaseException], tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")

    def write() -> None:
        with files.atomic_path(path) as temporary:
            temporary.write_text("half")
            raise error

    with pytest.raises(error):
        write()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("step", ["sync", "replace", "write"])
def test_a_full_disk_at_any_step_leaves_the_old_file(
    step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.json"
    files.write_json(path, {"old": 1})
    before = path.read_bytes()
    target: Any = {"sync": files, "replace": os, "write": Path}[step]
    monkeypatch.setattr(target, {"write": "write_text"}.get(step, step), no_space)
    with pytest.raises(OSError, match="No space left") as caught:
        files.write_json(path, {"new": 2})
    assert caught.value.errno == errno.ENOSPC
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["a.json"]


def failing_write(path: Path, error: OSError) -> OSError:
    with pytest.raises(OSError, match=str(error.strerror)) as caught, files.atomic_path(path):
        raise error
    return caught.value


def test_a_failure_names_the_file_that_failed(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    assert failing_write(path, OSError(errno.EIO, "broken")).filename == str(path)  # a write knows no name
    with pytest.raises(OSError, match="No such file") as caught, files.atomic_path(path):
        pass  # never written: sync names the temporary file
    assert caught.value.filename == str(path)
    other = str(tmp_path / "other.wav")
    assert failing_write(path, PermissionError(errno.EACCES, "denied", other)).filename == other


def test_a_disk_that_is_really_full_is_named_with_its_file_and_left_empty(tmp_path: Path) -> None:
    if subprocess.run([*IN_A_FULL_DISK, str(tmp_path), "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine lets no process mount a file system of its own")
    command = [*IN_A_FULL_DISK, str(tmp_path), sys.executable, "-c", WRITE_TOO_MUCH, str(tmp_path)]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    names = ("a.json", "a.npy", "a.parquet", "a.safetensors")
    assert result.stdout.splitlines() == [f"OSError {errno.ENOSPC} {tmp_path / name} []" for name in names]


def test_json_is_sorted_text_that_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    value = {"b": [1, 0.1, None], "a": {"é": True}}
    files.write_json(path, value)
    assert path.read_text(encoding="utf-8") == ('{\n "a": {\n  "é": true\n },\n "b": [\n  1,\n  0.1,\n  null\n ]\n}\n')
    assert files.read_json(path) == value


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_json_refuses_numbers_that_other_readers_cannot_take(value: float, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        files.write_json(tmp_path / "a.json", {"a": [value]})
    assert os.listdir(tmp_path) == []


def test_broken_and_missing_json_name_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    with pytest.raises(UserError, match=r"a\.json: there is no such file"):
        files.read_json(path)
    for content in (b'{"a": 1,\n "b"', b"", b"\xff\xfe"):
        path.write_bytes(content)
        with pytest.raises(UserError, match=r"a\.json: is not valid JSON"):
            files.read_json(path)


def test_tensors_come_back_to_the_bit_with_their_metadata(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    tensors = {
        "f": torch.tensor([1.5, float("nan"), -0.0]),
        "b": torch.randn(3, 2, generator=torch.Generator().manual_seed(0)).bfloat16(),
        "i": torch.tensor(2**40),
        "t": torch.arange(6).reshape(2, 3).T,  # not contiguous
        "e": torch.empty(0, 4),
    }
    files.save_tensors(path, tensors, {"step": "3"})
    found, metadata = files.load_tensors(path)
    assert metadata == {"step": "3"}
    assert set(found) == set(tensors)
    for name, tensor in tensors.items():
        torch.testing.assert_close(found[name], tensor, rtol=0, atol=0, equal_nan=True)
        assert found[name].dtype == tensor.dtype


def test_the_same_tensors_give_the_same_bytes(tmp_path: Path) -> None:
    tensors = {"b": torch.ones(3), "a": torch.zeros(2, dtype=torch.int64)}
    files.save_tensors(tmp_path / "one", tensors, {"x": "1"})
    files.save_tensors(tmp_path / "two", dict(reversed(tensors.items())), {"x": "1"})
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def as_pickle(path: Path) -> None:
    path.write_bytes(pickle.dumps({"a": [1, 2]}))


def as_zip(path: Path) -> None:
    torch.save({"a": torch.ones(3)}, path)


def as_truncated(path: Path) -> None:
    files.save_tensors(path, {"a": torch.ones(1000)})
    path.write_bytes(path.read_bytes()[:-1])


def as_header_only(path: Path) -> None:
    files.save_tensors(path, {"a": torch.ones(1000)})
    path.write_bytes(path.read_bytes()[:20])


def as_empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("make", [as_pickle, as_zip, as_truncated, as_header_only, as_empty])
def test_what_is_not_whole_safetensors_is_refused_by_name(make: Callable[[Path], None], tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    make(path)
    with pytest.raises(UserError) as caught:
        files.load_tensors(path)
    assert str(caught.value).startswith(f"{path}: is not a whole safetensors file")
    assert "pickles are never loaded" in str(caught.value)


def test_missing_weights_say_what_makes_them(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"weights\.safetensors: there is no such weights file; run `make repro`"):
        files.load_tensors(tmp_path / "weights.safetensors")


class Bomb:
    """Unpickled, it would make a file."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.mkdir, (str(self.path),))


def test_a_pickle_never_runs(tmp_path: Path) -> None:
    bomb = Bomb(tmp_path / "ran")
    torch.save(bomb, tmp_path / "weights.safetensors")
    np.save(tmp_path / "a.npy", np.array([bomb], dtype=object), allow_pickle=True)
    with pytest.raises(UserError):
        files.load_tensors(tmp_path / "weights.safetensors")
    for mmap in (True, False):
        with pytest.raises(UserError, match=r"a\.npy: cannot be read"):
            files.load_array(tmp_path / "a.npy", mmap)
    assert not (tmp_path / "ran").exists()


def test_arrays_come_back_memory_mapped_and_read_only(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    array = np.arange(12, dtype=np.int16).reshape(3, 4)
    files.save_array(path, array)
    mapped, loaded = files.load_array(path), files.load_array(path, mmap=False)
    assert isinstance(mapped, np.memmap)
    assert not mapped.flags.writeable
    assert not isinstance(loaded, np.memmap)
    for found in (mapped, loaded):
        np.testing.assert_array_equal(found, array)
        assert found.dtype == array.dtype


def test_an_object_array_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="pickle"):
        files.save_array(tmp_path / "a.npy", np.array([{}], dtype=object))
    assert os.listdir(tmp_path) == []


def test_tables_come_back_and_hold_no_clock(tmp_path: Path) -> None:
    table = pd.DataFrame({"clip_id": ["a", "b"], "offset": [0, 5], "rate": [0.5, 1.5]})
    files.save_table(tmp_path / "one.parquet", table)
    files.save_table(tmp_path / "two.parquet", table)
    pd.testing.assert_frame_equal(files.load_table(tmp_path / "one.parquet"), table)
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "two.parquet").read_bytes()


@pytest.mark.parametrize(("load", "suffix"), [(files.load_array, "npy"), (files.load_table, "parquet")])
def test_other_and_truncated_and_missing_arrays_and_tables_are_named(
    load: Callable[[Path], Any], suffix: str, tmp_path: Path
) -> None:
    path = tmp_path / f"a.{suffix}"
    with pytest.raises(UserError, match=rf"a\.{suffix}: there is no such file; run `dvc repro`"):
        load(path)
    for content in (pickle.dumps([1]), b"PK\x03\x04zip", b""):
        path.write_bytes(content)
        with pytest.raises(UserError, match=rf"a\.{suffix}: is not a"):
            load(path)
    if suffix == "npy":
        files.save_array(path, np.arange(1000))
    else:
        files.save_table(path, pd.DataFrame({"a": range(1000)}))
    for share in (0.1, 0.5, 0.9):
        whole = path.read_bytes()
        cut = tmp_path / f"cut.{suffix}"
        cut.write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(UserError, match=rf"cut\.{suffix}: cannot be read as"):
            load(cut)


def test_a_tree_has_one_hash_of_names_and_contents(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        for name in ("b/c.txt", "a.txt"):
            (tmp_path / folder / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / folder / name).write_text(name)
    first = files.sha256_tree(tmp_path / "one")
    assert files.sha256_tree(tmp_path / "two") == first
    (tmp_path / "two" / ".snakemake_timestamp").touch()
    assert files.sha256_tree(tmp_path / "two") == first
    (tmp_path / "two" / "a.txt").rename(tmp_path / "two" / "d.txt")
    assert files.sha256_tree(tmp_path / "two") != first
    (tmp_path / "one" / "a.txt").write_text("other")
    assert files.sha256_tree(tmp_path / "one") != first
    with pytest.raises(UserError, match="three: is missing; run `dvc repro`"):
        files.sha256_tree(tmp_path / "three")


def test_the_hash_of_a_file_is_its_sha256(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-4, the example
    assert files.sha256_file(tmp_path / "a") == files.sha256_tree(tmp_path / "a") == expected


def test_replace_puts_a_folder_over_a_folder_a_file_and_nothing(tmp_path: Path) -> None:
    for number, old in enumerate(("folder", "file", "nothing")):
        source, target = tmp_path / "work" / str(number), tmp_path / "outs" / old / "x"
        source.mkdir(parents=True)
        (source / "new").write_text(json.dumps(number))
        if old == "folder":
            target.mkdir(parents=True)
            (target / "old").touch()
        elif old == "file":
            target.parent.mkdir(parents=True)
            target.touch()
        if old == "file":
            source = source / "new"
        files.replace(source, target)
        assert (target if old == "file" else target / "new").read_text() == str(number)
        assert not source.exists()
        assert old == "file" or os.listdir(target) == ["new"]
