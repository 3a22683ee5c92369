"""Feature extraction beside its peers, in times real time on two cores: `python -m bench.features --out FILE`.

Every contender gets the same clips, split over the same two single-threaded processes, warmed up once. Repetitions are
interleaved, each in another order, so that what else the machine does falls on all; the median counts. Beside the wall
clock stands the processor time of the slower process, which a busy machine distorts less.
"""

import argparse
import importlib
import importlib.metadata
import os
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch

from affekt.core.files import write_json
from affekt.features.mel import FMAX_HZ, FMIN_HZ, HOP_LENGTH, LOG_FLOOR, N_FFT, N_MELS, SAMPLE_RATE

CORES = 2
# Read when a process first loads these libraries, so set before the processes are spawned: a matrix product of
# librosa's must not take the other process's core.
THREAD_COUNTS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
N_MFCC = 20
F0_HZ = (65.0, 600.0)
GROUP = 32  # clips that are embedded together, as in the stage
TRIM_DB, TRIM_MARGIN_S = 40.0, 0.05  # as params.yaml has it
Clips = list[np.ndarray]
Speeds = dict[str, list[tuple[float, float]]]  # wall clock, processor


def ours_mel_mfcc(clips: Clips) -> None:
    from affekt.features.mel import log_mel
    from affekt.features.mfcc import mfcc

    with torch.inference_mode():
        for clip in clips:
            mfcc(log_mel(torch.from_numpy(clip)), N_MFCC)


def librosa_mel_mfcc(clips: Clips) -> None:
    """With the filterbank made once: `librosa.feature.melspectrogram` makes it anew for every clip."""
    import librosa

    for clip in clips:
        bands = librosa_filterbank() @ np.abs(
            librosa.stft(clip, n_fft=N_FFT, hop_length=HOP_LENGTH, pad_mode="reflect")
        )
        librosa.feature.mfcc(S=np.log(np.maximum(bands, LOG_FLOOR)), n_mfcc=N_MFCC)


@lru_cache
def librosa_filterbank() -> np.ndarray:
    import librosa

    return librosa.filters.mel(sr=SAMPLE_RATE, n_fft=N_FFT, n_mels=N_MELS, fmin=FMIN_HZ, fmax=FMAX_HZ)


def torchaudio_mel_mfcc(clips: Clips) -> None:
    transform, dct = torchaudio_transforms()
    with torch.inference_mode():
        for clip in clips:
            _ = dct @ transform(torch.from_numpy(clip)).clamp(min=LOG_FLOOR).log()


@lru_cache
def torchaudio_transforms() -> tuple[Any, torch.Tensor]:
    from torchaudio.functional import create_dct
    from torchaudio.transforms import MelSpectrogram

    transform = MelSpectrogram(
        SAMPLE_RATE,
        N_FFT,
        hop_length=HOP_LENGTH,
        f_min=FMIN_HZ,
        f_max=FMAX_HZ,
        n_mels=N_MELS,
        power=1.0,
        norm="slaney",
        mel_scale="slaney",
    )
    return transform, create_dct(N_MFCC, N_MELS, norm="ortho").T.contiguous()


def ours_f0(clips: Clips) -> None:
    from affekt.features.f0 import track_f0

    for clip in clips:
        track_f0(clip, *F0_HZ)


def pyworld_f0(clips: Clips) -> None:
    pyworld = import_pyworld()
    for clip in clips:
        samples = clip.astype(np.float64)
        f0, times = pyworld.dio(samples, SAMPLE_RATE, *F0_HZ, frame_period=1000 * HOP_LENGTH / SAMPLE_RATE)
        pyworld.stonemask(samples, f0, times, SAMPLE_RATE)


@lru_cache
def import_pyworld() -> ModuleType:
    """pyworld 0.3.5 asks pkg_resources, which setuptools no longer has, for its own version and nothing else."""
    stub = ModuleType("pkg_resources")
    stub.get_distribution = importlib.metadata.distribution  # type: ignore[attr-defined]
    sys.modules.setdefault("pkg_resources", stub)
    return importlib.import_module("pyworld")


def ours_speaker(clips: Clips) -> None:
    from affekt.features.speaker import embed_speakers

    for first in range(0, len(clips), GROUP):
        embed_speakers(our_encoder(), clips[first : first + GROUP])


@lru_cache
def our_encoder() -> Any:
    from affekt.features.speaker import load_encoder

    return load_encoder()


def resemblyzer_readme(clips: Clips) -> None:
    """The two calls of its README: resampling, level, voice activity, embedding."""
    from resemblyzer import preprocess_wav

    for clip in clips:
        resemblyzer_encoder().embed_utterance(preprocess_wav(clip, SAMPLE_RATE))


def resemblyzer_same_work(clips: Clips) -> None:
    """What ours does, by the package and one clip at a time: no voice activity detector, soxr."""
    import soxr
    from resemblyzer.audio import normalize_volume

    for clip in clips:
        waveform = normalize_volume(soxr.resample(clip, SAMPLE_RATE, 16000), -30, increase_only=True)
        resemblyzer_encoder().embed_utterance(waveform)


@lru_cache
def resemblyzer_encoder() -> Any:
    from resemblyzer import VoiceEncoder

    return VoiceEncoder("cpu", verbose=False)


