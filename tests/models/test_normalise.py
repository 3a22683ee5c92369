"""A clip's level is taken out, over its own frames alone."""

import pytest
import torch
from torch import Tensor

from affekt.models.normalise import SPREAD, normalise_level


@pytest.mark.parametrize("frames", [None, torch.tensor([30, 12])])
def test_normalised_clips_have_no_level_and_zeros_beyond(frames: Tensor | None) -> None:
    mel_BMF = -5 + 3 * torch.randn(2, 80, 30, generator=torch.Generator().manual_seed(0))
    scaled = normalise_level(mel_BMF, frames)
    for row, valid in enumerate([30, 30] if frames is None else frames.tolist()):
        clip = mel_BMF[row, :, :valid]
        torch.testing.assert_close(scaled[row, :, :valid], (clip - clip.mean()) / SPREAD)
        assert (scaled[row, :, valid:] == 0).all()
