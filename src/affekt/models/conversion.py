"""Recordings as networks that change a voice take them; taken apart into codes, and put together again.

Axes: B batch, E of the embedding, D numbers of a code, M mel bands, F frames, S steps of codes.
"""

import dataclasses
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from affekt.features.envelope import blur_bands
from affekt.features.mel import LOG_FLOOR, denormalise, normalise
from affekt.models.codegan import CodeGenerator
from affekt.models.speechsplit import STEP, Codes, SpeechSplit


@dataclass(frozen=True)
class Utterance:
    """A recording as converters take it."""

    mel_MF: Tensor  # raw log mel
    f0_F: Tensor  # Hz, 0 where unvoiced
    speaker_E: Tensor  # unit vector

    def to(self, device: torch.device) -> "Utterance":
        """The same on a device."""
        return Utterance(self.mel_MF.to(device), self.f0_F.to(device), self.speaker_E.to(device))


def take_apart(model: SpeechSplit, utterances: Sequence[Utterance]) -> tuple[Codes, Tensor]:
    """Return the codes of recordings side by side and the frames of each (B,); a shorter one's last codes go on.

    Each is encoded alone: the encoders normalise over time, so what is heard beside a clip would change its codes.
    """
    each = [_encode(model, one) for one in utterances]
    steps = max(codes.pitch_BDS.shape[2] for codes in each)

    def beside(parts: Iterable[Tensor]) -> Tensor:
        return torch.cat([F.pad(x, (0, steps - x.shape[2]), mode="replicate") for x in parts])

    return (
        Codes(
            content_BDS=beside(codes.content_BDS for codes in each),
            pitch_BDS=beside(codes.pitch_BDS for codes in each),
            rhythm_BDS=beside(codes.rhythm_BDS for codes in each),
            speaker_BE=torch.cat([codes.speaker_BE for codes in each]),
        ),
        torch.tensor([len(one.f0_F) for one in utterances], device=each[0].speaker_BE.device),
    )


def _encode(model: SpeechSplit, one: Utterance) -> Codes:
    spare = -len(one.f0_F) % STEP
    mel_BMF = F.pad(one.mel_MF, (0, spare), value=math.log(LOG_FLOOR))[None]
    speaker_BE = one.speaker_E[None]
    return model.encode(normalise(mel_BMF), model.melody(F.pad(one.f0_F, (0, spare))[None], speaker_BE), speaker_BE)


def put_together(model: SpeechSplit, codes: Codes, detail_BMF: Tensor | None = None) -> Tensor:
    """Return raw log mels (B, M, F) of codes, F a multiple of STEP; differentiable, never below the floor.

    With `detail_BMF`, as detail_of gives it, what codes do not hold of the recording is put back.
    """
    made_BMF = denormalise(model.decode(codes))
    return (made_BMF if detail_BMF is None else made_BMF + detail_BMF).clamp(min=math.log(LOG_FLOOR))


@torch.no_grad()
def detail_of(model: SpeechSplit, codes: Codes, mels: Sequence[Tensor]) -> Tensor:
    """Return what is lost of raw log mels (M, F) where their codes are put together, but for harmonics: (B, M, F).

    Codes are narrow, and what is decoded is a mean of many performances: the envelope loses what makes the voice. It is
    blurred over bands: of harmonics that the decoder lacks 15 % are left at 200 Hz, 40 % at 400 Hz, or where codes move
    a melody the old one would be heard beside it.
    """
    made_BMF = put_together(model, codes)
    lost_BMF = torch.zeros_like(made_BMF)
    for row, mel_MF in enumerate(mels):
        frames = mel_MF.shape[1]
        lost_BMF[row, :, :frames] = mel_MF - made_BMF[row, :, :frames]
    return blur_bands(lost_BMF)


def cut(mel_BMF: Tensor, frames_B: Tensor) -> list[Tensor]:
    """Return mels (M, F) without what follows their last frame."""
    return [mel_MF[:, :frames] for mel_MF, frames in zip(mel_BMF, frames_B.tolist(), strict=True)]


def prosody_of(codes: Codes) -> Tensor:
    """Return the codes of melody and timing beside each other, (B, D, S)."""
    return torch.cat([codes.pitch_BDS, codes.rhythm_BDS], 1)


def with_prosody(codes: Codes, prosody_BDS: Tensor) -> Codes:
    """Return codes with another melody and timing, as `prosody_of` has them."""
    pitch_BDS, rhythm_BDS = prosody_BDS.split([codes.pitch_BDS.shape[1], codes.rhythm_BDS.shape[1]], 1)
    return dataclasses.replace(codes, pitch_BDS=pitch_BDS, rhythm_BDS=rhythm_BDS)


@torch.inference_mode()
def recode(codegan: CodeGenerator, codes: Codes, frames_B: Tensor, emotion_B: Tensor) -> Codes:
    """Return codes with the melody and timing of wanted emotions; what follows a clip's last step is left alone."""
    prosody_BDS = prosody_of(codes)
    converted_BDS = prosody_BDS.clone()
    for row, frames in enumerate(frames_B.tolist()):  # one by one: a network that normalises over time hears no padding
        steps = -(-int(frames) // STEP)
        span = prosody_BDS[row : row + 1, :, :steps]
        converted_BDS[row : row + 1, :, :steps] = codegan.convert(span, emotion_B[row : row + 1])
    return with_prosody(codes, converted_BDS)


def flatten_melody(codes: Codes, frames_B: Tensor, factor: float) -> Codes:
    """Return codes whose melody moves `factor` times as much around its own mean: 0.1 is seed 4's "fake neutral"."""
    steps_B = torch.div(frames_B + STEP - 1, STEP, rounding_mode="floor")
    inside_B1S = (torch.arange(codes.pitch_BDS.shape[2], device=steps_B.device) < steps_B[:, None])[:, None]
    mean_BD1 = (codes.pitch_BDS * inside_B1S).sum(2, keepdim=True) / steps_B[:, None, None]
    flat_BDS = mean_BD1 + factor * (codes.pitch_BDS - mean_BD1)
    return dataclasses.replace(codes, pitch_BDS=torch.where(inside_B1S, flat_BDS, codes.pitch_BDS))


def with_speaker(codes: Codes, speaker_BE: Tensor) -> Codes:
    """Return codes in other voices."""
    return dataclasses.replace(codes, speaker_BE=speaker_BE)


def utterance_of(mel_FM: np.ndarray, f0_F: np.ndarray, speaker_E: np.ndarray, device: torch.device) -> Utterance:
    """Make an utterance of arrays as a packed corpus holds them: mel (F, M), f0 in Hz, embedding."""
    mel_MF = torch.from_numpy(np.ascontiguousarray(mel_FM.T))
    f0, speaker = (torch.from_numpy(np.array(x)) for x in (f0_F, speaker_E))
    return Utterance(mel_MF, f0, speaker).to(device)
