"""MFCC are librosa's of the same log mel."""

import numpy as np
import pytest
import torch

from affekt.core.errors import UserError
from affekt.features.mel import N_MELS
from affekt.features.mfcc import mfcc


def test_mfcc_are_librosas() -> None:
    import librosa

    mel = torch.randn(N_MELS, 50, generator=torch.Generator().manual_seed(0)) * 3 - 6
    theirs = librosa.feature.mfcc(S=mel.numpy(), n_mfcc=20)
    np.testing.assert_allclose(mfcc(mel, 20).numpy(), theirs, atol=1e-4)


def test_flat_spectrum_has_only_the_first_coefficient() -> None:
    found = mfcc(torch.full((2, N_MELS, 3), -4.0), 13)
    assert found.shape == (2, 13, 3)
    torch.testing.assert_close(found[:, 0], torch.full((2, 3), -4.0 * N_MELS**0.5))
    assert found[:, 1:].abs().max() < 1e-4


def test_all_coefficients_keep_the_energy() -> None:
    mel = torch.randn(N_MELS, 7, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(mfcc(mel, N_MELS).square().sum(0), mel.square().sum(0))


@pytest.mark.parametrize("count", [0, 81])
def test_impossible_counts_are_refused(count: int) -> None:
    with pytest.raises(UserError, match="1 to 80"):
        mfcc(torch.zeros(N_MELS, 2), count)
