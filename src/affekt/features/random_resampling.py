"""Timing made random: parts of a clip made longer and shorter, so that its rhythm cannot be told.

Random resampling of SpeechSplit (Qian et al. 2020, arXiv 2004.11284, appendix B.1). Axes: B clips, F frames.
"""

import torch
from torch import Tensor

SHORTEST, LONGEST = 19, 32  # frames of a part
SLOWEST, FASTEST = 0.5, 1.5  # times as long as it was


def random_times(batch: int, frames: int, rng: torch.Generator) -> Tensor:
    """Draw where each frame of a resampled clip is read, (B, F) in 0 .. F - 1; a shorter one ends on its last frame."""
    parts = frames // SHORTEST + 2
    length_BP = torch.randint(SHORTEST, LONGEST + 1, (batch, parts), generator=rng).double()
    factor_BP = SLOWEST + (FASTEST - SLOWEST) * torch.rand(batch, parts, generator=rng, dtype=torch.float64)
    zero_B1 = torch.zeros(batch, 1, dtype=torch.float64)
    from_BP = torch.cat([zero_B1, length_BP.cumsum(1)], 1)
    to_BP = torch.cat([zero_B1, (length_BP * factor_BP).cumsum(1)], 1)
    place_BF = torch.arange(frames, dtype=torch.float64).expand(batch, -1).contiguous()
    high_BF = torch.searchsorted(to_BP, place_BF, right=True).clamp(1, parts)
    low_BF = high_BF - 1
    part_BF = (place_BF - to_BP.gather(1, low_BF)) / (to_BP.gather(1, high_BF) - to_BP.gather(1, low_BF))
    found_BF = from_BP.gather(1, low_BF) + part_BF * (from_BP.gather(1, high_BF) - from_BP.gather(1, low_BF))
    return found_BF.clamp(0, frames - 1).float()
