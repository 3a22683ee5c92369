"""Measure analysis-synthesis of unseen speakers by the vocoders, beside Griffin-Lim and the recordings."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from affekt.core.files import load_array, load_table, write_json
from affekt.core.params import VocodingParams
from affekt.core.stage import Stage, run
from affekt.corpora.wav import write_wav
from affekt.evaluate.clips import pick_clips
from affekt.evaluate.vocoding import SYSTEMS, compare_clips, predict_mos, summarise
from affekt.features.mel import HOP_LENGTH, log_mel
from affekt.models.vocoders import load_vocoder

if TYPE_CHECKING:
    import pandas as pd

EXAMPLES = 16  # clips whose audio is kept: as many as the report can show


def main(stage: Stage) -> None:
    device = stage.device
    params = stage.params(VocodingParams)
    prepared = stage.dep("prepared")
    audio = load_array(prepared / "audio.npy")
    clips = pick_clips(load_table(prepared / "clips.parquet"), params.clips, half="b")
    vocoders = {
        "griffin_lim": load_vocoder("griffin_lim", device, params.griffin_lim_iterations),
        "istft": load_vocoder(stage.dep("vocoder"), device),
        "waveglow": load_vocoder(stage.dep("waveglow"), device),
    }
    waves: dict[str, list[np.ndarray]] = {name: [] for name in ("real", *SYSTEMS)}
    for clip in stage.progress(clips.itertuples(), "vocoding", total=len(clips)):
        samples = clip.frames // HOP_LENGTH * HOP_LENGTH  # all vocoders give whole hops
        real_T = torch.from_numpy(audio[clip.offset : clip.offset + samples] / np.float32(32768))
        waves["real"].append(real_T.numpy())
        for name in SYSTEMS:
            waves[name].append(speak(vocoders[name], log_mel(real_T), device))

    metrics = {
        "vocoder/clips": float(len(clips)),
        "vocoder/griffin_lim/iterations": float(params.griffin_lim_iterations),
        "vocoder/real/mos": float(np.mean(predict_mos(waves["real"]))),
    }
    for name in SYSTEMS:
        pairs = zip(waves["real"], waves[name], strict=True)
        figures = summarise([compare_clips(real_T, wave_T) for real_T, wave_T in stage.progress(pairs, name)])
        figures["mos"] = float(np.mean(predict_mos(waves[name])))
        metrics |= {f"vocoder/{name}/{key}": value for key, value in figures.items()}
    stage.metrics(metrics)
    write_json(stage.out("vocoding.json"), metrics)
    parts = stage.out("vocoding")
    write_examples(parts, clips, waves)
    stage.artifact(parts)


@torch.inference_mode()
def speak(vocoder: nn.Module, mel_MF: Tensor, device: torch.device) -> np.ndarray:
    """The waveform (T,) of one mel."""
    return vocoder(mel_MF[None].to(device))[0].cpu().numpy()


def write_examples(folder: Path, clips: "pd.DataFrame", waves: dict[str, list[np.ndarray]]) -> None:
    """Write some clips as WAV and index.json: per clip its id, emotion and the file of each version."""
    folder.mkdir(parents=True)
    shown = set(pick_clips(clips, EXAMPLES, half="b")["clip_id"])
    index = []
    for i, clip in enumerate(clips.itertuples()):
        if clip.clip_id not in shown:
            continue
        row = {"clip_id": clip.clip_id, "emotion": clip.emotion}
        for name, versions in waves.items():
            row[name] = f"{clip.clip_id}-{name}.wav"
            write_wav(folder / row[name], versions[i])
        index.append(row)
    write_json(folder / "index.json", index)


if __name__ == "__main__":
    run(main)
