"""The device, its threads and its determinism."""

import os
import sys
from typing import TYPE_CHECKING

from affekt.core.errors import UserError

if TYPE_CHECKING:
    import torch

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def set_up(device: str, threads: int) -> "torch.device":
    """Choose the device, fix the thread count and switch deterministic algorithms on.

    The count is set here and not taken from OMP_NUM_THREADS: schedulers export that variable, and sums over
    another number of threads round differently.
    """
    import torch

    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS is deterministic only with it
    limit_threads(threads)
    # The same switch as use_deterministic_algorithms(True, warn_only=True), without its second of imports.
    torch.set_deterministic_debug_mode("warn")
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.allow_tf32 = False  # 10 bits of mantissa where the parameters say float32; matmuls keep 24
    return choose(device)


def limit_threads(threads: int) -> None:
    """Give torch and every BLAS this many threads, those that are loaded and those that will be.

    What is loaded is told by threadpoolctl; a library that is imported later, and every child, reads the environment.
    """
    from threadpoolctl import threadpool_limits

    for name in THREAD_VARIABLES:
        os.environ[name] = str(threads)
    threadpool_limits(threads)  # holds until it is told to restore; nothing does
    if "torch" in sys.modules:  # torch keeps a number of its own beside OpenMP's
        import torch

        torch.set_num_threads(threads)


def choose(device: str) -> "torch.device":
    """Turn `auto`, `cpu` or `cuda` into a device; under torchrun each process takes its own GPU."""
    import torch

    available = torch.cuda.is_available()
    if device == "cuda" and not available:
        raise UserError("params.yaml: compute.device: cuda was asked for, but torch sees no GPU; use auto or cpu")
    if device == "cpu" or not available:
        return torch.device("cpu")
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))


def fast_bf16(device: "torch.device") -> bool:
    """Whether bfloat16 is run by the hardware; emulated it is slower than float32."""
    import torch

    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return bool(torch.cpu._is_avx512_bf16_supported())


def hardware(device: "torch.device") -> str:
    """Describe the device in words, without the host's name."""
    import torch

    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"CPU, {torch.get_num_threads()} threads"
