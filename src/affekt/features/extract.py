"""All features of a prepared corpus in one pass over its audio, parallel over processes."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from affekt.core.files import load_array, load_table, save_table, write_json
from affekt.core.parallel import run_parallel
from affekt.core.params import FeaturesParams
from affekt.core.progress import Progress, quiet
from affekt.features.f0 import track_f0
from affekt.features.mel import N_MELS, log_mel
from affekt.features.mfcc import mfcc
from affekt.features.packed import Packed, frame_table, waveform_of
from affekt.features.speaker import EMBEDDING_SIZE, SpeakerEncoder, embed_speakers, load_encoder

if TYPE_CHECKING:
    import pandas as pd

# Clips of one task. Fixed, because a batch of another size may round differently: so the same groups of clips go
# through the speaker encoder whatever the number of workers.
GROUP = 32


@dataclass(frozen=True)
class Group:
    """Some neighbouring clips: where they are in the audio and where their features go."""

    prepared: Path
    out: Path
    params: FeaturesParams
    first: int  # clip
    samples: list[tuple[int, int]]  # offset and length in the audio
    frames: list[tuple[int, int]]  # offset and length in the features


def extract(
    prepared: Path,
    out: Path,
    params: FeaturesParams,
    progress: Progress = quiet,
) -> None:
    """Fill the folder `out` with the features of `prepared`; the same to the bit for any number of workers."""
    clips = load_table(prepared / "clips.parquet")
    table = frame_table(clips)
    out.mkdir(parents=True, exist_ok=True)
    total = int(table["frames"].sum())
    _create(out / "mel.npy", (total, N_MELS))
    _create(out / "mfcc.npy", (total, params.n_mfcc))
    _create(out / "f0.npy", (total,))
    _create(out / "speaker.npy", (len(clips), EMBEDDING_SIZE))
    run_parallel(extract_group, _groups(prepared, out, params, clips, table), params.workers, "features", progress)
    save_table(out / "frames.parquet", table)
    write_json(out / "stats.json", _statistics(Packed.load(prepared, out)))


def _create(path: Path, shape: tuple[int, ...]) -> None:
    """An array of zeros on disk; each worker fills its own rows."""
    np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=shape).flush()


def _groups(
    prepared: Path, out: Path, params: FeaturesParams, clips: "pd.DataFrame", table: "pd.DataFrame"
) -> list[Group]:
    samples = list(zip(clips["offset"].tolist(), clips["frames"].tolist(), strict=True))
    frames = list(zip(table["offset"].tolist(), table["frames"].tolist(), strict=True))
    return [
        Group(prepared, out, params, first, samples[first : first + GROUP], frames[first : first + GROUP])
        for first in range(0, len(clips), GROUP)
    ]


@torch.inference_mode()
def extract_group(group: Group) -> None:
    """Write the features of one group of clips into their rows."""
    audio = load_array(group.prepared / "audio.npy")
    mel, coefficients, f0, speaker = (
        np.load(group.out / f"{name}.npy", mmap_mode="r+") for name in ("mel", "mfcc", "f0", "speaker")
    )
    waveforms = [waveform_of(audio, offset, samples) for offset, samples in group.samples]
    for waveform_T, (offset, frames) in zip(waveforms, group.frames, strict=True):
        rows = slice(offset, offset + frames)
        mel_MF = log_mel(torch.from_numpy(waveform_T))
        mel[rows] = mel_MF.T.numpy()
        coefficients[rows] = mfcc(mel_MF, group.params.n_mfcc).T.numpy()
        f0[rows] = track_f0(waveform_T, group.params.f0_min_hz, group.params.f0_max_hz)
    speaker[group.first : group.first + len(waveforms)] = embed_speakers(_encoder(), waveforms)
    for array in (mel, coefficients, f0, speaker):
        array.flush()


@lru_cache
def _encoder() -> SpeakerEncoder:
    return load_encoder()


def _statistics(packed: Packed) -> dict[str, Any]:
    """Counts, and mean and deviation of each mel band over half a, the half that generative models train on."""
    chosen = np.flatnonzero(packed.clips["half"].to_numpy() == "a")
    count = int(packed.frames[chosen].sum())
    sums, squares = np.zeros(N_MELS), np.zeros(N_MELS)
    for i in chosen:
        mel_FM = packed.mel[packed.span(int(i))].astype(np.float64)
        sums += mel_FM.sum(0)
        squares += np.square(mel_FM).sum(0)
    mean = sums / max(count, 1)
    return {
        "clips": len(packed),
        "frames": int(packed.frames.sum()),
        "seconds": int(packed.clips["frames"].sum()) / int(packed.clips["rate"].iloc[0]),
        "voiced": float((packed.f0 > 0).mean()),
        "half_a/clips": len(chosen),
        "half_a/frames": count,
        "half_a/mel_mean": mean.tolist(),
        "half_a/mel_sd": np.sqrt(np.maximum(squares / max(count, 1) - mean**2, 0)).tolist(),
    }
