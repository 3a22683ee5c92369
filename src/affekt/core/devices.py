"""The device, its threads and its determinism."""

import os
from typing import TYPE_CHECKING

from affekt.core.errors import UserError

if TYPE_CHECKING:
    import torch


def set_up(device: str, threads: int) -> "torch.device":
    """Choose the device, fix the thread count and switch deterministic algorithms on.

    The count is set here and not taken from OMP_NUM_THREADS: schedulers export that variable, and sums over
    another number of threads round differently.
    """
    import torch

    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS is deterministic only with it
    torch.set_num_threads(threads)
    # The same switch as use_deterministic_algorithms(True, warn_only=True), without its second of imports.
    torch.set_deterministic_debug_mode("warn")
    torch.backends.cudnn.benchmark = False
    return choose(device)


def choose(device: str) -> "torch.device":
    """Turn `auto`, `cpu` or `cuda` into a device; under torchrun each process takes its own GPU."""
    import torch

    available = torch.cuda.is_available()
    if device == "cuda" and not available:
        raise UserError("params.yaml: compute.device: cuda was asked for, but torch sees no GPU; use auto or cpu")
    if device == "cpu" or not available:
        return torch.device("cpu")
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))


def hardware(device: "torch.device") -> str:
    """Describe the device in words, without the host's name."""
    import torch

    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"CPU, {torch.get_num_threads()} threads"
