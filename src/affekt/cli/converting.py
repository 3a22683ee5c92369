"""What `affekt translate` and `affekt clone` share: a recording in parts, each converted, joined and put back.

Axes: T samples at 22,050 Hz, E of the embedding, M mel bands, F frames.
"""

import math
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from affekt.cli.hearing import is_loud
from affekt.cli.recordings import Recording, read_recording
from affekt.core.errors import UserError
from affekt.core.params import Params
from affekt.evaluate.converters import voice
from affekt.features.f0 import track_f0
from affekt.features.mel import HOP_LENGTH, LOG_FLOOR, SAMPLE_RATE, log_mel, mel_filterbank
from affekt.features.pauses import split_at_pauses
from affekt.features.speaker import SpeakerEncoder, embed_speakers
from affekt.models.codegan import CodeGenerator
from affekt.models.conversion import Utterance, cut, detail_of, put_together, recode, take_apart
from affekt.models.speechsplit import Codes, SpeechSplit
from affekt.optimise.resynthesis import fit

SHORTEST_S, LONGEST_S = 0.25, 120.0  # of sound: a syllable; what a person waits for
PART_S = (1.0, 4.0)  # the networks learnt from clips of a few seconds
USUAL = (-0.9, 1.9)  # level: RAVDESS has 0.2 with a deviation of 1.0, LibriSpeech 1.5, the demo 1.3 (0.4 both)
BEND = 8  # frames (0.09 s) of each part over which a join is made smooth
FADE = 256  # samples (12 ms) over which the recording's silence and what was made go over into each other

Convert = Callable[[Utterance], list[Tensor]]  # an utterance to raw log mels (M, F), one of each version


@dataclass(frozen=True)
class Part:
    """A part of a recording; it shares its last frame with the next."""

    utterance: Utterance
    loud: bool  # a pause is not, and stays as it is


@dataclass(frozen=True)
class Source:
    """A recording as converters take it."""

    recording: Recording
    sound_T: Tensor
    f0_F: np.ndarray  # Hz, 0 where unvoiced
    speaker_E: np.ndarray
    parts: list[Part]


