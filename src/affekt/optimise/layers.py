"""The layers of a network that a dream can listen at, and what they say.

Axes: B batch, C channels; a layer's output has further axes after the batch, in any order.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from affekt.core.errors import UserError

NORMS = (nn.modules.batchnorm._BatchNorm, nn.LayerNorm, nn.GroupNorm)  # parts of a layer, none of their own
LISTS = (nn.ModuleList, nn.ModuleDict)


@dataclass(frozen=True)
class Layer:
    """A block, a recurrent layer, the pooled vector or the logits, by its name in the network."""

    name: str
    channels: int
    axis: int  # of the output, where the channels are


class _ReachedError(Exception):
    """A forward pass has come to the layer; what lies behind it need not be computed."""

    def __init__(self, output: Tensor) -> None:
        super().__init__()
        self.output = output


def list_layers(network: nn.Module, example_B: Tensor) -> list[Layer]:
    """All layers in the order in which the network runs them; `example_B`: an input, time on its last axis.

    Two lengths of it tell time from channels, whether a layer puts these first (convolutions) or last (recurrent).
    """
    longer = _shapes(network, example_B)
    shorter = _shapes(network, example_B[..., : example_B.shape[-1] * 3 // 4])
    layers = []
    for name, shape in longer.items():
        steady = [axis for axis in range(1, len(shape)) if shape[axis] == shorter[name][axis]]
        if steady and shape[0] == len(example_B):
            layers.append(Layer(name, shape[steady[0]], steady[0]))
    return layers


def find_layer(layers: list[Layer], name: str, channel: int | None) -> Layer:
    """The layer of this name; UserError that lists the names, or when it has no such channel."""
    for layer in layers:
        if layer.name == name:
            if channel is not None and not 0 <= channel < layer.channels:
                raise UserError(f"channel {channel}: layer {name} has channels 0 to {layer.channels - 1}")
            return layer
    raise UserError(f"layer {name}: this network has {', '.join(layer.name for layer in layers)}")


def activation(network: nn.Module, layer: Layer, channel: int | None, input_B: Tensor) -> Tensor:
    """Mean output (B,) of one channel of a layer, or of all; the network runs only up to there."""
    output = _run_to(network, layer.name, input_B)
    chosen = output if channel is None else output.select(layer.axis, channel)
    return chosen.reshape(len(chosen), -1).float().mean(dim=1)


def _run_to(network: nn.Module, name: str, input_B: Tensor) -> Tensor:
    def stop(module: nn.Module, inputs: object, output: Tensor | tuple[Tensor, ...]) -> None:
        raise _ReachedError(_first(output))

    handle = network.get_submodule(name).register_forward_hook(stop)
    try:
        with differentiable(network, input_B):
            network(input_B)
    except _ReachedError as reached:
        return reached.output
    finally:
        handle.remove()
    raise AssertionError(f"the network does not run its layer {name}")


def differentiable(network: nn.Module, input_B: Tensor) -> AbstractContextManager[None]:
    """Run a frozen network so that gradients pass: cuDNN's recurrent layers have no backward in evaluation mode."""
    recurrent = any(isinstance(module, nn.RNNBase) for module in network.modules())
    return torch.backends.cudnn.flags(enabled=False) if input_B.is_cuda and recurrent else nullcontext()


def _shapes(network: nn.Module, input_B: Tensor) -> dict[str, torch.Size]:
    """Shape of every layer's first output, in the order of running."""
    shapes: dict[str, torch.Size] = {}
    handles = []
    for name, module in _blocks(network):

        def note(module: nn.Module, inputs: object, output: object, name: str = name) -> None:
            shapes.setdefault(name, _first(output).shape)

        handles.append(module.register_forward_hook(note))
    try:
        with torch.no_grad():
            network(input_B)
    finally:
        for handle in handles:
            handle.remove()
    return shapes


def _blocks(module: nn.Module, prefix: str = "") -> Iterator[tuple[str, nn.Module]]:
    """Parts with weights; what has a list of blocks somewhere in it is opened, anything else is a block.

    Lists and sequences only hold their blocks; other containers are layers too, as they may do more than the last of
    these, and come after them.
    """
    for name, child in module.named_children():
        if isinstance(child, NORMS) or not _has_weights(child):
            continue
        opened = _has_list(child)
        if opened:
            yield from _blocks(child, f"{prefix}{name}.")
        if not (opened and isinstance(child, (*LISTS, nn.Sequential))):
            yield f"{prefix}{name}", child


def _has_list(module: nn.Module) -> bool:
    """Whether it is, or has somewhere, a list of modules or a sequence of more than plain parts."""
    children = list(module.children())
    if isinstance(module, LISTS):
        return True
    if isinstance(module, nn.Sequential) and any(True for child in children for _ in child.children()):
        return True
    return any(_has_list(child) for child in children)


def _has_weights(module: nn.Module) -> bool:
    return next(module.parameters(), None) is not None


def _first(output: object) -> Tensor:
    """A recurrent layer also gives its state, a WaveNet's block its skip connection: the first output counts."""
    while isinstance(output, tuple | list):
        output = output[0]
    assert isinstance(output, Tensor)
    return output
