"""The device: as asked or one clear error; the thread count is the parameter's; deterministic algorithms are on."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
import torch
from threadpoolctl import threadpool_info, threadpool_limits

from affekt.core.devices import THREAD_VARIABLES, choose, fast_bf16, hardware, limit_threads, set_up
from affekt.core.errors import UserError


@pytest.fixture(autouse=True)
def restore(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    threads, mode = torch.get_num_threads(), torch.get_deterministic_debug_mode()
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    for name in THREAD_VARIABLES:
        monkeypatch.setenv(name, "1")  # so that what a test sets is undone
    with threadpool_limits():  # restores what it found
        yield
    torch.set_num_threads(threads)
    torch.set_deterministic_debug_mode(mode)


def test_threads_and_determinism_are_set_whatever_a_scheduler_exports(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    assert set_up("cpu", 3) == torch.device("cpu")
    assert torch.get_num_threads() == 3
    assert torch.are_deterministic_algorithms_enabled()
    assert torch.is_deterministic_algorithms_warn_only_enabled()
    assert not torch.backends.cudnn.benchmark
    assert not torch.backends.cudnn.allow_tf32
    assert not torch.backends.cuda.matmul.allow_tf32
    assert hardware(torch.device("cpu")) == "CPU, 3 threads"


def test_the_threads_of_every_blas_follow_too() -> None:
    import numpy as np  # noqa: F401 (brings its BLAS)

    for threads in (3, 1):
        set_up("cpu", threads)
        pools = {pool["filepath"]: pool["num_threads"] for pool in threadpool_info()}
        assert len(pools) >= 2
        assert set(pools.values()) == {threads}, pools


def test_what_is_loaded_later_and_children_follow_too() -> None:
    code = (
        "from affekt.core.devices import limit_threads; limit_threads(1)\n"
        "import os, scipy.linalg, torch\n"
        "from threadpoolctl import threadpool_info\n"
        "pools = {pool['num_threads'] for pool in threadpool_info()}\n"
        "print(pools, torch.get_num_threads(), os.environ['OMP_NUM_THREADS'])"
    )
    environment = os.environ | dict.fromkeys(THREAD_VARIABLES, "2")
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "{1} 1 1\n"


def test_torchs_own_number_of_threads_can_rise_again() -> None:
    limit_threads(1)
    assert torch.get_num_threads() == 1
    limit_threads(2)
    assert torch.get_num_threads() == 2


@pytest.mark.parametrize("supported", [True, False])
def test_bfloat16_is_fast_where_the_processor_has_it(supported: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: supported)
    assert fast_bf16(torch.device("cpu")) == supported


def test_cublas_is_told_to_be_deterministic(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG")
    set_up("cpu", 1)
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"


def test_without_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose("auto") == choose("cpu") == torch.device("cpu")
    with pytest.raises(UserError, match=r"params\.yaml: compute\.device: cuda .* use auto or cpu"):
        choose("cuda")


def test_with_a_gpu_each_process_of_torchrun_takes_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    assert choose("auto") == choose("cuda") == torch.device("cuda", 0)
    monkeypatch.setenv("LOCAL_RANK", "3")
    assert choose("auto") == torch.device("cuda", 3)
    assert choose("cpu") == torch.device("cpu")
