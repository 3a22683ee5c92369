"""The climb with what is said held: the same latents with and without a bound on the drift of their content.

Who bounds it (content_a) heard the half of speakers that all climbed networks heard; who measures it (content_b), as
the judge, the other half.
"""

from pathlib import Path

import numpy as np
import torch
from torch import nn

from affekt.core.files import load_table, save_array, write_json
from affekt.core.params import ContentFixedParams, MaximiseParams
from affekt.core.stage import Stage, run
from affekt.corpora.table import EMOTIONS
from affekt.corpora.wav import write_wav
from affekt.evaluate.content_fixed import content_kept, less_drift, summarise_content
from affekt.evaluate.maximise import check_emotions, listen, summarise
from affekt.models.content import ContentNetwork
from affekt.models.gan import Generator
from affekt.models.io import load_model
from affekt.models.judge import RecurrentRecogniser
from affekt.models.registry import load_recogniser
from affekt.models.vocoder import IstftVocoder
from affekt.optimise.held_content import content_beyond
from affekt.optimise.maximise import Plan, Voice, maximise, settings_for
from affekt.optimise.trajectory import Trajectory


def main(stage: Stage) -> None:
    device = stage.device
    params, climb = stage.params(ContentFixedParams), stage.params(MaximiseParams)
    clips = load_table(stage.dep("prepared") / "clips.parquet")
    check_emotions(climb.emotions, clips)
    plan = Plan.of(params.seeds, [EMOTIONS.index(emotion) for emotion in climb.emotions])
    voice = Voice(load_model(stage.dep("gan"), Generator, device))
    recogniser = load_recogniser(stage.dep("recogniser_mel_cnn"), device)
    judge = load_model(stage.dep("judge"), RecurrentRecogniser, device)
    held_by, measured_by = (load_model(stage.dep(f"content_{half}"), ContentNetwork, device) for half in "ab")
    bound = content_beyond(voice, held_by, params.bound, device)
    settings = settings_for(device, params.steps, climb.lr, climb.transforms, stage.seed("latents"))
    ends: dict[str, Trajectory] = {}
    said: dict[str, dict[str, np.ndarray]] = {}
    metrics = {f"content_fixed/{name}": float(getattr(params, name)) for name in ("seeds", "steps", "bound", "weight")}
    for name, kept in (("free", {}), ("held", {"content": (params.weight, bound)})):
        work = stage.work / name
        work.mkdir(exist_ok=True)
        bar = lambda steps: stage.progress(steps, f"{name}, steps")  # noqa: B023, E731
        ends[name] = maximise(voice, [recogniser], plan, settings, climb.prior_weight, device, work, bar, kept)
        heard = listen(voice, [recogniser], judge, ends[name], plan, device)
        prefix = f"content_fixed/{name}"
        metrics |= summarise(ends[name], plan, heard.own, heard.judge, EMOTIONS, prefix, 1 / clips["emotion"].nunique())
        said[name] = content_kept(voice, measured_by, ends[name], plan, device)
        rows = summarise_content(said[name], plan, EMOTIONS)
        metrics |= {f"{prefix}/{key}": value for key, value in rows.items()}
    metrics["content_fixed/p_drift"] = less_drift(said["free"]["drift"], said["held"]["drift"], plan)
    metrics["content_fixed/statements"] = float(measured_by.statements)
    stage.metrics(metrics)
    write_json(stage.out("content_fixed.json"), metrics)
    vocoder = load_model(stage.dep("vocoder"), IstftVocoder, device)
    write_examples(stage.out("content_fixed"), voice, vocoder, ends, plan, device)


@torch.no_grad()
def write_examples(
    parts: Path, voice: Voice, vocoder: nn.Module, ends: dict[str, Trajectory], plan: Plan, device: torch.device
) -> None:
    """Write the first seed of each emotion at the start, and climbed both ways: mels.npy, WAVs and index.json."""
    parts.mkdir(parents=True)
    rows = []
    for i in (i for i, seed in enumerate(plan.seeds) if seed == plan.seeds[0]):
        latents = {"start": ends["free"].start[i], **{name: ended.end[i] for name, ended in ends.items()}}
        row: dict[str, str] = {"emotion": EMOTIONS[plan.labels[i]]}
        for name, latent_L in latents.items():
            mel_BMF = voice.mel(latent_L[None].to(device))
            row[f"{name}_mel"], row[f"{name}_audio"] = (f"{row['emotion']}-{name}.{kind}" for kind in ("npy", "wav"))
            save_array(parts / row[f"{name}_mel"], mel_BMF[0].cpu().numpy())
            write_wav(parts / row[f"{name}_audio"], vocoder(mel_BMF)[0].clamp(-1, 1).cpu().numpy())
        rows.append(row)
    write_json(parts / "index.json", rows)


if __name__ == "__main__":
    run(main)
