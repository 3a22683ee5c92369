"""Voices from a prior that climb to an emotion: what `affekt maximise` does without a recording."""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from tqdm import tqdm

from affekt.cli.maximise import PRIORS, RECOGNISERS, SEEDS
from affekt.cli.networks import open_model
from affekt.cli.project import PARAMS_NAME, find_model, find_root
from affekt.cli.tables import format_table
from affekt.core.devices import set_up
from affekt.core.errors import UserError
from affekt.core.files import atomic_path, write_json
from affekt.core.params import MaximiseParams, load_params
from affekt.corpora.table import EMOTIONS
from affekt.features.mel import SAMPLE_RATE
from affekt.optimise.maximise import Plan, Voice, believed_by_all, maximise, settings_for
from affekt.report.audio import save_player
from affekt.report.figures import save_mel

STAGES = ("before", "after")
LISTENERS = ("recogniser", "judge")
SCORES_NAME = "scores.json"


@dataclass(frozen=True)
class Models:
    """What takes part."""

    voice: Voice
    vocoder: nn.Module
    recognisers: list[nn.Module]
    judge: nn.Module


def run_search(args: argparse.Namespace, label: int, folder: Path) -> int:
    """Search the prior; write voices and scores, and print the scores."""
    prior, names = args.prior or PRIORS[0], args.recogniser or [RECOGNISERS[0]]
    places = find_models(prior, names)
    params = load_params(find_root() / PARAMS_NAME)
    seeds, seed = args.seeds or SEEDS, params.seed if args.seed is None else args.seed
    device = set_up(params.compute.device, params.compute.threads)
    models = open_models(places, prior, names, device)
    steps, plan = args.steps or steps_of(params.maximise, models.voice), plan_of(models.voice, seeds, label)
    mels, sounds = climb(models, plan, params.maximise, steps, seed, device)
    scores = score(models, mels, sounds, label)
    write_voices(folder, mels, models.vocoder)
    choices = {"emotion": args.emotion, "seed": seed, "seeds": seeds, "steps": steps}
    choices |= {"prior": prior, "recogniser": " ".join(names)}
    write_json(folder / SCORES_NAME, {**choices, "voices": scores})
    print(describe(scores))
    print(f"{len(scores)} voices, before and after, and {SCORES_NAME} are in {folder}/")
    return 0


def find_models(prior: str, names: list[str]) -> dict[str, Path]:
    """The folders of all networks; UserError for one that is away, or for recognisers of two domains."""
    if len({name.partition("_")[0] for name in names}) > 1:
        raise UserError(f"--recogniser {' '.join(names)}: some hear mels and some waveforms; name those of one kind")
    wanted = (prior, "vocoder", "judge", *(f"recogniser_{name}" for name in names))
    return {name: find_model(name) for name in wanted}


def open_models(places: dict[str, Path], prior: str, names: list[str], device: torch.device) -> Models:
    """Open the networks; where recognisers hear waveforms the vocoder is a part of the voice."""
    opened = {name: open_model(place, device) for name, place in places.items()}
    spoken = opened["vocoder"] if names[0].startswith("audio") else None
    recognisers = [opened[f"recogniser_{name}"] for name in names]
    return Models(Voice(opened[prior], spoken), opened["vocoder"], recognisers, opened["judge"])


def plan_of(voice: Voice, seeds: int, label: int) -> Plan:
    """Every seed towards one emotion, which a conditional prior is told."""
    plan, classes = Plan.of(seeds, [label]), int(voice.generator.classes)  # type: ignore[arg-type]
    return plan.given(range(classes), kinds=classes // len(EMOTIONS)) if classes else plan


def steps_of(params: MaximiseParams, voice: Voice) -> int:
    """Steps of params.yaml, in the domain that is heard."""
    return params.steps if voice.vocoder is None else params.audio_steps


def climb(
    models: Models, plan: Plan, params: MaximiseParams, steps: int, seed: int, device: torch.device
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Raw log mels (seeds, 80, frames) before and after, and what the recognisers heard; a bar on a terminal."""
    lr = params.lr if models.voice.vocoder is None else params.audio_lr
    trajectory = maximise(
        models.voice,
        models.recognisers,
        plan,
        settings_for(device, steps, lr, params.transforms, seed, models.voice.vocoder is not None),
        params.prior_weight,
        device,
        progress=lambda steps: tqdm(steps, desc="climbing", disable=None, leave=False),
    )
    condition_B = None if plan.condition is None else torch.tensor(plan.condition, device=device)
    with torch.inference_mode():
        ends = zip(STAGES, (trajectory.start, trajectory.end), strict=True)
        mels = {stage: models.voice.mel(z.to(device), condition_B) for stage, z in ends}
        return mels, {stage: models.voice.speak(mel_BMF) for stage, mel_BMF in mels.items()}


def score(models: Models, mels: dict[str, Tensor], sounds: dict[str, Tensor], label: int) -> list[dict[str, Any]]:
    """Per voice: what recogniser and judge name it before and after, and their belief in the wanted emotion."""
    voices: list[dict[str, Any]] = [{"name": f"seed-{i:03}"} for i in range(len(mels[STAGES[0]]))]
    together = believed_by_all(models.recognisers)
    for stage, heard in sounds.items():
        with torch.inference_mode():
            logits = {"recogniser": together(heard), "judge": models.judge(models.voice.judged(heard))}
        for listener in LISTENERS:
            for voice, probabilities_E in zip(voices, logits[listener].float().softmax(-1).cpu(), strict=True):
                voice[f"{listener}/{stage}"] = float(probabilities_E[label])
                voice[f"{listener}/{stage}_emotion"] = EMOTIONS[int(probabilities_E.argmax())]
    return voices


def write_voices(folder: Path, mels: dict[str, Tensor], vocoder: nn.Module) -> None:
    """A WAV (all at one loudness) and a mel picture per voice and stage."""
    for stage, mel_BMF in mels.items():
        with torch.inference_mode():
            waveform_BT = vocoder(mel_BMF).cpu().numpy()
        for i, (mel_MF, waveform_T) in enumerate(zip(mel_BMF.cpu().numpy(), waveform_BT, strict=True)):
            with atomic_path(folder / f"seed-{i:03}.{stage}.wav") as temporary:
                save_player(temporary, waveform_T, SAMPLE_RATE)
            with atomic_path(folder / f"seed-{i:03}.{stage}.png") as temporary:
                save_mel(temporary, mel_MF)


def describe(voices: list[dict[str, Any]]) -> str:
    """A row per voice: recogniser's and judge's belief in the wanted emotion, before and after."""
    heads = ["voice", *(f"{listener} {stage}" for listener in LISTENERS for stage in STAGES), "judge hears"]
    rows = [
        [
            voice["name"],
            *(f"{100 * voice[f'{listener}/{stage}']:.0f} %" for listener in LISTENERS for stage in STAGES),
            voice["judge/after_emotion"],
        ]
        for voice in voices
    ]
    return format_table(heads, rows, numeric=True)
