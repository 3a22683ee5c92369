"""The device: as asked or one clear error; the thread count is the parameter's; deterministic algorithms are on."""

import os
from collections.abc import Iterator

import pytest
import torch

from affekt.core.devices import choose, hardware, set_up
from affekt.core.errors import UserError


@pytest.fixture(autouse=True)
def restore(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    threads, mode = torch.get_num_threads(), torch.get_deterministic_debug_mode()
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
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
    assert hardware(torch.device("cpu")) == "CPU, 3 threads"


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
