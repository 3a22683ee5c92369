"""`affekt clone`: a recording of one's own in voices of nobody. Axes: V voices, E of the embedding, T samples."""

import argparse
import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from affekt.cli.clone import FIGURES_NAME, target_of
from affekt.cli.converting import (
    Convert,
    Part,
    Source,
    check_codegan,
    convert_parts,
    decode_part,
    open_source,
    put_back,
    recode_part,
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
from affekt.evaluate.voices import median_or_none
from affekt.features.f0 import track_f0
from affekt.features.speaker import SpeakerEncoder, embed_speakers, load_encoder
from affekt.models.conversion import Utterance, with_speaker
from affekt.models.speechsplit import Codes
from affekt.models.voicegan import VoiceGenerator

UNCHANGED = 1.0  # share of the melody's movement


def run_cloning(
    args: argparse.Namespace, label: int | None, share: float | str | None, folder: Path, stale: list[Path]
) -> int:
    """Let drawn voices say one recording; write sounds and figures in the place of stale ones, and print these."""
    root = find_root()
    wanted = ("voicegan", "speechsplit", "vocoder", *(() if label is None else ("codegan",)))
    places = {name: find_model(name) for name in wanted}
    params = load_params(root / PARAMS_NAME)
    device = set_up(params.compute.device, params.compute.threads)
    encoder = load_encoder(device)
    models: dict[str, Any] = {name: open_model(place, device) for name, place in places.items()}
    if label is not None:
        check_codegan(models["speechsplit"], models["codegan"], places["codegan"])
    source = open_source(args.file, params, encoder, device)
    seed = params.seed if args.seed is None else args.seed
    factor = share if isinstance(share, float) else UNCHANGED if share is None else params.voices.flatten
    genders = [args.gender or GENDERS[i % len(GENDERS)] for i in range(args.voices)]
    drawn_VE = draw_voices(models["voicegan"], genders, seed, device)
    mels = convert_parts(source.parts, into_voices(models, drawn_VE, label, factor, source.parts), len(genders))
    for path in stale:
        path.unlink(missing_ok=True)
    rows = []
    for i, mel_MF in enumerate(mels):  # one by one: a hundred voices of two minutes are a gigabyte of sound
        sound_T, target = speak(models["vocoder"], mel_MF), target_of(folder, i)
        told = {"name": target.stem, "gender": genders[i]}
        rows.append(told | measure(source, drawn_VE[i].cpu().numpy(), sound_T, encoder, params.features))
        write_wav(target, put_back(source.recording, sound_T))
    about = {"file": args.file.name, "seed": seed, "emotion": args.emotion, "flatten": factor}
    write_json(folder / FIGURES_NAME, {**about, "f0_median_hz": median_or_none(source.f0_F), "voices": rows})
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


def into_voices(
    models: dict[str, Any], drawn_VE: Tensor, label: int | None, factor: float, parts: Sequence[Part]
) -> Convert:
    """The function that makes of an utterance, one of the loud parts, its mel in each voice."""
    model = models["speechsplit"]

    def take(utterance: Utterance) -> tuple[Codes, Tensor]:
        codes, frames_B = take_part(model, utterance)
        if label is not None:
            codes = recode_part(models["codegan"], codes, frames_B, label)
        return codes, frames_B

    mean_BD1 = None
    if factor != UNCHANGED and any(part.loud for part in parts):
        mean_BD1 = mean_melody(take(part.utterance)[0] for part in parts if part.loud)

    def convert(utterance: Utterance) -> list[Tensor]:
        codes, frames_B = take(utterance)
        if mean_BD1 is not None:
            codes = flatten_around(codes, mean_BD1, factor)
        each = (with_speaker(codes, speaker_BE) for speaker_BE in drawn_VE.split(1))
        return [decode_part(model, said, frames_B, utterance.mel_MF) for said in each]

    return convert


def mean_melody(parts: Iterable[Codes]) -> Tensor:
    """Return the mean of the codes of melody over the steps of all parts, (1, D, 1)."""
    return torch.cat([codes.pitch_BDS for codes in parts], 2).mean(2, keepdim=True)


def flatten_around(codes: Codes, mean_BD1: Tensor, factor: float) -> Codes:
    """Return codes whose melody moves `factor` times as much around a mean: that of all parts, or each had its note."""
    return dataclasses.replace(codes, pitch_BDS=mean_BD1 + factor * (codes.pitch_BDS - mean_BD1))


def measure(
    source: Source, drawn_E: np.ndarray, sound_T: Tensor, encoder: SpeakerEncoder, features: FeaturesParams
) -> dict[str, float | None]:
    """How alike a voice is to the recording's, what is spoken to what was drawn, and the median f0."""
    wave_T = sound_T.numpy()
    return {
        "cosine_to_recording": float(drawn_E @ source.speaker_E),
        "cosine_to_drawn": float(embed_speakers(encoder, [wave_T])[0] @ drawn_E),
        "f0_median_hz": median_or_none(track_f0(wave_T, features.f0_min_hz, features.f0_max_hz)),
    }


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
