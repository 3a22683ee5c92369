"""What a network hears of clips in training: a random view of each, whatever the kind of clips.

Axes: B clips; what follows is the network's own input.
"""

import torch
from torch import Tensor

from affekt.features.clips import Clips, Heard, Spectrograms, Waves
from affekt.features.mel import HOP_LENGTH
from affekt.training.augment import Augment, mask, random_views
from affekt.training.augment_audio import random_windows


def draw_views(clips: Heard, rows_B: Tensor, augment: Augment, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return a view of each clip of `crop_frames` frames and the valid lengths, in frames or samples.

    Waveforms are cut to as many frames of HOP_LENGTH; their network masks what its filterbank hears by itself.
    """
    if isinstance(clips, Clips):
        return random_views(clips.mel_BFM[rows_B], clips.frames_B[rows_B], augment, rng)
    if isinstance(clips, Waves):
        return random_windows(clips, rows_B, augment.crop_frames * HOP_LENGTH, augment, rng)
    assert isinstance(clips, Spectrograms), f"clips of no known kind: {type(clips).__name__}"
    hop = clips.resolution.hop_length
    wave_BT, samples_B = random_windows(clips.waves, rows_B, (augment.crop_frames - 1) * hop, augment, rng)
    return clips.transform(wave_BT), samples_B // hop + 1


def hide(x: Tensor, clips: Heard, augment: Augment, rng: torch.Generator) -> Tensor:
    """SpecAugment on mels and spectrograms, if asked."""
    return mask(x, rng) if augment.masks and not isinstance(clips, Waves) else x
