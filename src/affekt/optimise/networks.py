"""Networks made ready for being climbed: frozen, and as fast as evaluation allows."""

import copy

import torch
from torch import nn

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.ConvTranspose1d, nn.ConvTranspose2d)
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)


def prepare(network: nn.Module, device: torch.device, bf16: bool) -> nn.Module:
    """Return a frozen copy in evaluation mode with batch norms folded, channels last and, if asked, half the bits.

    Only weights that autocast would convert at every call are stored as bfloat16; the rest stays float32.
    """
    network = copy.deepcopy(network).to(device).eval().requires_grad_(False)
    for sequence in [m for m in network.modules() if isinstance(m, nn.Sequential)]:
        _fold(sequence)
    if device.type == "cpu":
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if bf16:
        for module in network.modules():
            if isinstance(module, (*CONVOLUTIONS, nn.Linear)):
                module.to(torch.bfloat16)
    return network


def _fold(sequence: nn.Sequential) -> None:
    """Fold each batch norm into the convolution right before it: an affine map after an affine map."""
    for i in range(len(sequence) - 1):
        convolution, norm = sequence[i], sequence[i + 1]
        if isinstance(convolution, CONVOLUTIONS) and isinstance(norm, NORMS):
            transposed = isinstance(convolution, nn.ConvTranspose1d | nn.ConvTranspose2d)
            sequence[i] = torch.nn.utils.fusion.fuse_conv_bn_eval(convolution, norm, transpose=transposed)
            sequence[i + 1] = nn.Identity()
