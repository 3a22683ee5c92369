"""Inputs of the report as the stages before it write them, made of buzzes in a second instead of minutes."""

from pathlib import Path

import numpy as np
import pandas as pd
import soundfile
import torch

from affekt.core.files import save_array, save_table, write_json
from affekt.corpora.table import EMOTIONS
from affekt.features.mel import SAMPLE_RATE, log_mel
from affekt.report.assets import Sources

SPEAKERS = [("demo-01", "f", "a"), ("demo-02", "m", "a"), ("demo-03", "f", "b"), ("demo-04", "m", "b")]
STEPS = [0, 4, 8, 12]


def buzz(f0_hz: float, seconds: float, seed: int) -> np.ndarray:
    """A voice-like sound: harmonics under three formants, with syllables, int16-ready in -1..1."""
    rng = np.random.default_rng(seed)
    t = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    pitch = f0_hz * (1 + 0.12 * np.sin(2 * np.pi * 0.9 * t + seed))
    phase = 2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE
    sound = np.zeros_like(t)
    for k in range(1, int(7000 / f0_hz)):
        formants = sum(np.exp(-(((k * f0_hz - f) / 250) ** 2)) for f in (500, 1500 + 60 * seed, 2600))
        sound += (formants + 0.02) * np.sin(k * phase)
    sound *= np.clip(np.sin(2 * np.pi * 2.3 * t + seed), 0.03, None)
    sound += 0.003 * rng.standard_normal(len(t))
    return 0.4 * sound / np.abs(sound).max()


def mel_of(sound: np.ndarray, frames: int | None = None) -> np.ndarray:
    """Raw log mel (80, frames) of a sound."""
    mel = log_mel(torch.from_numpy(sound.astype(np.float32))).numpy()
    return mel if frames is None else mel[:, :frames]


def write_inputs(root: Path) -> Sources:
    """Write everything that the report reads under `root`."""
    sources = Sources(
        prepared=root / "data/prepared",
        features=root / "data/features",
        summary=root / "reports/metrics/summary.json",
        recognition=root / "reports/parts/recognition",
        generation=root / "reports/parts/generation",
        vocoding=root / "reports/parts/vocoding",
        maximise=root / "reports/parts/maximise",
    )
    write_corpus(sources)
    write_parts(sources)
    write_json(sources.summary, figures())
    return sources


def write_corpus(sources: Sources) -> None:
    """Write clips of four speakers in eight emotions, with their features."""
    rows, sounds, mels, f0s = [], [], [], []
    for label, emotion in enumerate(EMOTIONS):
        for number, (speaker, gender, half) in enumerate(SPEAKERS):
            f0_hz = (200 if gender == "f" else 110) * (1 + 0.08 * label)
            sounds.append(np.round(buzz(f0_hz, 0.9 + 0.05 * label, number) * 32767).astype(np.int16))
            mels.append(mel_of(sounds[-1] / 32768))
            f0s.append(np.where(np.arange(mels[-1].shape[1]) % 5 == 0, 0.0, f0_hz))
            rows.append(
                {"clip_id": f"{speaker}-{label + 1:02d}", "corpus": "demo", "speaker": speaker, "gender": gender,
                 "emotion": emotion, "intensity": "strong" if label else "normal", "statement": "kids",
                 "repetition": 1, "language": "en", "rate": SAMPLE_RATE, "half": half, "fold": number % 2,
                 "sha256": f"{label}{number}" * 32}
            )  # fmt: skip
    order = sorted(range(len(rows)), key=lambda i: str(rows[i]["clip_id"]))
    clips = pd.DataFrame([rows[i] for i in order])
    lengths = np.array([len(sounds[i]) for i in order])
    frames = np.array([mels[i].shape[1] for i in order])
    clips["offset"], clips["frames"] = np.cumsum(lengths) - lengths, lengths
    sources.prepared.mkdir(parents=True)
    save_array(sources.prepared / "audio.npy", np.concatenate([sounds[i] for i in order]))
    save_table(sources.prepared / "clips.parquet", clips)
    write_json(sources.prepared / "quarantine.json", [{"path": "demo-09/x.wav", "reason": "is empty"}])
    table = pd.DataFrame({"clip_id": clips["clip_id"], "offset": np.cumsum(frames) - frames, "frames": frames})
    sources.features.mkdir(parents=True)
    save_table(sources.features / "frames.parquet", table)
    save_array(sources.features / "mel.npy", np.concatenate([mels[i].T for i in order]).astype(np.float32))
    save_array(sources.features / "f0.npy", np.concatenate([f0s[i] for i in order]).astype(np.float32))


