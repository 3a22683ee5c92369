"""Mels between 0 and 1, each by its own quietest and loudest value, as the prototype's GAN learns and makes them.

The way back gives every mel the same range, that of LJSpeech's log mels, since a mel between 0 and 1 has forgotten its
own. Half of that is no loss to the judge, who takes a mel's mean level out: an added constant changes nothing there.
The other half is: the judge hears how many nepers lie between silence and the loudest band, and a soft voice comes back
with the contrast of a loud one. Real mels sent there and back show how much of a distance that alone makes.

Axes: B batch, M mel bands, F frames.
"""

from torch import Tensor

from affekt.features.mel import normalise

RANGE = (-11.4227, 0.6957)  # raw log mel, of LJSpeech: what the prototype stretches each sample to for its vocoder
EPSILON = 1e-8  # a constant mel becomes 0 everywhere


def to_unit(mel_BMF: Tensor) -> Tensor:
    """Mels in any affine unit to 0..1, each by its own extremes."""
    low_B11, high_B11 = mel_BMF.amin((1, 2), keepdim=True), mel_BMF.amax((1, 2), keepdim=True)
    return (mel_BMF - low_B11) / (high_B11 - low_B11 + EPSILON)


def from_unit(unit_BMF: Tensor) -> Tensor:
    """Mels in 0..1, each stretched to RANGE, in normalised units; its own extremes become those of RANGE."""
    low, high = RANGE
    return normalise(low + (high - low) * to_unit(unit_BMF))
