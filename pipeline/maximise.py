"""Optimise latents of both mel GANs towards each emotion of a recogniser; the judge says afterwards whether it worked.

The item is the recogniser. One of waveforms hears what the vocoder makes of the mels. The conditional GAN is asked
twice: for the wanted emotion (`cgan`), and for another one (`cgan_mismatched`).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from affekt.core import seeds
from affekt.core.files import save_array, write_json
from affekt.core.params import MaximiseParams, RecognisersParams
from affekt.core.stage import Stage, run
from affekt.corpora.table import EMOTIONS
from affekt.corpora.wav import write_wav
from affekt.evaluate.generation import hear
from affekt.evaluate.maximise import Listened, check_emotions, listen, summarise, summarise_features
from affekt.features.crops import Crops
from affekt.features.labels import labels_of
from affekt.features.packed import Packed
from affekt.models.gan import Generator
from affekt.models.io import load_model
from affekt.models.judge import RecurrentRecogniser
from affekt.models.registry import find, load_recogniser
from affekt.models.vocoder import IstftVocoder
from affekt.optimise.maximise import Plan, Voice, maximise, settings_for
from affekt.optimise.priors import PRIORS
from affekt.optimise.trajectory import Trajectory

if TYPE_CHECKING:
    import pandas as pd

SHOWN = ("gan", "mel_cnn")  # the pair that the report shows in detail: of the others one example is kept
KINDS = {1: "emotion", 2: "emotion_gender"}  # what a conditional prior is told, by its classes of an emotion
EXAMPLES = 4  # seeds whose mels and audio are kept, per emotion; each is 0.7 MB


@dataclass(frozen=True)
class Networks:
    """What takes part in a run; only one of waveforms has the vocoder in its voice."""

    voice: Voice
    recogniser: torch.nn.Module
    judge: torch.nn.Module
    vocoder: torch.nn.Module


def main(stage: Stage) -> None:
    params = stage.params(MaximiseParams)
    packed = Packed.load(stage.dep("prepared"), stage.dep("features"))
    check_emotions(params.emotions, packed.clips)
    recogniser, parts = str(stage.item), stage.out(str(stage.item))
    metrics: dict[str, float] = {}
    real: dict[int, Tensor] = {}
    chance = 1 / packed.clips["emotion"].nunique()
    for name, networks, plan in runs(stage, params, recogniser, packed.clips):
        real = real or real_features(packed, networks.judge, seeds.generator(stage.common_seed("real")), stage.device)
        trajectory = climb(stage, params, networks, plan, name, whole=(name, recogniser) == SHOWN)
        prefix = f"maximise/{name}/{recogniser}"
        log_steps(stage, trajectory, prefix)
        heard = listen(networks.voice, [networks.recogniser], networks.judge, trajectory, plan, stage.device)
        metrics |= summarise(trajectory, plan, heard.own, heard.judge, EMOTIONS, prefix, chance)
        metrics |= summarise_features(heard, plan, real, EMOTIONS, prefix)
        counts = {"seeds": len(set(plan.seeds)), "steps": trajectory.snapshot_steps[-1]}
        metrics |= {f"{prefix}/{key}": float(count) for key, count in counts.items()}
        folder = parts / name
        folder.mkdir(parents=True)
        write_parts(folder, trajectory, plan, heard)
        kept = examples_of(plan, name, recogniser)
        write_examples(folder, networks, trajectory, plan, heard, kept, stage.device)
    stage.metrics(metrics)
    write_json(stage.out(f"{recogniser}.json"), metrics)
    stage.artifact(parts)


def runs(
    stage: Stage, params: MaximiseParams, recogniser: str, clips: "pd.DataFrame"
) -> Iterator[tuple[str, Networks, Plan]]:
    """Yield each prior, and what it is asked for, by name."""
    device = stage.device
    vocoder = load_model(stage.dep("vocoder"), IstftVocoder, device)
    climbed = load_recogniser(stage.dep(f"recogniser_{recogniser}"), device)
    judge = load_model(stage.dep("judge"), RecurrentRecogniser, device)
    labels = [EMOTIONS.index(emotion) for emotion in params.emotions]
    for prior in ("gan", "cgan"):
        generator = load_model(stage.dep(prior), Generator, device)
        voice = Voice(generator, vocoder if find(recogniser).input == "audio" else None)
        networks = Networks(voice, climbed, judge, vocoder)
        plan = Plan.of(params.seeds if (prior, recogniser) == SHOWN else params.compared, labels)
        if generator.classes == 0:
            yield prior, networks, plan
        else:
            kinds = generator.classes // len(EMOTIONS)
            learned = labels_of(clips[clips["half"] == "a"], KINDS[kinds])
            yield prior, networks, plan.given(learned.tolist(), False, kinds)
            yield f"{prior}_mismatched", networks, plan.given(learned.tolist(), True, kinds)


def climb(stage: Stage, params: MaximiseParams, networks: Networks, plan: Plan, name: str, whole: bool) -> Trajectory:
    """Optimise the latents of a plan: as many steps, and as long ones, as params.yaml has for the domain.

    Only `whole` trajectories keep what lies between start and end: to listen to it takes longer than to climb.
    """
    in_waveform = networks.voice.vocoder is not None
    steps, lr = (params.audio_steps, params.audio_lr) if in_waveform else (params.steps, params.lr)
    seed = stage.common_seed("latents")
    settings = settings_for(stage.device, steps, lr, params.transforms, seed, in_waveform)
    settings = settings if whole else replace(settings, snapshots=2)
    work = stage.work / name
    work.mkdir(exist_ok=True)
    bar = lambda steps: stage.progress(steps, f"{name}, steps")  # noqa: E731
    voice, weight = networks.voice, params.prior_weight
    return maximise(voice, [networks.recogniser], plan, settings, weight, stage.device, work, bar)


def real_features(
    packed: Packed, judge: torch.nn.Module, rng: torch.Generator, device: torch.device
) -> dict[int, Tensor]:
    """The judge's features (K, D) of a window of each clip of half a, by emotion: speakers that it has not heard."""
    half = packed.clips["half"].to_numpy() == "a"
    crops = Crops.of(packed.mel, packed.offsets[half], packed.frames[half], device)
    features_ND = hear(judge, crops.draw(torch.arange(len(crops.frames)), rng)).features
    label_N = torch.tensor(labels_of(packed.clips[half], "emotion"))
    return {int(label): features_ND[label_N == label] for label in label_N.unique()}


