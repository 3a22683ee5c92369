"""`affekt clone`: a recording of one's own in voices of nobody. Axes: V voices, E of the embedding, T samples."""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from affekt.cli.converting import (
    Convert,
    Source,
    convert_parts,
    decode_part,
    median_f0,
    open_source,
    put_back,
    speak,
    take_part,
)
from affekt.cli.networks import VOICES as SHOWN
from affekt.cli.networks import open_model
from affekt.cli.project import PARAMS_NAME, find_model, find_root
from affekt.cli.tables import format_table
from affekt.core.devices import set_up
from affekt.core.files import write_json
from affekt.core.params import FeaturesParams, load_params
from affekt.core.seeds import generator
from affekt.corpora.table import GENDERS
from affekt.corpora.wav import write_wav
from affekt.features.f0 import track_f0
from affekt.features.speaker import SpeakerEncoder, embed_speakers, load_encoder
from affekt.models.conversion import Utterance, flatten_melody, with_speaker
from affekt.models.voicegan import VoiceGenerator

FIGURES_NAME = "voices.json"
UNCHANGED = 1.0  # share of the melody's movement


def run_cloning(args: argparse.Namespace, label: int | None, share: float | str | None, folder: Path) -> int:
    """Let drawn voices say one recording; write sounds and figures, and print these."""
    root = find_root()
    wanted = ("voicegan", "speechsplit", "vocoder", *(() if label is None else ("codegan",)))
    places = {name: find_model(name) for name in wanted}
    params = load_params(root / PARAMS_NAME)
    device = set_up(params.compute.device, params.compute.threads)
    encoder = load_encoder(device)
    source = open_source(args.file, params, encoder, device)
    models: dict[str, Any] = {name: open_model(place, device) for name, place in places.items()}
    seed = params.seed if args.seed is None else args.seed
    factor = share if isinstance(share, float) else UNCHANGED if share is None else params.voices.flatten
    genders = [args.gender or GENDERS[i % len(GENDERS)] for i in range(args.voices)]
    drawn_VE = draw_voices(models["voicegan"], genders, seed, device)
    mels = convert_parts(source.parts, into_voices(models, drawn_VE, label, factor), len(genders))
    sounds = [speak(models["vocoder"], mel_MF) for mel_MF in mels]
    rows = measure(source, genders, drawn_VE.cpu().numpy(), sounds, encoder, params.features)
    for row, sound_T in zip(rows, sounds, strict=True):
        write_wav(folder / f"{row['name']}.wav", put_back(source.recording, sound_T))
    told = {"file": args.file.name, "seed": seed, "emotion": args.emotion, "flatten": factor}
    write_json(folder / FIGURES_NAME, {**told, "f0_median_hz": median_f0(source.f0_F), "voices": rows})
    print(describe(rows))
    print(f"{len(rows)} voices and {FIGURES_NAME} are in {folder}/")
    return 0


@torch.no_grad()
def draw_voices(network: VoiceGenerator, genders: list[str], seed: int, device: torch.device) -> Tensor:
    """Draw an embedding (V, E) of each gender in turn; a voice is the same however many others are drawn."""
    drawn = []
    for i, gender in enumerate(genders):
        latent_BL = torch.randn(1, network.latent, generator=generator(seed, "clone", i)).to(device)
        drawn.append(network(latent_BL, torch.tensor([GENDERS.index(gender)], device=device)))
    return torch.cat(drawn)


def into_voices(models: dict[str, Any], drawn_VE: Tensor, label: int | None, factor: float) -> Convert:
    """The function that makes of an utterance its mel in each voice."""
    model = models["speechsplit"]

    def convert(utterance: Utterance) -> list[Tensor]:
        codes, frames_B = take_part(model, utterance, models.get("codegan"), label)
        codes = flatten_melody(codes, frames_B, factor)
        return [decode_part(model, with_speaker(codes, speaker_BE), frames_B) for speaker_BE in drawn_VE.split(1)]

    return convert


def measure(
    source: Source,
    genders: list[str],
    drawn_VE: np.ndarray,
    sounds: list[Tensor],
    encoder: SpeakerEncoder,
    features: FeaturesParams,
) -> list[dict[str, Any]]:
    """How alike each voice is to the recording's, what is spoken to what was drawn, and the median f0."""
    waves = [sound_T.numpy() for sound_T in sounds]
    spoken_VE = embed_speakers(encoder, waves)
    return [
        {
            "name": f"voice{i + 1}",
            "gender": gender,
            "cosine_to_recording": float(drawn_VE[i] @ source.speaker_E),
            "cosine_to_drawn": float(spoken_VE[i] @ drawn_VE[i]),
            "f0_median_hz": median_f0(track_f0(wave_T, features.f0_min_hz, features.f0_max_hz)),
        }
        for i, (gender, wave_T) in enumerate(zip(genders, waves, strict=True))
    ]


def describe(rows: list[dict[str, Any]]) -> str:
    """A row per voice."""
    heads = ["voice", "gender", "like the recording", "like the drawn voice", "f0 median"]
    cells = [
        [
            row["name"],
            SHOWN[row["gender"]],
            *(f"{row[name]:.2f}" for name in ("cosine_to_recording", "cosine_to_drawn")),
            "unvoiced" if row["f0_median_hz"] is None else f"{row['f0_median_hz']:.0f} Hz",
        ]
        for row in rows
    ]
    return format_table(heads, cells, numeric=True)
