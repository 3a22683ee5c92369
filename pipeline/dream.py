"""Dream every block of the gender network on fixed clips, then three of them over a grid of octaves and steps."""

import itertools
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from affekt.core.files import load_array, load_table, save_array, write_json
from affekt.core.params import DreamParams
from affekt.core.stage import Stage, run
from affekt.corpora.table import GENDERS, SAMPLE_RATE
from affekt.corpora.wav import write_wav
from affekt.evaluate.dream import choose_clips, compare, respond, snr_db, snr_undreamed
from affekt.features.packed import waveform_of
from affekt.models.io import load_model
from affekt.models.spectrogram_net import SpectrogramResNet
from affekt.optimise.dream import Ear, Wish, dream
from affekt.optimise.resynthesis import fit, speak

BLOCKS = tuple(f"block{i}" for i in range(1, 10))


@dataclass(frozen=True)
class Sounds:
    """Clips cut to one length, so that they are dreamed in one batch."""

    names: list[str]
    wave: Tensor  # (B, T)
    gender: Tensor  # (B,)


def main(stage: Stage) -> None:
    params = stage.params(DreamParams)
    ear = Ear.of(load_model(stage.dep(params.network), SpectrogramResNet, stage.device), "spectrogram", stage.device)
    sounds = load_sounds(stage.dep("prepared"), params, stage.device)
    parts = stage.out("dream")
    parts.mkdir(parents=True)
    metrics: dict[str, float] = {
        "dream/clips": float(len(sounds.names)),
        "dream/seconds": sounds.wave.shape[-1] / SAMPLE_RATE,
        "dream/snr_zero_db": float(snr_undreamed(ear, sounds.wave).min()),
    }
    index = [
        write_sound(parts, "before", i, sounds.wave[i], ear.analyse(sounds.wave)[0][i])
        for i in range(len(sounds.names))
    ]
    wishes = plan(params, stage.seed("dream"))
    for name in stage.progress(wishes, "dreams"):
        found = dream_sounds(stage, ear, sounds, name, wishes[name], parts, index)
        metrics |= {f"dream/{name}/{figure}": float(values.mean()) for figure, values in found.items()}
    stage.metrics(metrics)
    write_json(stage.out("dream.json"), metrics)
    about = {"clips": sounds.names, "gender": [GENDERS[i] for i in sounds.gender.tolist()], "sounds": index}
    write_json(parts / "index.json", about)
    stage.artifact(parts)


def load_sounds(prepared: Path, params: DreamParams, device: torch.device) -> Sounds:
    clips, audio = load_table(prepared / "clips.parquet"), load_array(prepared / "audio.npy")
    samples = round(params.seconds * SAMPLE_RATE)
    chosen = clips.iloc[choose_clips(clips, params.clips, samples)]
    samples = min(samples, int(chosen["frames"].min()))
    wave_BT = np.stack([waveform_of(audio, int(offset), samples) for offset in chosen["offset"]])
    gender_B = torch.tensor([GENDERS.index(gender) for gender in chosen["gender"]])
    return Sounds(chosen["clip_id"].tolist(), torch.from_numpy(wave_BT).to(device), gender_B)


def plan(params: DreamParams, seed: int) -> dict[str, Wish]:
    """All dreams by their names in the metrics: the blocks, then the grid."""
    wish = Wish(
        BLOCKS[0], params.octaves, params.iterations, params.step, seed,
        ratio=params.ratio, tile_frames=params.tile_frames,
        jitter_frames=params.jitter_frames, jitter_bins=params.jitter_bins,
    )  # fmt: skip
    wishes = {block: replace(wish, layer=block) for block in BLOCKS}
    for layer, octaves, step in itertools.product(params.grid_layers, params.grid_octaves, params.grid_steps):
        wishes[f"grid/{layer}/octaves_{octaves}/step_{step:g}"] = replace(wish, layer=layer, octaves=octaves, step=step)
    return wishes


def dream_sounds(
    stage: Stage, ear: Ear, sounds: Sounds, name: str, wish: Wish, parts: Path, index: list[dict[str, object]]
) -> dict[str, Tensor]:
    """Dream all sounds, write them (of the grid only the first) and return figures per sound."""
    root_BKF, phase_BKF = ear.analyse(sounds.wave)
    dreamed = dream(ear, root_BKF, phase_BKF, wish)
    wave_BT = speak(dreamed.root, phase_BKF, sounds.wave.shape[-1], ear.resolution)
    figures = compare(respond(ear, wish, sounds.wave), respond(ear, wish, wave_BT), sounds.gender)
    figures["peak"] = wave_BT.abs().amax(dim=1).cpu()
    figures["snr_db"] = snr_db(sounds.wave, wave_BT).cpu()
    for step, activation_B in enumerate(torch.cat(dreamed.history)):
        stage.log({f"dream/{name}/activation": activation_B.mean()}, step)
    for i in range(1 if name.startswith("grid") else len(sounds.names)):
        row = write_sound(parts, name, i, wave_BT[i], dreamed.root[i])
        row |= {figure: float(values[i]) for figure, values in figures.items()}
        row["activation"] = [octave_TB[:, i].tolist() for octave_TB in dreamed.history]
        index.append(row | {"layer": wish.layer, "octaves": wish.octaves, "step": wish.step})
    return figures


def write_sound(parts: Path, name: str, i: int, wave_T: Tensor, root_KF: Tensor) -> dict[str, object]:
    """Write a sound, softer only where it would clip, and its root magnitudes; return their row of the index."""
    samples, gain = fit(wave_T.cpu().numpy())
    stem = f"{name.replace('/', '-')}-{i}"
    write_wav(parts / f"{stem}.wav", samples)
    save_array(parts / f"{stem}.npy", root_KF.cpu().numpy().astype(np.float16))
    return {"dream": name, "clip": i, "audio": f"{stem}.wav", "spectrogram": f"{stem}.npy", "gain": gain}


if __name__ == "__main__":
    run(main)