def open_source(path: Path, params: Params, encoder: SpeakerEncoder, device: torch.device) -> Source:
    """Read a recording and take it into parts at its quietest places; f0 and voice are those of the whole."""
    recording = read_recording(path, params.prepare, SHORTEST_S, LONGEST_S, "converted")
    sound_T = recording.sound
    wave_T = sound_T.numpy()
    mel_MF = log_mel(sound_T.to(device))
    f0_F = track_f0(wave_T, params.features.f0_min_hz, params.features.f0_max_hz)
    if not f0_F.any():
        print(f"affekt: note: {path}: no voice is heard in it; what comes of noise is noise", file=sys.stderr)
    speaker_E = embed_speakers(encoder, [wave_T])[0]
    on_device = [torch.from_numpy(x).to(device) for x in (f0_F, speaker_E)]
    parts = []
    for start, stop in split_at_pauses(wave_T, *(round(seconds * SAMPLE_RATE) for seconds in PART_S)):
        frames = slice(start // HOP_LENGTH, stop // HOP_LENGTH + 1)
        utterance = Utterance(mel_MF[:, frames], on_device[0][frames], on_device[1])
        parts.append(Part(utterance, is_loud(wave_T[start:stop], wave_T, params.prepare.trim_db)))
    return Source(recording, sound_T, f0_F, speaker_E, parts)


def convert_parts(parts: Sequence[Part], convert: Convert, versions: int) -> Iterator[Tensor]:
    """Yield a raw log mel (M, F) of the whole sound for each version; pauses stay as they are."""
    made = [
        convert(part.utterance) if part.loud else [part.utterance.mel_MF] * versions
        for part in show(parts, "converting")
    ]
    for mels in zip(*made, strict=True):
        yield join_mels(mels)


def join_mels(mels: Sequence[Tensor]) -> Tensor:
    """Join mels of which each begins with the frame that the one before ends with.

    Where the two do not say that frame alike, both are bent half the way, more the nearer it is: the mel has no step,
    and since the vocoder speaks all of it at once, no click is heard.
    """
    bent = [mel_MF.clone() for mel_MF in mels]
    for before_MF, after_MF in pairwise(bent):
        assert min(before_MF.shape[1], after_MF.shape[1]) >= 2 * BEND, "two joins do not bend the same frame"
        half_M1 = (after_MF[:, :1] - before_MF[:, -1:]) / 2
        rising_F = torch.arange(1, BEND + 1, device=half_M1.device) / BEND
        before_MF[:, -BEND:] += half_M1 * rising_F
        after_MF[:, :BEND] -= half_M1 * rising_F.flip(0)
    return torch.cat([bent[0], *(mel_MF[:, 1:] for mel_MF in bent[1:])], 1)


@torch.no_grad()
def take_part(model: SpeechSplit, utterance: Utterance) -> tuple[Codes, Tensor]:
    """Return an utterance's codes and its frames (1,).

    They are those of the utterance at a usual level: of a quiet one, the code of rhythm hardly moves.
    """
    return take_apart(model, [replace(utterance, mel_MF=at_usual_level(utterance.mel_MF))])


@torch.no_grad()
def recode_part(codegan: CodeGenerator, codes: Codes, frames_B: Tensor, label: int) -> Codes:
    """Bring an utterance's codes, as take_part gives them, to an emotion by the network of codes."""
    return recode(codegan, codes, frames_B, torch.tensor([label], device=frames_B.device))


@torch.no_grad()
def detail_part(model: SpeechSplit, codes: Codes, source_MF: Tensor) -> Tensor:
    """Return what an utterance's codes, as take_part gives them, do not hold of its mel: (1, M, F)."""
    return detail_of(model, codes, [at_usual_level(source_MF)])


@torch.no_grad()
def decode_part(
    model: SpeechSplit, codes: Codes, frames_B: Tensor, source_MF: Tensor, detail_1MF: Tensor | None = None
) -> Tensor:
    """Return the raw log mel (M, F) of one utterance's codes, as loud as the mel that they were taken from."""
    return at_level(cut(put_together(model, codes, detail_1MF), frames_B)[0], level(source_MF))


def at_usual_level(mel_MF: Tensor) -> Tensor:
    """Return a raw log mel no quieter and no louder than most clips that the networks learnt from."""
    return at_level(mel_MF, level(mel_MF).clamp(*USUAL))


def at_level(mel_MF: Tensor, wanted: Tensor) -> Tensor:
    """Return a raw log mel at a level, never below the floor."""
    return (mel_MF + wanted - level(mel_MF)).clamp(min=math.log(LOG_FLOOR))


def level(mel_MF: Tensor) -> Tensor:
    """Return the log of about the root of the mean square of a raw log mel's sound, but for a constant.

    A band is the mean magnitude of as many bins as it is wide: its energy is its square, times its width.
    """
    width_M1 = 1 / mel_filterbank(mel_MF.device).amax(1, keepdim=True)
    return (width_M1 * (2 * mel_MF).exp()).sum(0).mean().log() / 2


def check_codegan(split: SpeechSplit, codegan: CodeGenerator, place: Path) -> None:
    """UserError where CodeGAN learnt codes of another size than SpeechSplit makes: they are of different runs."""
    wanted, found = 2 * (split.pitch.size + split.rhythm.size), codegan.mean_D1.shape[0]
    if wanted != found:
        raise UserError(
            f"{place}: changes codes of {found} numbers, and those of {place.with_name('speechsplit')} have {wanted}: "
            "it is of another run; train it again by `dvc repro codegan`"
        )


def speak(vocoder: nn.Module, mel_MF: Tensor) -> Tensor:
    """Return the sound (T,) of a raw log mel, on the CPU."""
    return torch.from_numpy(voice(vocoder, [mel_MF])[0])


def put_back(recording: Recording, sound_T: Tensor) -> np.ndarray:
    """Return the recording at 22,050 Hz with another sound between the silence around it; never beyond -1 to 1."""
    made_T = sound_T.numpy().copy()
    rising_T = (np.arange(FADE, dtype=np.float32) + 0.5) / FADE
    old_T = recording.mono_T[recording.start : recording.stop]
    made_T[:FADE] += (1 - rising_T) * (old_T[:FADE] - made_T[:FADE])
    made_T[-FADE:] += rising_T * (old_T[-FADE:] - made_T[-FADE:])
    return fit(np.concatenate([recording.mono_T[: recording.start], made_T, recording.mono_T[recording.stop :]]))[0]


def show(items: Any, what: str) -> Any:
    """Tell on a terminal how far work is."""
    from tqdm import tqdm

    return tqdm(items, desc=what, disable=None, leave=False)
