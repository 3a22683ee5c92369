"""Seek smooth masks that bring recordings to another emotion; the judge says at which energy they do."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from affekt.core.errors import UserError
from affekt.core.files import load_array, load_table, read_json, save_array, write_json
from affekt.core.params import MaskParams
from affekt.core.seeds import derive
from affekt.core.stage import Stage, run
from affekt.corpora.table import EMOTIONS
from affekt.corpora.wav import write_wav
from affekt.evaluate.clips import pick_clips, wish_emotions
from affekt.evaluate.mask import Heard, compare, compare_emotions, hear
from affekt.features.mel import log_mel
from affekt.features.packed import waveform_of
from affekt.models.content import ContentNetwork
from affekt.models.io import load_model
from affekt.models.judge import RecurrentRecogniser
from affekt.models.registry import load_recogniser
from affekt.optimise.gain_grid import GainGrid, mask_sound
from affekt.optimise.mask import Masks, Wish, seek_masks
from affekt.optimise.resynthesis import fit

HALF = "a"  # of the speakers: the judge has not heard them
CLIMBED = "recogniser_mel_cnn"  # the model whose belief rises
EXAMPLES = 8  # clips whose sounds are kept


@dataclass(frozen=True)
class Clips:
    """Recordings, and what they are to become."""

    names: list[str]
    emotions: list[str]
    statements: list[str]
    wave: list[Tensor]  # (T,)
    mel: list[Tensor]  # (M, F)
    wanted: list[str]

    @property
    def labels(self) -> np.ndarray:
        """Indices (B,) of the wanted emotions."""
        return np.array([EMOTIONS.index(emotion) for emotion in self.wanted])


@dataclass(frozen=True)
class Edited:
    """Masks of one energy, the sounds that they make and what is heard in these."""

    rms_db: float
    masks: Masks
    wave: list[Tensor]
    heard: Heard
    heard_random: Heard


def main(stage: Stage) -> None:
    params = stage.params(MaskParams)
    networks, names = load_networks(stage)
    clips = load_clips(stage.dep("prepared"), params.clips)
    statements_B = np.array([index_of(names, statement) for statement in clips.statements])
    before = hear(networks, clips.mel, stage.device)
    metrics: dict[str, float] = {"mask/clips": float(len(clips.names)), "mask/steps": float(params.steps)}
    edits = [edit(stage, networks, clips, params, bound) for bound in stage.progress(params.rms_db, "bounds")]
    for one in edits:
        found = compare(before, one.heard, clips.labels, statements_B)
        found["judge_random"] = float((one.heard_random.judge.argmax(1) == clips.labels).mean())
        found["statement_random"] = float((one.heard_random.statement == statements_B).mean())
        found["rms_db"] = float(np.mean(one.masks.rms_db))
        found["peak_db"] = max(float(gain_MF.abs().max()) for gain_MF in one.masks.gain)
        metrics |= {f"mask/{one.rms_db:g}db/{key}": value for key, value in found.items()}
    largest = compare_emotions(before, edits[-1].heard, clips.labels, EMOTIONS)
    for emotion, row in largest.items():
        metrics |= {f"mask/{edits[-1].rms_db:g}db/{emotion}/{key}": value for key, value in row.items()}
    stage.metrics(metrics)
    write_json(stage.out("mask.json"), metrics)
    parts = stage.out("mask")
    parts.mkdir(parents=True)
    write_examples(parts, clips, before, edits, statements_B)
    stage.artifact(parts)


def load_networks(stage: Stage) -> tuple[dict[str, nn.Module], list[str]]:
    """The networks by what they do, and the statements that `content`, which measures, tells apart.

    `keeper` holds what is said while a mask is sought; like the recogniser it learned from the half of these clips.
    """
    device, content = stage.device, stage.dep("content_b")
    networks = {
        "recogniser": load_recogniser(stage.dep(CLIMBED), device),
        "judge": load_model(stage.dep("judge"), RecurrentRecogniser, device),
        "content": load_model(content, ContentNetwork, device),
        "keeper": load_model(stage.dep("content_a"), ContentNetwork, device),
    }
    return networks, [str(row["statement"]) for row in read_json(content / "statements.json")]


def index_of(names: list[str], statement: str) -> int:
    """The index of a statement; UserError where the content network has not learned it."""
    if statement not in names:
        raise UserError(f"models/content_b does not know statement {statement!r}, only {', '.join(names)}; retrain it")
    return names.index(statement)


def load_clips(prepared: Path, count: int) -> Clips:
    """Clips that the judge has not heard, spread over speakers, emotions and statements, each with its wish."""
    audio = load_array(prepared / "audio.npy")
    chosen = pick_clips(load_table(prepared / "clips.parquet"), count, HALF)
    waves = [torch.from_numpy(waveform_of(audio, int(c.offset), int(c.frames))) for c in chosen.itertuples()]
    emotions = chosen["emotion"].tolist()
    return Clips(
        names=chosen["clip_id"].tolist(),
        emotions=emotions,
        statements=[str(statement) for statement in chosen["statement"]],
        wave=waves,
        mel=[log_mel(wave_T) for wave_T in waves],
        wanted=wish_emotions(emotions),
    )


def edit(stage: Stage, networks: dict[str, nn.Module], clips: Clips, params: MaskParams, rms_db: float) -> Edited:
    """Seek masks of one energy, and draw random ones of the same to compare with."""
    grid = GainGrid(params.band_cell, params.frame_cell, rms_db, params.peak_db)
    wish = Wish(
        grid, params.steps, params.lr, params.views, params.smoothness, params.content_weight, params.content_bound,
        stage.seed("views"),
    )  # fmt: skip
    keeper = networks["keeper"] if params.content_weight > 0 else None
    work = stage.work / f"{rms_db:g}db"
    labels = clips.labels.tolist()
    masks = seek_masks([networks["recogniser"]], clips.mel, labels, wish, stage.device, keeper, work=work)
    for step, score_B in enumerate(torch.stack(masks.score, dim=1)):
        stage.log({f"mask/{rms_db:g}db/own_probability": score_B.mean()}, step)
    frames_B = torch.tensor([mel_MF.shape[-1] for mel_MF in clips.mel])
    seeds = [derive(stage.seed("random"), name) for name in clips.names]
    knots_BNH = grid.random(frames_B, torch.tensor(masks.rms_db), seeds)
    random_BMF = grid.gain(knots_BNH, int(frames_B.max()))
    random = [gain_MF[:, :frames] for gain_MF, frames in zip(random_BMF, frames_B.tolist(), strict=True)]
    waves, random_waves = (apply(clips.wave, gains) for gains in (masks.gain, random))
    heard, heard_random = (
        hear(networks, [log_mel(w) for w in sounds], stage.device) for sounds in (waves, random_waves)
    )
    return Edited(rms_db, masks, waves, heard, heard_random)


def apply(waves: list[Tensor], gains: list[Tensor]) -> list[Tensor]:
    """Each sound under its mask."""
    return [mask_sound(wave_T[None], gain_MF[None])[0] for wave_T, gain_MF in zip(waves, gains, strict=True)]


def write_examples(parts: Path, clips: Clips, before: Heard, edits: list[Edited], statements_B: np.ndarray) -> None:
    """Write sounds and masks of some clips, each with another wished emotion while there are such, and index.json."""
    turn = [clips.wanted[:i].count(emotion) for i, emotion in enumerate(clips.wanted)]
    shown = sorted(range(len(turn)), key=lambda i: (turn[i], i))[:EXAMPLES]
    rows = []
    for i in sorted(shown):
        name = clips.names[i]
        row: dict[str, Any] = {"clip_id": name, "emotion": clips.emotions[i], "wanted": clips.wanted[i]}
        write_wav(parts / f"{name}.wav", clips.wave[i].numpy())
        row["before"] = {"audio": f"{name}.wav"} | describe(before, clips, statements_B, i)
        row["after"] = []
        for one in edits:
            stem = f"{name}-{one.rms_db:g}db"
            samples, _ = fit(one.wave[i].numpy())
            write_wav(parts / f"{stem}.wav", samples)
            save_array(parts / f"{stem}.npy", one.masks.gain[i].numpy().astype(np.float16))
            about = {"bound_db": one.rms_db, "rms_db": one.masks.rms_db[i], "audio": f"{stem}.wav"}
            row["after"].append(about | {"mask": f"{stem}.npy"} | describe(one.heard, clips, statements_B, i))
        rows.append(row)
    write_json(parts / "index.json", {"bounds_db": [one.rms_db for one in edits], "examples": rows})


def describe(heard: Heard, clips: Clips, statements_B: np.ndarray, i: int) -> dict[str, Any]:
    """What is heard in one sound: belief in the wanted emotion, what the judge names, whether the statement is kept."""
    label = clips.labels[i]
    return {
        "own": float(heard.own[i, label]),
        "judge": float(heard.judge[i, label]),
        "judge_names": EMOTIONS[int(heard.judge[i].argmax())],
        "statement_kept": bool(heard.statement[i] == statements_B[i]),
    }


if __name__ == "__main__":
    run(main)
