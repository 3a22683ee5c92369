"""A recogniser over all clips of a set.

Axes: B clips, E classes.
"""

import torch
from torch import Tensor, nn

from affekt.features.clips import Heard

BATCH = 32


@torch.no_grad()
def predict(network: nn.Module, clips: Heard, batch: int = BATCH) -> Tensor:
    """Return the logits (clips, classes) of whole clips, in eval mode; batches of clips of like length."""
    network.eval()
    order_B = clips.lengths().sort(stable=True).indices
    pieces = [network(*clips.whole(rows_B)) for rows_B in order_B.split(batch)]
    logits_BE = torch.cat(pieces)
    return torch.empty_like(logits_BE).index_copy_(0, order_B, logits_BE)
