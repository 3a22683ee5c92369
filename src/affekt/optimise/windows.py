"""Windows of one size over a recording, which overlap and are cross-faded back into one.

Axes: B recordings, W windows, M mel bands, F frames of a recording, P frames of a window.
"""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Windows:
    """Equally far apart, the first at the recording's start and the last to its end."""

    starts: tuple[int, ...]
    size: int  # P
    frames: int  # F, of the recording

    @classmethod
    def over(cls, frames: int, size: int, overlap: int) -> "Windows":
        """As few windows as cover so many frames with at least this overlap; a short recording has one."""
        if not 0 <= overlap < size:
            raise ValueError(f"windows of {size} frames cannot overlap by {overlap}")
        spare = max(frames - size, 0)
        count = 1 + -(-spare // (size - overlap))
        return cls(tuple(spare * i // max(count - 1, 1) for i in range(count)), size, frames)

    def cut(self, x_MF: Tensor, filling: float) -> Tensor:
        """The windows (W, M, P); `filling` follows a recording that is shorter than one."""
        padded_MF = torch.nn.functional.pad(x_MF, (0, max(self.size - self.frames, 0)), value=filling)
        return torch.stack([padded_MF[:, start : start + self.size] for start in self.starts])

    def join(self, x_BWMP: Tensor) -> Tensor:
        """Cross-fade windows into (B, M, F): each counts less towards its ends."""
        ramp_P = torch.hann_window(self.size + 2, periodic=False, device=x_BWMP.device)[1:-1]  # nowhere zero
        total = max(self.frames, self.size)
        joined_BMF = x_BWMP.new_zeros(len(x_BWMP), x_BWMP.shape[2], total)
        weight_F = x_BWMP.new_zeros(total)
        for i, start in enumerate(self.starts):
            joined_BMF[..., start : start + self.size] += x_BWMP[:, i] * ramp_P
            weight_F[start : start + self.size] += ramp_P
        return (joined_BMF / weight_F)[..., : self.frames]