def log_steps(stage: Stage, trajectory: Trajectory, prefix: str) -> None:
    for step in range(len(trajectory.history["score"])):
        stage.log({f"{prefix}/{name}": rows[step].mean() for name, rows in trajectory.history.items()}, step)


def write_parts(parts: Path, trajectory: Trajectory, plan: Plan, heard: Listened) -> None:
    """Write curves.npy (emotion, step, [score, objective, prior]), judge_probability.npy (emotion, snapshot, seed)."""
    labels = list(dict.fromkeys(plan.labels))
    curves = torch.stack([trajectory.history[name] for name in ("score", "objective", "prior")], dim=-1)
    by_label = [curves[:, [wanted == label for wanted in plan.labels]].mean(dim=1) for label in labels]
    save_array(parts / "curves.npy", torch.stack(by_label).numpy())
    wanted_SB = heard.judge.wanted(plan.labels)
    per_emotion = wanted_SB.reshape(len(wanted_SB), len(labels), -1)
    save_array(parts / "judge_probability.npy", per_emotion.transpose(1, 0, 2))


def examples_of(plan: Plan, name: str, recogniser: str) -> list[int]:
    """Samples whose mels and sounds are kept: of the pair shown in detail some of each emotion, of others one."""
    if (name, recogniser) == SHOWN:
        return [i for i, seed in enumerate(plan.seeds) if seed < EXAMPLES]
    turn = [(prior, network) for network in RecognisersParams.model_fields for prior in PRIORS]
    labels = list(dict.fromkeys(plan.labels))
    label = labels[turn.index((name, recogniser)) % len(labels)]  # pairs take turns over emotions
    return [plan.labels.index(label)]


@torch.no_grad()
def write_examples(
    parts: Path,
    networks: Networks,
    trajectory: Trajectory,
    plan: Plan,
    heard: Listened,
    kept: list[int],
    device: torch.device,
) -> None:
    """Write mels of every snapshot and audio of the first and last one of samples, and index.json over them all."""
    rows = []
    for i in kept:
        emotion, seed = EMOTIONS[plan.labels[i]], plan.seeds[i]
        name = f"{emotion}-{seed:03d}"
        snapshots_SL = trajectory.snapshots[:, i].to(device)
        given = None
        if plan.condition is not None:
            given = torch.full((len(snapshots_SL),), plan.condition[i], device=device)
        mel_SMF = networks.voice.mel(snapshots_SL, given)
        save_array(parts / f"{name}-mels.npy", mel_SMF.cpu().numpy())
        row: dict[str, object] = {"emotion": emotion, "seed": seed, "mels": f"{name}-mels.npy"}
        for what, mel_MF in (("before", mel_SMF[0]), ("after", mel_SMF[-1])):
            waveform = networks.vocoder(mel_MF[None])[0].clamp(-1, 1).cpu().numpy()
            row[f"audio_{what}"] = audio = f"{name}-{what}.wav"
            write_wav(parts / audio, waveform)
        for who, belief in (("own", heard.own), ("judge", heard.judge)):
            row[f"{who}_probability"] = np.asarray(belief.wanted(plan.labels)[:, i], dtype=float).tolist()
        rows.append(row)
    index = {
        "curves": ["score", "objective", "prior"],
        "emotions": [EMOTIONS[label] for label in dict.fromkeys(plan.labels)],
        "snapshot_steps": list(trajectory.snapshot_steps),
        "examples": rows,
    }
    write_json(parts / "index.json", index)


if __name__ == "__main__":
    run(main)
