"""Measure the voices that VoiceGAN draws, let recordings be spoken in some of them, and flatten the melody of others.

Each voice speaks a woman's and a man's recording: what a decoder keeps of the recording is not taken for the voice.

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
from affekt.evaluate.converters import read_utterance, voice
from affekt.evaluate.vocoding import summarise
from affekt.evaluate.voices import (
    Spoken,
    f0_deviation,
    fit_gender,
    measure_spoken,
    measure_voices,
    median_or_none,
    nearest,
    split,
    without,
)
from affekt.features.f0 import track_f0
from affekt.features.packed import Packed
from affekt.features.speaker import SpeakerEncoder, embed_speakers, load_encoder
from affekt.models.conversion import cut, flatten_melody, put_together, take_apart, with_speaker
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
SHOWN, SHOWN_CROSSED = 4, 1  # voices of each gender whose sounds are kept: in the recording of theirs, of the other
SHOWN_FLAT = 4


@dataclass(frozen=True)
class Studio:
    """What takes recordings apart, brings codes to sound, and hears the sound."""

    model: SpeechSplit
    vocoder: nn.Module
    encoder: SpeakerEncoder
    features: FeaturesParams

    @torch.inference_mode()
    def take_apart(self, packed: Packed, row: int) -> tuple[Codes, Tensor]:
        """Return the codes of a clip and its frames (1,)."""
        return take_apart(self.model, [read_utterance(packed, row, next(self.model.parameters()).device)])

    @torch.inference_mode()
    def speak(self, codes: Codes, frames_B: Tensor) -> np.ndarray:
        """Put the codes of a clip together and return its waveform (T,), which does not clip: it is as it is kept."""
        (wave_T,) = voice(self.vocoder, cut(put_together(self.model, codes), frames_B))
        return wave_T

    def speak_in(self, codes: Codes, frames_B: Tensor, voice_BE: np.ndarray) -> list[np.ndarray]:
        """Let a clip be spoken in voices (B, E)."""
        voices_BE = torch.tensor(voice_BE, device=frames_B.device)
        return [self.speak(with_speaker(codes, voice_E[None]), frames_B) for voice_E in voices_BE]

    def embed(self, waves: list[np.ndarray]) -> np.ndarray:
        """Embed the voices of sounds, (B, E)."""
        return embed_speakers(self.encoder, waves)

    def f0(self, wave_T: np.ndarray) -> np.ndarray:
        """Track f0 in Hz, 0 where unvoiced, (F,)."""
        return track_f0(wave_T, self.features.f0_min_hz, self.features.f0_max_hz)


def main(stage: Stage) -> None:
    params = stage.params(VoicesParams)
    acted = Packed.load(stage.dep("prepared"), stage.dep("features"))
    read = Packed.load(stage.dep("reading_prepared"), stage.dep("reading_features"))
    heard, unheard = (Voices.of_half([acted, read], half) for half in ("a", "b"))
    sources = sources_of(acted.clips)
    studio, classifier = open_studio(stage), fit_gender(without(unheard, list(acted.clips["speaker"].iloc[sources])))
    drawn_BE, gender_B = draw(stage, params.samples)
    rows = measure_voices(drawn_BE, gender_B, heard, unheard, classifier)
    parts = stage.out("voices")
    parts.mkdir(parents=True)
    index: dict[str, Any] = {"sources": [], "voices": []}
    spoken, own = [], []
    for row in stage.progress(sources, "voices", total=len(sources)):
        codes, frames_B = studio.take_apart(acted, row)
        own.append(studio.embed(studio.speak_in(codes, frames_B, own_voices(acted, row, params.decoded // 2))))
        audio = write_source(parts, index, acted, row)
        for gender, wished_BE in enumerate(split(drawn_BE[: params.decoded], gender_B[: params.decoded])):
            waves = studio.speak_in(codes, frames_B, wished_BE)
            f0_hz = [median_or_none(studio.f0(wave_T)) for wave_T in waves]
            source = GENDERS.index(acted.clips["gender"].iloc[row])
            spoken.append(Spoken(source, gender, wished_BE, studio.embed(waves), f0_hz))
            write_voices(parts, index, audio, spoken[-1], waves, heard)
    rows |= {f"decoded/{key}": value for key, value in measure_spoken(spoken, own, classifier).items()}
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
    model = load_model(stage.dep("speechsplit"), SpeechSplit, stage.device)
    vocoder = load_vocoder(stage.dep("vocoder"), stage.device)
    return Studio(model, vocoder, load_encoder(stage.device), stage.params(FeaturesParams))


@torch.inference_mode()
def draw(stage: Stage, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw voices (B, E), a woman's and a man's in turn, and give their genders (B,)."""
    network = load_model(stage.dep("voicegan"), VoiceGenerator, stage.device)
    gender_B = alternating(count)
    latent_BL = torch.randn(count, network.latent, generator=generator(stage.seed("latents")))
    return network(latent_BL.to(stage.device), gender_B.to(stage.device)).cpu().numpy(), gender_B.numpy()


def sources_of(clips: "pd.DataFrame") -> list[int]:
    """Choose the rows of unheard speakers' clips to be spoken in other voices: a woman's and a man's.

    They are calm, where the corpus has such; one alone of a corpus of one gender.
    """
    left = clips[clips["half"] == HALF]
    rows = []
    for gender in GENDERS:
        of_gender = left[left["gender"] == gender]
        calm = of_gender[of_gender["emotion"].isin(CALM)]
        rows += list(pick_clips(calm if len(calm) else of_gender, 1, HALF).index)
    return [int(row) for row in rows]


def own_voices(acted: Packed, row: int, count: int) -> np.ndarray:
    """Return the voice of a clip's speaker as `count` of the speaker's clips have it, two at least, (B, E)."""
    mine = acted.clips[acted.clips["speaker"] == acted.clips["speaker"].iloc[row]]
    return np.array(acted.speaker[pick_clips(mine, max(2, count), HALF).index.to_numpy()])


def write_source(parts: Path, index: dict[str, Any], acted: Packed, row: int) -> str:
    """Write a recording that is spoken in other voices, and name its file."""
    clip = acted.clips.iloc[row]
    audio = f"source-{clip['gender']}.wav"
    write_wav(parts / audio, acted.waveform(row))
    index["sources"].append({"clip_id": clip["clip_id"], "audio": audio, "gender": clip["gender"]})
    return audio


def write_voices(
    parts: Path, index: dict[str, Any], audio: str, spoken: Spoken, waves: list[np.ndarray], heard: Voices
) -> None:
    """Write how some voices speak a recording, each with the real voice that is nearest to the wished one."""
    gender, crossed = GENDERS[spoken.gender], spoken.gender != spoken.source
    distance_B, row_B = nearest(spoken.wished_BE, heard)
    for i, wave_T in enumerate(waves[: SHOWN_CROSSED if crossed else SHOWN]):
        name = f"voice-{gender}{i + 1}{'-crossed' if crossed else ''}.wav"
        write_wav(parts / name, wave_T)
        near = {"nearest_speaker": str(heard.speaker_N[row_B[i]]), "nearest_cosine": float(1 - distance_B[i])}
        index["voices"].append({"audio": name, "gender": gender, "number": i + 1, "source": audio} | near)


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


if __name__ == "__main__":
    run(main)
