"""A long input heard in tiles of time, one after another: memory is that of one tile, whatever the length.

Axes: B batch, F frames (the last axis, whatever lies between).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Tile:
    """So many frames from a first one on; past the end it goes on at the beginning."""

    first: int
    frames: int

    def cut(self, whole_BF: Tensor) -> Tensor:
        """Return these frames of a whole, a view where they lie together."""
        parts = self.parts(whole_BF)
        return parts[0] if len(parts) == 1 else torch.cat(parts, dim=-1)

    def paste(self, whole_BF: Tensor, tile_BF: Tensor) -> None:
        """Write these frames into a whole."""
        parts = self.parts(whole_BF)
        for part_BF, piece_BF in zip(parts, tile_BF.split([part.shape[-1] for part in parts], dim=-1), strict=True):
            part_BF.copy_(piece_BF)

    def parts(self, whole_BF: Tensor) -> list[Tensor]:
        """One view of a whole, or two where the tile goes past its end."""
        beyond = self.first + self.frames - whole_BF.shape[-1]
        if beyond <= 0:
            return [whole_BF.narrow(-1, self.first, self.frames)]
        return [whole_BF.narrow(-1, self.first, self.frames - beyond), whole_BF.narrow(-1, 0, beyond)]


Score = Callable[[Tensor, Tile], Tensor]  # of a tile's frames, and where it lies: one row per sample


def tiles_of(frames: int, longest: int, shift: int = 0) -> Iterator[Tile]:
    """The fewest tiles of at most `longest` frames that cover all once; they differ by one frame at most.

    Equal tiles need no padding, and none is so short that its end effects weigh more than the others'. With a shift
    the edges lie elsewhere, as if all were rolled by it.
    """
    count = -(-frames // longest)
    first = shift
    for i in range(count):
        length = frames // count + (i < frames % count)
        yield Tile(first % frames, length)
        first += length


def mean_over_tiles(score: Score, whole_BF: Tensor, longest: int, shift: int = 0) -> Tensor:
    """The mean over tiles, weighted by their frames, of a score per sample (B, ...).

    Differentiable once where the score is one number per sample. Samples must not mix in it.
    """
    if whole_BF.requires_grad and torch.is_grad_enabled():
        mean: Tensor = _Mean.apply(whole_BF, score, longest, shift)
        return mean
    frames = whole_BF.shape[-1]
    scores = [score(tile.cut(whole_BF), tile) * (tile.frames / frames) for tile in tiles_of(frames, longest, shift)]
    return torch.stack(scores).sum(dim=0)


class _Mean(torch.autograd.Function):
    """Takes a tile's gradient as soon as its score is known.

    What is kept is a gradient of the input's size. Checkpointing keeps as little, but runs every tile forward twice.
    """

    @staticmethod
    def forward(ctx: Any, whole_BF: Tensor, score: Score, longest: int, shift: int) -> Tensor:
        gradient_BF = torch.empty_like(whole_BF)
        total_B = torch.zeros(len(whole_BF), device=whole_BF.device)
        whole_BF = whole_BF.detach()
        for tile in tiles_of(whole_BF.shape[-1], longest, shift):
            with torch.enable_grad():
                leaf_BF = tile.cut(whole_BF).clone().requires_grad_()
                tile_B = score(leaf_BF, tile) * (tile.frames / whole_BF.shape[-1])
                tile.paste(gradient_BF, torch.autograd.grad(tile_B.sum(), leaf_BF)[0])
            total_B += tile_B.detach()
        ctx.save_for_backward(gradient_BF)
        return total_B

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, slope_B: Tensor) -> tuple[Tensor, None, None, None]:
        (gradient_BF,) = ctx.saved_tensors
        return gradient_BF * slope_B.view(-1, *[1] * (gradient_BF.dim() - 1)), None, None, None
