"""Measure the voices that VoiceGAN draws, let recordings be spoken in some of them, and flatten the melody of others.

Axes: B voices, E numbers of an embedding, M mel bands, F frames, T samples.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from affekt.core.files import write_json
from affekt.core.params import FeaturesParams
from affekt.core.params_converting import VoicesParams
from affekt.core.seeds import generator
from affekt.core.stage import Stage, run
from affekt.corpora.table import GENDERS
from affekt.corpora.wav import write_wav
from affekt.evaluate.clips import pick_clips
from affekt.evaluate.vocoding import summarise
from affekt.evaluate.voices import (
    Spoken,
    f0_deviation,
    fit_gender,
    measure_spoken,
    measure_voices,
    median_or_none,
    nearest,
)
from affekt.features.f0 import track_f0
from affekt.features.packed import Packed
from affekt.features.speaker import SpeakerEncoder, embed_speakers, load_encoder
from affekt.models.conversion import (
    Utterance,
    cut,
    flatten_melody,
    put_together,
    take_apart,
    utterance_of,
    with_speaker,
)
from affekt.models.io import load_model
from affekt.models.speechsplit import Codes, SpeechSplit
from affekt.models.vocoders import load_vocoder
from affekt.models.voicegan import VoiceGenerator
from affekt.training.voicegan import Voices, alternating

if TYPE_CHECKING:
    import pandas as pd

HALF = "b"  # of the speakers: no network has heard them
CALM = ("neutral", "calm")  # their melody moves little: it is not flattened, and what is spoken in other voices is so
FLATTENED = 16  # clips whose melody is flattened
SHOWN, SHOWN_FLAT = 8, 4  # sounds that are kept


@dataclass(frozen=True)
class Studio:
    """What takes recordings apart, brings codes to sound, and hears the sound."""

    split: SpeechSplit
    vocoder: nn.Module
    encoder: SpeakerEncoder
    features: FeaturesParams

    def take_apart(self, packed: Packed, row: int) -> tuple[Codes, Tensor]:
        """Return the codes of a clip and its frames (1,)."""
        return take_apart(self.split, [utterance_of_clip(packed, row).to(next(self.split.parameters()).device)])

    def speak(self, codes: Codes, frames_B: Tensor) -> np.ndarray:
        """Put the codes of a clip together and return its waveform (T,)."""
        (mel_MF,) = cut(put_together(self.split, codes), frames_B)
        return self.vocoder(mel_MF[None])[0].cpu().numpy()

    def f0(self, wave_T: np.ndarray) -> np.ndarray:
        """Track f0 in Hz, 0 where unvoiced, (F,)."""
        return track_f0(wave_T, self.features.f0_min_hz, self.features.f0_max_hz)


def main(stage: Stage) -> None:
    params = stage.params(VoicesParams)
    acted = Packed.load(stage.dep("prepared"), stage.dep("features"))
    read = Packed.load(stage.dep("reading_prepared"), stage.dep("reading_features"))
    heard, unheard = (Voices.of_half([acted, read], half) for half in ("a", "b"))
    studio, classifier = open_studio(stage), fit_gender(unheard)
    drawn_BE, gender_B = draw(stage, params.samples)
    rows = measure_voices(drawn_BE, gender_B, heard, unheard, classifier)
    parts = stage.out("voices")
    parts.mkdir(parents=True)
    index: dict[str, Any] = {"sources": [], "voices": []}
    spoken = []
    for gender in stage.progress(range(len(GENDERS)), "voices", total=len(GENDERS)):
        wished_BE = drawn_BE[: params.decoded][gender_B[: params.decoded] == gender]
        row = source_of(acted.clips, GENDERS[gender])
        one, waves = speak_as(studio, acted, row, wished_BE, gender)
        spoken.append(one)
        write_voices(parts, index, acted, row, one, waves, heard)
    rows |= {f"decoded/{key}": value for key, value in measure_spoken(spoken, classifier).items()}
    index["source"] = index["sources"][0]
    index["fake_neutral"], deviations = flatten(studio, acted, params.flatten, parts)
    rows |= {f"fake_neutral/{key}": value for key, value in deviations.items()}
    metrics = {f"voices/{key}": value for key, value in rows.items()}
    stage.metrics(metrics)
    write_json(stage.out("voices.json"), metrics)
    write_json(parts / "index.json", index)
    stage.artifact(parts)


def open_studio(stage: Stage) -> Studio:
    """Load the networks by which recordings are spoken anew, and the encoder that hears voices."""
    split = load_model(stage.dep("speechsplit"), SpeechSplit, stage.device)
    vocoder = load_vocoder(stage.dep("vocoder"), stage.device)
    return Studio(split, vocoder, load_encoder(stage.device), stage.params(FeaturesParams))


@torch.inference_mode()
def draw(stage: Stage, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw voices (B, E), a woman's and a man's in turn, and give their genders (B,)."""
    network = load_model(stage.dep("voicegan"), VoiceGenerator, stage.device)
    gender_B = alternating(count)
    latent_BL = torch.randn(count, network.latent, generator=generator(stage.seed("latents")))
    return network(latent_BL.to(stage.device), gender_B.to(stage.device)).cpu().numpy(), gender_B.numpy()


