"""Every random number derives from (seed, stage, item, what it is for)."""

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import torch

SEED_BITS = 63  # torch.Generator takes a signed 64-bit integer


def derive(seed: int, *labels: object) -> int:
    """Derive an independent 63-bit seed from a seed and labels.

    Labels enter by their text, separated, so that ("a", "bc") and ("ab", "c") differ.
    """
    text = "\x1f".join([str(int(seed)), *map(str, labels)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> (64 - SEED_BITS)


def generator(seed: int, *labels: object) -> "torch.Generator":
    """Return a CPU generator for (seed, labels); draw on the CPU so that CUDA sees the same numbers."""
    import torch

    return torch.Generator().manual_seed(derive(seed, *labels))


def numpy_rng(seed: int, *labels: object) -> "np.random.Generator":
    """Return numpy's default generator (PCG64) for (seed, labels)."""
    import numpy as np

    return np.random.default_rng(derive(seed, *labels))
