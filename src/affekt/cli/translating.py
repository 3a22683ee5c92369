"""`affekt translate`: a recording of one's own is said in other emotions.

Axes: B clips, M mel bands, F frames, T samples.
"""

import argparse
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from affekt.cli.converting import (
    Convert,
    Part,
    check_codegan,
    convert_parts,
    decode_part,
    detail_part,
    open_source,
    put_back,
    recode_part,
    show,
    speak,
    take_part,
)
from affekt.cli.listening import Listener
from affekt.cli.networks import open_model
from affekt.cli.project import PARAMS_NAME, find_model, find_root
from affekt.cli.tables import format_table
from affekt.cli.translate import learnt_emotions
from affekt.core.devices import set_up
from affekt.core.params import ConversionParams, load_params
from affekt.corpora.table import EMOTIONS, INTENSITIES, SAMPLE_RATE
from affekt.corpora.wav import write_wav
from affekt.evaluate.converters import CLIMBED
from affekt.features.speaker import embed_speakers, load_encoder
from affekt.models.conversion import Utterance
from affekt.models.speechsplit import Codes, SpeechSplit
from affekt.models.translation import STRONG, nearest_emotion, translate
from affekt.optimise.codes import optimise_codes
from affekt.optimise.maximise import settings_for

MODELS = {
    "translator": ("translator",), "codegan": ("speechsplit", "codegan"), "optimise": ("speechsplit", *CLIMBED),
}  # fmt: skip
STAGES = ("before", "after")

Change = Callable[[Codes, Tensor, Tensor], Codes]  # codes, frames (1,) and detail (1, M, F) to other codes


def run_translation(args: argparse.Namespace, targets: dict[str, Path]) -> int:
    """Convert one recording; write a sound per emotion, and print what is heard before and after."""
    root = find_root()
    places = {name: find_model(name) for name in (*MODELS[args.method], "vocoder", *Listener.MODELS.values())}
    params = load_params(root / PARAMS_NAME)
    device = set_up(params.compute.device, params.compute.threads)
    encoder = load_encoder(device)
    models: dict[str, Any] = {name: open_model(place, device) for name, place in places.items()}
    if args.method == "codegan":
        check_codegan(models["speechsplit"], models["codegan"], places["codegan"])
    source = open_source(args.file, params, encoder, device)
    labels = [EMOTIONS.index(emotion) for emotion in targets]
    seed = params.seed if args.seed is None else args.seed
    place = places[MODELS[args.method][-1]]
    convert = choose_method(args, models, params.conversion, labels, source.parts, place, seed, device)
    listener = Listener.of(models, places["content_b"], device)
    before = hear(listener, source.sound_T)
    rows = []
    mels = convert_parts(source.parts, convert, len(labels))
    for (emotion, target), mel_MF in zip(targets.items(), mels, strict=True):
        sound_T = speak(models["vocoder"], mel_MF)
        voice = float(embed_speakers(encoder, [sound_T.numpy()])[0] @ source.speaker_E)
        file_T = put_back(source.recording, sound_T)
        rows.append(row_of(STAGES[0], emotion, before, 1.0, len(source.recording.mono_T)))
        rows.append(row_of(STAGES[1], emotion, hear(listener, sound_T), voice, len(file_T)))
        write_wav(target, file_T)
    print(describe(rows))
    for target in targets.values():
        print(target)
    return 0


def choose_method(
    args: argparse.Namespace,
    models: dict[str, Any],
    section: ConversionParams,
    labels: list[int],
    parts: Sequence[Part],
    place: Path,
    seed: int,
    device: torch.device,
) -> Convert:
    """The function that makes of an utterance, one of the parts, its mel in each emotion; `place` is the method's."""
    if args.method == "translator":
        intensity = STRONG if args.intensity is None else INTENSITIES.index(args.intensity)
        strength = section.strength if args.strength is None else args.strength
        network, loud = models["translator"], [part.utterance for part in parts if part.loud]
        own = nearest_emotion(network, loud, [EMOTIONS.index(name) for name in learnt_emotions(place)]) if loud else 0
        return lambda utterance: translate(network, utterance, labels, own, intensity, strength)
    model, (label,) = models["speechsplit"], labels
    if args.method == "codegan":
        codegan = models["codegan"]
        return lambda utterance: [
            change_part(model, utterance, lambda codes, frames_B, _: recode_part(codegan, codes, frames_B, label))
        ]
    recognisers = [models[name] for name in CLIMBED]
    settings = settings_for(device, args.steps or section.steps, section.lr, section.views, seed)

    def move(codes: Codes, frames_B: Tensor, detail_BMF: Tensor) -> Codes:
        label_B = torch.tensor([label], device=frames_B.device)
        return optimise_codes(
            model, recognisers, codes, frames_B, label_B, settings, section.prior_weight, None, _climbing, detail_BMF
        )[0]

    return lambda utterance: [change_part(model, utterance, move)]


def change_part(model: SpeechSplit, utterance: Utterance, change: Change) -> Tensor:
    """Change an utterance's codes; the mel (M, F) of what they became, with what codes do not hold of it."""
    codes, frames_B = take_part(model, utterance)
    detail_BMF = detail_part(model, codes, utterance.mel_MF)
    return decode_part(model, change(codes, frames_B, detail_BMF), frames_B, utterance.mel_MF, detail_BMF)


def hear(listener: Listener, sound_T: Tensor) -> dict[str, Any]:
    """How much recogniser and judge believe in each emotion, by their names, and the statement that is nearest."""
    return listener.believe(sound_T) | {"statement": listener.statement(sound_T)}


def row_of(version: str, emotion: str, heard: dict[str, Any], voice: float, samples: int) -> dict[str, Any]:
    """What is heard of one emotion in a version, and the length of its file."""
    judged = heard["judge"]
    return {"wanted": emotion, "version": version, "voice": voice, "seconds": samples / SAMPLE_RATE} | {
        "judge_emotion": max(judged, key=judged.__getitem__),
        "statement": heard["statement"],
        **{name: heard[name][emotion] for name in Listener.HEARERS},
    }


def describe(rows: list[dict[str, Any]]) -> str:
    """A row per emotion and version: belief in it, what is named, the nearest statement, the voice, the length."""
    heads = ["wanted", "version", "recogniser", "judge", "judge hears", "statement", "same voice", "seconds"]
    cells = [
        [
            row["wanted"],
            row["version"],
            *(f"{100 * row[listener]:.0f} %" for listener in Listener.HEARERS),
            row["judge_emotion"],
            row["statement"],
            f"{row['voice']:.2f}",
            f"{row['seconds']:.2f}",
        ]
        for row in rows
    ]
    return format_table(heads, cells, numeric=True)


def _climbing(steps: Iterable[int]) -> Iterable[int]:
    found: Iterable[int] = show(steps, "climbing")
    return found
