"""What the networks that change a voice make of recordings: mels translated, taken apart and put together again.

Axes: B batch, E of the embedding, D numbers of a code, M mel bands, F frames, G frames of what comes out, S steps of
codes.
"""

import dataclasses
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from affekt.features.harmonics import SEMITONES
from affekt.features.mel import LOG_FLOOR, denormalise, normalise
from affekt.features.retiming import read_frames, times_of
from affekt.models.codegan import CodeGenerator
from affekt.models.speechsplit import STEP, Codes, SpeechSplit
from affekt.models.translator import Translator

NORMAL, STRONG = 0, 1  # indices of intensities
FURTHEST = math.log(2.0)  # a frame lasts half or twice as long at most
HIGHEST = 12.0  # semitones up or down at most
BLUR, REACH = 2.0, 8  # bands: deviation and half length of what takes harmonics off an envelope


@dataclass(frozen=True)
class Utterance:
    """A recording as converters take it."""

    mel_MF: Tensor  # raw log mel
    f0_F: Tensor  # Hz, 0 where unvoiced
    speaker_E: Tensor  # unit vector

    def to(self, device: torch.device) -> "Utterance":
        """The same on a device."""
        return Utterance(self.mel_MF.to(device), self.f0_F.to(device), self.speaker_E.to(device))


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


def blur_bands(x_BMF: Tensor) -> Tensor:
    """Return means over neighbouring bands, weighted by a Gaussian of BLUR bands."""
    away_K = torch.arange(-REACH, REACH + 1, device=x_BMF.device)
    weight_K = torch.exp(-(away_K**2) / (2 * BLUR**2))
    padded_NM = F.pad(x_BMF.transpose(1, 2), (REACH, REACH), mode="replicate").flatten(0, 1)
    blurred_NM = F.conv1d(padded_NM[:, None], (weight_K / weight_K.sum())[None, None])[:, 0]
    return blurred_NM.unflatten(0, (x_BMF.shape[0], x_BMF.shape[2])).transpose(1, 2)


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
