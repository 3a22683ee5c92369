"""Optimise latents of the mel GAN towards each emotion; the judge says afterwards whether it worked."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from torch import nn

from affekt.core.errors import UserError
from affekt.core.files import load_table, save_array, write_json
from affekt.core.params import MaximiseParams
from affekt.core.stage import Stage, run
from affekt.corpora.table import EMOTIONS
from affekt.corpora.wav import write_wav
from affekt.evaluate.maximise import Beliefs, believe, confusion, summarise
from affekt.models.gan import Generator
from affekt.models.io import load_model
from affekt.models.judge import RecurrentRecogniser
from affekt.models.registry import load_recogniser
from affekt.models.vocoder import IstftVocoder
from affekt.optimise.maximise import Plan, generate_mel, maximise, settings_for
from affekt.optimise.trajectory import Trajectory

PREFIX = "maximise/gan/recogniser"
EXAMPLES = 4  # seeds whose mels and audio are kept, per emotion; each is 0.7 MB

NETWORKS: dict[str, type[nn.Module]] = {"gan": Generator, "judge": RecurrentRecogniser, "vocoder": IstftVocoder}


def main(stage: Stage) -> None:
    device = stage.device
    params = stage.params(MaximiseParams)
    networks = {name: load_model(stage.dep(name), network, device) for name, network in NETWORKS.items()}
    networks["recogniser"] = load_recogniser(stage.dep("recogniser"), device)
    check_emotions(params.emotions, load_table(stage.dep("prepared") / "clips.parquet")["emotion"])
    plan = Plan.of(params.seeds, [EMOTIONS.index(emotion) for emotion in params.emotions])
    trajectory = maximise(
        networks["gan"],
        networks["recogniser"],
        plan,
        settings_for(device, params.steps, params.lr, params.transforms, stage.seed("maximise")),
        params.prior_weight,
        device,
        stage.work,
        lambda steps: stage.progress(steps, "steps"),
    )
    own, judge = believe(networks["gan"], [networks["recogniser"], networks["judge"]], trajectory.snapshots, device)
    log_steps(stage, trajectory)
    metrics = summarise(trajectory, plan, own, judge, EMOTIONS, PREFIX)
    metrics[f"{PREFIX}/seeds"], metrics[f"{PREFIX}/steps"] = float(params.seeds), float(params.steps)
    stage.metrics(metrics)
    write_json(stage.out("maximise.json"), metrics)
    parts = stage.out("maximise")
    parts.mkdir(parents=True)
    write_parts(parts, trajectory, plan, own, judge)
    write_examples(parts, networks["gan"], networks["vocoder"], trajectory, plan, (own, judge), device)
    stage.artifact(parts)


def check_emotions(wanted: Iterable[str], of_clips: Iterable[str]) -> None:
    """Raise UserError for an emotion that no clip has: no network has learned it."""
    there = set(of_clips)
    if unknown := [emotion for emotion in wanted if emotion not in there]:
        known = ", ".join(emotion for emotion in EMOTIONS if emotion in there)
        raise UserError(f"maximise.emotions: no clip of the corpus is {unknown[0]}; choose of {known} in params.yaml")


def log_steps(stage: Stage, trajectory: Trajectory) -> None:
    for step in range(len(trajectory.history["score"])):
        stage.log({f"{PREFIX}/{name}": rows[step].mean() for name, rows in trajectory.history.items()}, step)


def write_parts(parts: Path, trajectory: Trajectory, plan: Plan, own: Beliefs, judge: Beliefs) -> None:
    """Write curves.npy (emotion, step, [score, objective, prior]) and what the snapshots say."""
    labels = list(dict.fromkeys(plan.labels))
    curves = torch.stack([trajectory.history[name] for name in ("score", "objective", "prior")], dim=-1)
    by_label = [curves[:, [wanted == label for wanted in plan.labels]].mean(dim=1) for label in labels]
    save_array(parts / "curves.npy", torch.stack(by_label).numpy())
    for name, beliefs in (("own", own), ("judge", judge)):
        wanted_SB = beliefs.wanted(plan.labels)
        per_emotion = wanted_SB.reshape(len(wanted_SB), len(labels), -1)
        save_array(parts / f"{name}_probability.npy", per_emotion.transpose(1, 0, 2))  # emotion, snapshot, seed
        hits = beliefs.hits(plan.labels).reshape(per_emotion.shape)
        save_array(parts / f"{name}_hits.npy", hits.transpose(1, 0, 2))
    save_array(parts / "judge_confusion.npy", confusion(judge, plan, EMOTIONS))
    save_array(parts / "z_start.npy", trajectory.start.numpy())
    save_array(parts / "z_end.npy", trajectory.end.numpy())


@torch.no_grad()
def write_examples(
    parts: Path,
    generator: nn.Module,
    vocoder: nn.Module,
    trajectory: Trajectory,
    plan: Plan,
    beliefs: tuple[Beliefs, Beliefs],
    device: torch.device,
) -> None:
    """Write mels of every snapshot and audio of the first and last one, and index.json over them all."""
    rows = []
    for i in (i for i, seed in enumerate(plan.seeds) if seed < EXAMPLES):
        emotion, seed = EMOTIONS[plan.labels[i]], plan.seeds[i]
        name = f"{emotion}-{seed:03d}"
        mel_SMF = generate_mel(generator, trajectory.snapshots[:, i].to(device))
        save_array(parts / f"{name}-mels.npy", mel_SMF.cpu().numpy())
        row: dict[str, object] = {"emotion": emotion, "seed": seed, "mels": f"{name}-mels.npy"}
        for what, mel_MF in (("before", mel_SMF[0]), ("after", mel_SMF[-1])):
            waveform = vocoder(mel_MF[None])[0].clamp(-1, 1).cpu().numpy()
            row[f"audio_{what}"] = audio = f"{name}-{what}.wav"
            write_wav(parts / audio, waveform)
        for who, belief in zip(("own", "judge"), beliefs, strict=True):
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
