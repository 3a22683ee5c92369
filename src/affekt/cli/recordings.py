"""A person's recording: as it is, and its sound at the project's rate. Axes: N samples and C channels, T samples."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from affekt.core.errors import UserError
from affekt.core.params import PrepareParams
from affekt.corpora.audio import SILENT_PEAK, decode, resample, to_mono, trim_bounds
from affekt.corpora.table import SAMPLE_RATE
from affekt.optimise.resynthesis import fit

LOUDEST = 4.0  # full scale is 1: a float recording may go beyond it by 12 dB, and is then brought to it


@dataclass(frozen=True)
class Recording:
    """A recording as it is, and its sound at 22,050 Hz without the silence around it."""

    samples_NC: np.ndarray
    rate: int
    mono_T: np.ndarray  # without the offset of its microphone (DC)
    start: int  # of the sound in mono_T
    stop: int

    @property
    def sound(self) -> Tensor:
        """The sound (T,)."""
        return torch.from_numpy(np.ascontiguousarray(self.mono_T[self.start : self.stop]))


def read_recording(path: Path, prepare: PrepareParams, shortest_s: float, longest_s: float, what: str) -> Recording:
    """Decode a recording and find its sound; UserError when it cannot be read, or is too short or long to be `what`."""
    samples_NC, rate = decode(path)
    peak = float(np.abs(samples_NC).max())
    if peak > LOUDEST:
        raise UserError(
            f"{path}: has samples of up to {peak:g}, and full scale is 1: it seems to keep whole numbers as floats; "
            "divide them by 32768 (if they are of 16 bits), or export it again as PCM"
        )
    samples_NC = fit(samples_NC)[0]
    mono_T = resample(to_mono(samples_NC), rate)
    # An offset would hide the silence from the trimming, and click where another sound begins.
    mono_T = mono_T - np.float32(mono_T.mean(dtype=np.float64))
    if np.abs(mono_T).max() < SILENT_PEAK:
        raise UserError(f"{path}: is silent (peak below -80 dB of full scale, channels together); record it again")
    start, stop = trim_bounds(mono_T, prepare.trim_db, prepare.trim_margin_s)
    seconds = (stop - start) / SAMPLE_RATE
    if not shortest_s <= seconds <= longest_s:
        raise UserError(
            f"{path}: holds {seconds:.2f} s of sound, and {shortest_s:g} s to {longest_s:.0f} s can be {what}"
        )
    return Recording(samples_NC, rate, mono_T, start, stop)
