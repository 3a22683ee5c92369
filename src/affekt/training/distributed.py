"""Several processes under torchrun: mean gradients, shared values. In one process each function does nothing."""

import os
from collections.abc import Iterable

import torch
from torch import distributed, nn


def start(device: torch.device) -> None:
    """Join the processes that torchrun started."""
    if "WORLD_SIZE" in os.environ and int(os.environ["WORLD_SIZE"]) > 1 and not distributed.is_initialized():
        cuda = device.type == "cuda"
        # Without device_id NCCL guesses the GPU from the rank, and a wrong guess hangs.
        distributed.init_process_group("nccl" if cuda else "gloo", device_id=device if cuda else None)


def rank() -> int:
    """Return this process's number."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def is_first() -> bool:
    """Say whether this process writes checkpoints and logs."""
    return rank() == 0


def average_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Replace each gradient by its mean over the processes, in one flat message."""
    if not distributed.is_initialized():
        return
    gradients = [p.grad for p in parameters if p.grad is not None]
    flat = torch.cat([g.flatten() for g in gradients])
    distributed.all_reduce(flat)
    flat /= distributed.get_world_size()
    for gradient, piece in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
        gradient.copy_(piece.view_as(gradient))


def share_value(value: float, device: torch.device) -> float:
    """Return the first process's value everywhere."""
    if not distributed.is_initialized():
        return value
    shared = torch.tensor(value, dtype=torch.float64, device=device)
    distributed.broadcast(shared, src=0)
    return float(shared)


def share_buffers(module: nn.Module) -> None:
    """Take the first process's buffers (batch norm's running statistics) everywhere."""
    if distributed.is_initialized():
        for buffer in module.buffers():
            distributed.broadcast(buffer, src=0)