CONTENDERS: dict[str, Callable[[Clips], None]] = {
    "mel_mfcc/affekt": ours_mel_mfcc,
    "mel_mfcc/librosa": librosa_mel_mfcc,
    "mel_mfcc/torchaudio": torchaudio_mel_mfcc,
    "f0/affekt": ours_f0,
    "f0/pyworld_dio_stonemask": pyworld_f0,
    "speaker/affekt": ours_speaker,
    "speaker/resemblyzer_readme": resemblyzer_readme,
    "speaker/resemblyzer_same_work": resemblyzer_same_work,
}
BUDGETS = {"mel_mfcc/affekt": 500, "f0/affekt": 300, "speaker/affekt": 50}  # times real time


def read_clips(count: int) -> tuple[str, Clips]:
    """Trimmed clips, evenly spread: RAVDESS where AFFEKT_MIRROR holds it, else what was prepared."""
    mirror = os.environ.get("AFFEKT_MIRROR")
    if mirror:
        from affekt.corpora.audio import read_audio, trim

        files = sorted(path for path in (Path(mirror) / "ravdess").rglob("03-01-*") if path.is_file())
        chosen = files[:: max(1, len(files) // count)][:count]
        return "ravdess", [trim(read_audio(path), TRIM_DB, TRIM_MARGIN_S).astype(np.float32) for path in chosen]
    from affekt.core.files import load_array, load_table
    from affekt.features.packed import waveform_of

    root = Path(__file__).resolve().parents[1] / "data" / "prepared"
    table, audio = load_table(root / "clips.parquet"), load_array(root / "audio.npy")
    rows = table.iloc[:: max(1, len(table) // count)].head(count)
    spans = zip(rows["offset"].tolist(), rows["frames"].tolist(), strict=True)
    return str(rows["corpus"].iloc[0]), [waveform_of(audio, *span) for span in spans]


_share: Clips = []


def set_up_worker(clips: Clips, rank: Any) -> None:
    """Give each process one thread and every other clip."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    with rank.get_lock():
        mine, rank.value = rank.value, rank.value + 1
    _share[:] = clips[mine::CORES]


def run_contender(name: str) -> float:
    """Seconds of processor time for this process's share."""
    start = time.process_time()
    CONTENDERS[name](_share)
    return time.process_time() - start


def measure(clips: Clips, repetitions: int) -> dict[str, list[tuple[float, float]]]:
    """Wall-clock and processor seconds of every contender and repetition, over all clips and both processes."""
    os.environ.update(dict.fromkeys(THREAD_COUNTS, "1"))
    spawn = get_context("spawn")
    rank = spawn.Value("i", 0)
    # One pool per process: a shared one could hand both halves of a contender to the same process.
    pools = [ProcessPoolExecutor(1, spawn, set_up_worker, (clips, rank)) for _ in range(CORES)]
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in CONTENDERS}
    names = list(CONTENDERS)
    for repetition in range(-1, repetitions):  # -1 is the warm-up
        for name in names[repetition % len(names) :] + names[: repetition % len(names)]:
            start = time.perf_counter()
            busy = max(future.result() for future in [pool.submit(run_contender, name) for pool in pools])
            if repetition >= 0:
                seconds[name].append((time.perf_counter() - start, busy))
    for pool in pools:
        pool.shutdown()
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=100)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--out", type=Path, help="write the figures to this JSON file")
    options = parser.parse_args()
    corpus, clips = read_clips(options.clips)
    seconds = measure(clips, options.repetitions)
    audio = sum(len(clip) for clip in clips) / SAMPLE_RATE
    speeds = {name: [(audio / wall, audio / busy) for wall, busy in times] for name, times in seconds.items()}
    print(f"{len(clips)} clips of {corpus}, {audio:.0f} s of speech, {CORES} processes of one thread; x real time")
    print_table(speeds)
    if options.out:
        facts = {
            "corpus": corpus,
            "clips": len(clips),
            "audio_seconds": round(audio, 2),
            "processes": CORES,
            "repetitions": options.repetitions,
        }
        write_json(options.out, {**facts, **results(speeds)})


def median(values: list[tuple[float, float]], which: int) -> float:
    return round(statistics.median(value[which] for value in values), 1)


def print_table(speeds: Speeds) -> None:
    print(f"{'':32}{'wall':>8}{'least':>8}{'most':>8}{'processor':>11}{'budget':>8}")
    for name, values in speeds.items():
        least, most = min(values)[0], max(values)[0]
        row = f"{name:32}{median(values, 0):8.0f}{least:8.0f}{most:8.0f}{median(values, 1):11.0f}"
        print(row + f"{BUDGETS.get(name, ''):>8}")


def results(speeds: Speeds) -> dict[str, Any]:
    packages = ("torch", "torchaudio", "librosa", "praat-parselmouth", "pyworld", "resemblyzer")
    return {
        "versions": {package: importlib.metadata.version(package) for package in packages},
        "cores_of_machine": os.cpu_count(),
        "budgets_x_realtime": BUDGETS,
        **{f"{name}/x_realtime": median(values, 0) for name, values in speeds.items()},
        **{f"{name}/x_realtime_of_processor_time": median(values, 1) for name, values in speeds.items()},
        "all_x_realtime": {name: [round(wall, 1) for wall, _ in values] for name, values in speeds.items()},
    }


if __name__ == "__main__":
    main()
