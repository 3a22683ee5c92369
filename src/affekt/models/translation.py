"""What the translator makes of a recording: its mel in other emotions, each in its own timing.

Axes: B batch, U parts of a recording, E emotions, M mel bands, F frames, G frames of what comes out.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from affekt.features.envelope import blur_bands
from affekt.features.harmonics import SEMITONES
from affekt.features.mel import LOG_FLOOR
from affekt.features.retiming import read_frames, times_of
from affekt.models.conversion import Utterance
from affekt.models.translator import Translator

NORMAL, STRONG = 0, 1  # indices of intensities
FURTHEST = math.log(2.0)  # a frame lasts half or twice as long at most
HIGHEST = 12.0  # semitones up or down at most


@torch.inference_mode()
def translate(
    translator: Translator, utterance: Utterance, emotions: Sequence[int], own: int, intensity: int = STRONG,
    strength: float = 1,
) -> list[Tensor]:  # fmt: skip
    """Return raw log mels (M, G) of the wanted emotions, indices of EMOTIONS, each in its own timing.

    What is drawn is a blurred mean of performances: what it loses of the recording itself, drawn in its `own` emotion
    (nearest_emotion), is put back but for harmonics. `strength` scales what is changed: 0 gives the recording back,
    above 1 exaggerates. The sound is scaled as it is drawn with the recording's own melody; the harmonics of the bent
    one are drawn whole, or two voices would be heard.
    """
    mel_BMF, f0_BF = utterance.mel_MF[None], utterance.f0_F[None]
    device, frames = mel_BMF.device, mel_BMF.shape[2]
    frames_B, intensity_B = torch.tensor([frames], device=device), torch.tensor([intensity], device=device)
    chosen_BE = torch.tensor([list(emotions)], device=device)
    stretch_BEF, semitones_BEF = (x[:, chosen_BE[0]] for x in translator.plan(mel_BMF, f0_BF, frames_B, intensity_B))
    bent_BEF = (strength * semitones_BEF).clamp(-HIGHEST, HIGHEST)
    plain_BEF = f0_BF[:, None].expand_as(bent_BEF)
    f0_BEF, both_BE = torch.cat([plain_BEF, plain_BEF * torch.exp2(bent_BEF / SEMITONES)], 1), chosen_BE.repeat(1, 2)
    drawn_BEMF = translator.render(mel_BMF, f0_BF, f0_BEF, both_BE, intensity_B, frames_B)
    plain_EMF, sung_EMF = drawn_BEMF[0].chunk(2)
    redrawn_BMF = redraw(translator, utterance, [own])
    lost_BMF = mel_BMF - redrawn_BMF
    envelope_BMF = blur_bands(lost_BMF)
    kept_BMF = envelope_BMF + max(0.0, 1 - strength) * (lost_BMF - envelope_BMF)
    mixed_EMF = redrawn_BMF + strength * (plain_EMF - redrawn_BMF) + (sung_EMF - plain_EMF) + kept_BMF
    stretch_EF = (strength * stretch_BEF[0]).clamp(-FURTHEST, FURTHEST).cpu().numpy()
    floor = math.log(LOG_FLOOR)
    return [
        read_frames(mel_MF, times_of(stretch_F)).clamp(min=floor)
        for mel_MF, stretch_F in zip(mixed_EMF, stretch_EF, strict=True)
    ]


@torch.inference_mode()
def redraw(translator: Translator, utterance: Utterance, emotions: Sequence[int]) -> Tensor:
    """Return raw log mels (E, M, F) of a recording drawn in emotions with its own timing and melody."""
    mel_BMF, f0_BF = utterance.mel_MF[None], utterance.f0_F[None]
    device = mel_BMF.device
    emotion_BE = torch.tensor([list(emotions)], device=device)
    intensity_B, frames_B = torch.tensor([NORMAL], device=device), torch.tensor([mel_BMF.shape[2]], device=device)
    f0_BEF = f0_BF[:, None].expand(-1, emotion_BE.shape[1], -1)
    return translator.render(mel_BMF, f0_BF, f0_BEF, emotion_BE, intensity_B, frames_B)[0]


def nearest_emotion(translator: Translator, utterances: Sequence[Utterance], learnt: Sequence[int]) -> int:
    """Return the emotion, of those that were learnt, in which the parts of one recording come out most like themselves.

    What a recording really is need not be known.
    """
    away_UE = [(redraw(translator, one, learnt) - one.mel_MF).abs().mean((1, 2)) for one in utterances]
    return list(learnt)[int(torch.stack(away_UE).mean(0).argmin())]