def source_of(clips: "pd.DataFrame", gender: str) -> int:
    """Choose the row of an unheard speaker's clip to be spoken in voices of a gender: the nearest register.

    It is calm and of that gender, where the corpus has such.
    """
    left = clips[clips["half"] == HALF]
    for wanted in (left["gender"] == gender, left["emotion"].isin(CALM)):
        left = left[wanted[left.index]] if wanted[left.index].any() else left
    return int(pick_clips(left, 1, HALF).index[0])


@torch.inference_mode()
def speak_as(
    studio: Studio, acted: Packed, row: int, wished_BE: np.ndarray, gender: int
) -> tuple[Spoken, list[np.ndarray]]:
    """Let a clip be spoken in wished voices, and in that of its speaker as other clips have it; with the sounds."""
    codes, frames_B = studio.take_apart(acted, row)

    def in_voices(voice_BE: np.ndarray) -> list[np.ndarray]:
        return [
            studio.speak(with_speaker(codes, voice_E[None]), frames_B)
            for voice_E in torch.from_numpy(voice_BE).to(frames_B.device)
        ]

    mine = acted.clips[acted.clips["speaker"] == acted.clips["speaker"].iloc[row]]
    own = pick_clips(mine, max(2, len(wished_BE)), HALF).index.to_numpy()
    waves, own_waves = in_voices(wished_BE), in_voices(np.array(acted.speaker[own]))
    heard_BE, own_NE = (embed_speakers(studio.encoder, sounds) for sounds in (waves, own_waves))
    f0_hz = [median_or_none(studio.f0(wave_T)) for wave_T in waves]
    return Spoken(gender, wished_BE, heard_BE, own_NE, f0_hz), waves


def write_voices(
    parts: Path, index: dict[str, Any], acted: Packed, row: int, spoken: Spoken, waves: list[np.ndarray], heard: Voices
) -> None:
    """Write a recording and how some voices speak it, each with the real voice that is nearest to the wished one."""
    gender, clip = GENDERS[spoken.gender], acted.clips.iloc[row]
    audio = f"source-{gender}.wav"
    write_wav(parts / audio, acted.waveform(row))
    index["sources"].append({"clip_id": clip["clip_id"], "audio": audio, "gender": clip["gender"]})
    distance_B, row_B = nearest(spoken.wished_BE, heard)
    for i, wave_T in enumerate(waves[: SHOWN // len(GENDERS)]):
        name = f"voice-{gender}{i + 1}.wav"
        write_wav(parts / name, wave_T)
        near = {"nearest_speaker": str(heard.speaker_N[row_B[i]]), "nearest_cosine": float(1 - distance_B[i])}
        index["voices"].append({"audio": name, "gender": gender, "source": audio} | near)


@torch.inference_mode()
def flatten(studio: Studio, acted: Packed, factor: float, parts: Path) -> tuple[list[dict[str, Any]], dict[str, float]]:
    """Flatten the melody of emotional clips; write some, and return what is shown and how much f0 moves.

    Before is the same clip put together of its codes as they are.
    """
    clips = pick_clips(acted.clips[~acted.clips["emotion"].isin(CALM)], FLATTENED, HALF)
    kept = set(pick_clips(clips, SHOWN_FLAT, HALF).index)
    shown: list[dict[str, Any]] = []
    deviations = []
    for row in clips.index:
        codes, frames_B = studio.take_apart(acted, row)
        name = acted.clips["clip_id"].iloc[row]
        sounds = {
            "before": studio.speak(codes, frames_B),
            "after": studio.speak(flatten_melody(codes, frames_B, factor), frames_B),
        }
        moved = {when: f0_deviation(studio.f0(wave_T)) for when, wave_T in sounds.items()}
        deviations.append({f"f0_deviation_{when}": value for when, value in moved.items()})
        if row in kept:
            for when, wave_T in sounds.items():
                write_wav(parts / f"{name}-{when}.wav", wave_T)
            files = {when: f"{name}-{when}.wav" for when in sounds}
            shown.append({"clip_id": name} | files | {f"f0_{when}": value for when, value in moved.items()})
    return shown, summarise(deviations)


def utterance_of_clip(packed: Packed, row: int) -> Utterance:
    """Take a clip as converters take it."""
    span = packed.span(row)
    return utterance_of(packed.mel[span], packed.f0[span], packed.speaker[row], torch.device("cpu"))


if __name__ == "__main__":
    run(main)