def write_sound(path: Path, sound: np.ndarray) -> str:
    """Write a WAV as a stage does; return its file name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, sound, SAMPLE_RATE, subtype="PCM_16")
    return path.name


def write_parts(sources: Sources) -> None:
    """Write what recognition, generation, vocoding and maximise leave for the report."""
    rng = np.random.default_rng(0)
    for model in ("recogniser", "judge"):
        save_array(
            sources.recognition / f"confusion_{model}.npy", rng.integers(0, 5, (8, 8)) + 12 * np.eye(8, dtype=int)
        )
    voices = [buzz(120 + 15 * i, 1.86, i) for i in range(8)]
    save_array(sources.generation / "samples.npy", np.stack([mel_of(v, 160) for v in voices]))
    names = [write_sound(sources.generation / f"sample_{i:02d}.wav", v) for i, v in enumerate(voices)]
    write_json(sources.generation / "index.json", {"samples": names})
    index = []
    for i, emotion in enumerate(("angry", "happy", "sad")):
        files = {
            kind: write_sound(sources.vocoding / f"clip{i}_{kind}.wav", buzz(150, 1.0, i))
            for kind in ("real", "griffin_lim", "istft")
        }
        index.append({"clip_id": f"demo-03-{i:02d}", "emotion": emotion, **files})
    write_json(sources.vocoding / "index.json", index)
    write_maximise(sources.maximise)


def write_maximise(folder: Path) -> None:
    """Write trajectories that glide from one buzz to another, and beliefs that rise."""
    own = 1 / (1 + np.exp(-0.7 * (np.arange(STEPS[-1] + 1) - 5)))
    judge = np.array([[0.12, 0.2, 0.33, 0.4 + 0.03 * label] for label in range(8)])
    save_array(folder / "curves.npy", np.stack([np.stack([own, 1 - own, own], axis=1)] * 8))
    save_array(folder / "judge_probability.npy", np.stack([judge] * 4, axis=2))
    rows = []
    for label, emotion in enumerate(EMOTIONS):
        for seed in range(2):
            before, after = buzz(120, 1.87, seed), buzz(190 + 10 * label, 1.87, label + 1 + seed)
            start, end = mel_of(before, 160), mel_of(after, 160)
            name = f"{emotion}-{seed:03d}"
            path = np.stack([start + (end - start) * step / STEPS[-1] for step in STEPS])
            save_array(folder / f"{name}-mels.npy", path.astype(np.float32))
            rows.append(
                {"emotion": emotion, "seed": seed, "mels": f"{name}-mels.npy",
                 "audio_before": write_sound(folder / f"{name}-before.wav", before),
                 "audio_after": write_sound(folder / f"{name}-after.wav", after),
                 "own_probability": own[STEPS].tolist(), "judge_probability": judge[label].tolist()}
            )  # fmt: skip
    index = {"curves": ["score", "objective", "prior"], "emotions": list(EMOTIONS), "snapshot_steps": STEPS}
    write_json(folder / "index.json", index | {"examples": rows})


def figures() -> dict[str, float]:
    """A summary with every figure that the page shows."""
    flat: dict[str, float] = {"recognise/chance/ua": 0.125, "recognise/majority/wa_a": 0.133}
    flat["recognise/majority/wa_b"] = 0.133
    for rank, model in enumerate(("mfcc_svm_b", "mfcc_svm_a", "judge", "recogniser")):
        flat |= {f"recognise/{model}/{m}": 0.4 + 0.08 * rank for m in ("ua", "wa", "macro_f1")}
        flat |= {f"recognise/{model}/recall/{e}": 0.3 + 0.07 * i for i, e in enumerate(EMOTIONS)}
    gan = {"frechet": 9.2, "frechet_floor": 3.1, "precision": 0.62, "recall": 0.31, "density": 0.7, "coverage": 0.5,
           "diversity": 0.8, "nearest_train": 2.1, "nearest_train_real": 1.9}  # fmt: skip
    flat |= {f"generate/gan/{key}": value for key, value in gan.items()}
    flat |= {f"generate/gan/{key}_real": 0.9 for key in ("precision", "recall", "density", "coverage", "diversity")}
    for i, emotion in enumerate(EMOTIONS):
        flat |= {f"generate/gan/judged/{emotion}": 0.05 * i, f"generate/gan/judged_real/{emotion}": 0.125}
    for rank, system in enumerate(("griffin_lim", "istft")):
        flat |= {
            f"vocoder/{system}/{m}": 0.5 + rank
            for m in ("mel_l1", "stft", "pesq", "stoi", "f0_cents", "mos", "voicing_error")
        }
    flat |= {"vocoder/real/mos": 4.1, "vocoder/clips": 12.0}
    for rank, emotion in enumerate((*EMOTIONS, "all")):
        rates = {"own_before": 0.12, "own_after": 0.98, "judge_before": 0.14, "judge_after": 0.3 + 0.06 * rank,
                 "p_value": 0.2 / 4**rank, "p_holm": 0.4 / 4**rank, "p_chance": 0.01, "judge_elsewhere": 0.1,
                 "prior_percentile_before": 50.0, "prior_percentile": 71.0}  # fmt: skip
        flat |= {f"maximise/gan/recogniser/{emotion}/{key}": value for key, value in rates.items()}
    return flat | {"maximise/gan/recogniser/seeds": 50.0, "maximise/gan/recogniser/steps": float(STEPS[-1])}
