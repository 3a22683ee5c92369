"""One recogniser from its name, its size and its data to a trained network: the way all stages train recognisers."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from affekt.core import seeds
from affekt.core.errors import UserError
from affekt.core.params import GenderParams, NetworkParams, TrainingParams
from affekt.core.progress import Progress
from affekt.features.clips import Clips, Heard, Spectrograms, Waves
from affekt.features.mel import HOP_LENGTH
from affekt.features.packed import Packed
from affekt.features.spectrogram import Resolution
from affekt.models.registry import CLASSES, NetworkSpec
from affekt.training.loop import Log, TrainSettings, train
from affekt.training.recogniser import RecogniserMethod, RecogniserSettings

VALIDATION_SHARE = 0.15  # of the training speakers, which the plateau schedule watches and nothing trains on
LEAST_SPEAKERS = 3  # that have to be left to train on


@dataclass(frozen=True)
class Job:
    """What is to be trained; `config` holds the scalars of the network that params.yaml gives."""

    spec: NetworkSpec
    config: dict[str, Any]
    training: TrainingParams
    epochs: int
    rows: np.ndarray  # of the packed corpus, to train on
    seed: int
    steps: int | None = None  # of the optimiser, in the place of whole epochs


@dataclass
class Fitted:
    """A trained network, the scalars that rebuild it, and its scalars over steps."""

    network: nn.Module
    config: dict[str, Any]
    history: dict[str, list[float]] = field(default_factory=dict)


def job_of(
    spec: NetworkSpec, size: NetworkParams | GenderParams, training: TrainingParams, rows: np.ndarray, seed: int
) -> Job:
    """Make the job of a network as a section of params.yaml sizes it: for so many epochs, or for so many steps."""
    config, own = sized(spec, size, training)
    if isinstance(size, GenderParams):
        return Job(spec, config, own, 0, rows, seed, steps=size.steps)
    return Job(spec, config, own, size.epochs, rows, seed)


def sized(
    spec: NetworkSpec, size: NetworkParams | GenderParams, training: TrainingParams
) -> tuple[dict[str, Any], TrainingParams]:
    """Return the scalars of a network and its training, as a section of params.yaml sizes it.

    Speed and pitch tell the sexes apart: where gender is to be named, a view must not change it.
    """
    if isinstance(size, GenderParams):
        crop_frames = size.crop_frames * HOP_LENGTH // dict(spec.config)["hop_length"]
        views = {"crop_frames": crop_frames, "speed": size.speed, "pitch": 0.0, "lr": size.lr}
        return {"channels": size.channels}, training.model_copy(update=views)
    changes = {} if size.noise is None else {"noise": size.noise}
    if spec.labels != "emotion":
        changes["pitch"] = 0.0
    return {"channels": size.channels, "layers": size.layers}, training.model_copy(update=changes)


def fit(job: Job, packed: Packed, work: Path, device: torch.device, log: Log, progress: Progress) -> Fitted:
    """Train a job to its end, from the checkpoint in `work` if there is one."""
    spec = job.spec
    fitted = build(job)
    fitted.network.to(device)
    rows, held_out = job.rows, None
    if job.training.schedule == "plateau":
        rows, held_out = hold_out(packed, job.rows, job.seed)
    clips = hear(packed, rows, job.spec, device)
    validation = None if held_out is None else hear(packed, held_out, job.spec, device)
    settings = RecogniserSettings.of(job.training, seeds.derive(job.seed, "batches"))
    method = RecogniserMethod(fitted.network, clips, settings, CLASSES[spec.labels], validation)
    loop = TrainSettings(
        steps=job.epochs * method.steps_per_epoch if job.steps is None else job.steps,
        seed=seeds.derive(job.seed, "training"),
        bf16=job.training.bf16,
        validate_every=method.steps_per_epoch,
        lr_key="gender.lr" if spec.labels == "gender" else "training.lr",
    )
    fitted.history = train(method, loop, work, device, log, progress).history
    return fitted


def build(job: Job) -> Fitted:
    """Make the untrained network of a job; equal for equal seeds."""
    spec = job.spec
    torch.manual_seed(seeds.derive(job.seed, "init"))
    aids = {name: getattr(job.training, name) for name in spec.aids}
    config = {**job.config, **dict(spec.config), **aids, "classes": CLASSES[spec.labels]}
    return Fitted(spec.network(**config), config)


def hear(packed: Packed, rows: np.ndarray, spec: NetworkSpec, device: torch.device) -> Heard:
    """Take rows of a corpus as a network hears them, with the labels that it names."""
    if spec.input == "mel":
        return Clips.of(packed, rows, device, spec.labels)
    waves = Waves.of(packed, rows, device, spec.labels)
    if spec.input == "audio":
        return waves
    config = dict(spec.config)
    return Spectrograms(waves, Resolution(config["n_fft"], config["hop_length"]), waves.label_B)


def held_out_of(speakers: int) -> int:
    """How many of so many training speakers the plateau schedule watches."""
    return max(1, round(VALIDATION_SHARE * speakers))


def can_hold_out(speakers: int) -> bool:
    """Whether enough of so many training speakers are left beside those that the plateau schedule watches."""
    return speakers - held_out_of(speakers) >= LEAST_SPEAKERS


def hold_out(
    packed: Packed, rows: np.ndarray, seed: int, key: str = "training.schedule"
) -> tuple[np.ndarray, np.ndarray]:
    """Set some of the speakers of these rows aside: rows to train on, and rows to validate on.

    UserError, which names the parameter `key` that asks for it, where too few speakers would be left.
    """
    speakers = packed.clips["speaker"].to_numpy()[rows]
    names = np.unique(speakers)
    if not can_hold_out(len(names)):
        raise UserError(
            f"{key}: `plateau` holds speakers out of training, and of {len(names)} fewer than "
            f"{LEAST_SPEAKERS} would be left; choose another schedule in params.yaml"
        )
    count = held_out_of(len(names))
    aside = seeds.numpy_rng(seed, "validation").permutation(names)[:count]
    mask = np.isin(speakers, aside)
    return rows[~mask], rows[mask]
