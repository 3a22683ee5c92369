"""Inputs of the report as the stages before it write them, made of buzzes in a second instead of minutes."""

from functools import cache
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile
import torch

from affekt.core.files import save_array, save_table, write_json
from affekt.corpora.table import EMOTIONS
from affekt.evaluate.ablation import compare_aids
from affekt.evaluate.benchmark import Row, measure_baseline, measure_posterior
from affekt.evaluate.ensemble import combine, normalise
from affekt.evaluate.gender import compare_speakers, score_gender
from affekt.evaluate.leakage import measure_premium
from affekt.features.mel import SAMPLE_RATE, log_mel
from affekt.report.assets import Sources

PARAMETERS = {
    "seed": 0,
    "maximise": {"lr": 0.05, "emotions": ["happy", "sad"]},
    "report": {"examples": 2},
}  # shown by the page

SPEAKERS = [("demo-01", "f", "a"), ("demo-02", "m", "a"), ("demo-03", "f", "b"), ("demo-04", "m", "b")]
STEPS = [0, 4, 8, 12]
GENDER = ("f0_threshold", "gender_fast", "gender_slow", "gender_both")
CLIMBED = ("mel_cnn", "mel_wavenet", "mel_lstm", "audio_wavenet", "audio_lstm")
VARIANTS = ("plain", "views", "ensemble", "ensemble_views")
NETWORKS = ("mel_cnn", "mel_wavenet", "mel_lstm", "audio_wavenet", "audio_lstm", "mfcc_cnn")


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
        tradeoff=root / "reports/parts/tradeoff",
        content_fixed=root / "reports/parts/content_fixed",
        hearing=root / "reports/parts/hearing",
        gender_recognition=root / "reports/parts/gender_recognition",
        dream=root / "reports/parts/dream",
        mask=root / "reports/parts/mask",
        conversion=root / "reports/parts/conversion",
        disentangling=root / "reports/parts/disentangling",
        voices=root / "reports/parts/voices",
    )
    write_corpus(sources)
    write_parts(sources)
    write_hearing(sources.hearing)
    models = [*GENDER, *(f"{model}_joint" for model in GENDER), "speaker_embedding"]
    write_json(sources.gender_recognition / "index.json", {"models": models, "reading": "demo_reading"})
    write_dream(sources.dream)
    write_mask(sources.mask)
    write_conversion(sources.conversion)
    write_disentangling(sources.disentangling)
    write_voices(sources.voices)
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
    for model in ("recogniser_mel_cnn", "judge"):
        save_array(
            sources.recognition / f"confusion_{model}.npy", rng.integers(0, 5, (8, 8)) + 12 * np.eye(8, dtype=int)
        )
    voices = [buzz(120 + 15 * i, 1.86, i) for i in range(8)]
    made = {}
    for gan in ("gan", "cgan", "published_gan"):
        save_array(sources.generation / f"{gan}.npy", np.stack([mel_of(v, 160) for v in voices]))
        sounds = [write_sound(sources.generation / f"{gan}_{i:02d}.wav", v) for i, v in enumerate(voices)]
        wished = EMOTIONS if gan == "cgan" else [None] * 8
        made[gan] = [{"sound": s, "emotion": e} for s, e in zip(sounds, wished, strict=True)]
    write_json(sources.generation / "index.json", made)
    index = []
    for i, emotion in enumerate(("angry", "happy", "sad")):
        files = {
            kind: write_sound(sources.vocoding / f"clip{i}_{kind}.wav", buzz(150, 1.0, i))
            for kind in ("real", "griffin_lim", "istft", "waveglow")
        }
        index.append({"clip_id": f"demo-03-{i:02d}", "emotion": emotion, **files})
    write_json(sources.vocoding / "index.json", index)
    for network, prior in product(CLIMBED, ("gan", "cgan", "cgan_mismatched")):
        write_maximise(sources.maximise / network / prior)
    write_tradeoff(sources.tradeoff)
    write_content_fixed(sources.content_fixed)


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


@cache
def benchmark() -> dict[str, Row]:
    """Rows of networks that tell emotions apart more or less well, of their ensemble and of the baseline."""
    rng = np.random.default_rng(0)
    truth, fold = np.tile(np.arange(8), 24), np.repeat([0, 1], 96)
    posteriors = {
        name: normalise(rng.normal(0, 1, (3, 192, 8)) + (2.2 - 0.2 * i) * np.eye(8)[truth] + rng.normal(0, 0.4, 8))
        for i, name in enumerate(NETWORKS)
    }
    posteriors["ensemble"] = combine(list(posteriors.values()))
    rows = {name: measure_posterior(posterior, truth, fold) for name, posterior in posteriors.items()}
    features = rng.normal(0, 1, (192, 8)) + np.eye(8)[truth]
    return rows | {"mfcc_svm": measure_baseline(features, truth, fold, 10.0, np.full(192, True))}


def ablation() -> dict[str, list[float]]:
    """UA of three seeds without each aid."""
    rng = np.random.default_rng(1)
    aids = ("all_on", "plateau", "weight_decay", "batch_norm", "label_smoothing", "specaugment", "mixup", "pitch")
    return {aid: (0.62 - 0.012 * i + rng.normal(0, 0.01, 3)).tolist() for i, aid in enumerate(aids)}


def write_hearing(folder: Path) -> None:
    """Write what the benchmark leaves for the report."""
    rows = benchmark()
    for name, row in rows.items():
        save_array(folder / f"confusion_{name}.npy", row.confusion_EE)
    write_json(folder / "reliability.json", {name: row.reliability for name, row in rows.items() if row.reliability})
    write_json(folder / "runs.json", {name: {"ua": row.ua_SF.tolist()} for name, row in rows.items()})
    write_json(folder / "ablation.json", ablation())
    write_json(folder / "index.json", {"models": [*NETWORKS, "ensemble"], "leakage": "mel_cnn", "ablation": "mel_cnn"})


def hearing_figures() -> dict[str, float]:
    """What the benchmark adds to the summary."""
    flat: dict[str, float] = {"recognise/folds": 2.0, "recognise/seeds": 3.0, "gender/f0_threshold/hz": 164.2}
    for name, row in benchmark().items():
        flat |= {f"recognise/{name}/{key}": value for key, value in row.figures.items()}
    flat |= {f"recognise/{name}/parameters": 225_000.0 for name in NETWORKS}
    rng = np.random.default_rng(2)
    truth = np.tile(np.arange(2), 20)
    speakers = np.repeat([f"s{i}" for i in range(10)], 4)
    random, unseen = (np.where(rng.random((1, 40)) < p, truth, 1 - truth) for p in (0.9, 0.6))
    premium = measure_premium(random, unseen, truth, speakers)
    flat |= {f"recognise/leakage/{key}": value for key, value in premium.items()}
    for ending in ("", "_joint"):
        flat |= gender_figures(rng, truth, speakers, ending)
    return flat | compare_aids(ablation()) | {"ablation/epochs": 6.0}


def gender_figures(rng: np.random.Generator, truth: np.ndarray, speakers: np.ndarray, ending: str) -> dict[str, float]:
    """A threshold that is wrong on a quarter of each speaker's clips, and networks that are nearly always right."""
    beside = np.where(np.arange(40) % 4 == 0, 1 - truth, truth)
    flat: dict[str, float] = {}
    for i, model in enumerate((*GENDER, *([] if ending else ["mfcc_cnn", "speaker_embedding"]))):
        predicted = np.where(rng.random(40) < 0.98, truth, 1 - truth) if i else beside
        row = score_gender(predicted, truth, speakers) | {"accuracy_other_folds": 0.8}
        if model in GENDER[1:]:
            row |= compare_speakers(predicted == truth, beside == truth, speakers)
            row["p_holm"] = row["p_value"]
        if not ending:
            row |= {"read_to_acted": 0.8 + 0.05 * i, "acted_to_read": 0.7 + 0.05 * i}
        start = "recognise/mfcc_cnn/gender" if model == "mfcc_cnn" else f"gender/{model}{ending}"
        flat |= {f"{start}/{key}": value for key, value in row.items()}
    return flat


def content_figures() -> dict[str, float]:
    """What the recognisers of what is said add to the summary."""
    flat = {"content/statements": 4.0, "content/segments": 12.0}
    for rank, half in enumerate("ab"):
        row = {"clips": 240.0}
        frames = ("frame_accuracy", "frame_accuracy_within_1")
        told = [f"known_statement/{key}" for key in frames]
        for key in ("statement_accuracy", "windows/statement_accuracy", *frames, *told):
            row |= {key: 0.9 + 0.03 * rank, f"{key}_chance": 0.25}
        row |= {f"emotion/{emotion}/statement_accuracy": 0.95 for emotion in EMOTIONS}
        for i, kind in enumerate(("same_emotion", "other_emotion", "other_statement")):
            row |= {f"drift/{kind}": 0.3 + i, f"drift/{kind}_high": 0.9 + i, f"agreement/{kind}": 0.9 - 0.3 * i}
        flat |= {f"content/{half}/{key}": value for key, value in row.items()}
    return flat


def dreams() -> dict[str, tuple[str, int, float]]:
    """Layer, octaves and step of each dream by its name."""
    found = {f"block{i}": (f"block{i}", 3, 0.02) for i in range(1, 10)}
    for layer, octaves, step in product(("block2", "block8"), (1, 3), (0.01, 0.03)):
        found[f"grid/{layer}/octaves_{octaves}/step_{step:g}"] = (layer, octaves, step)
    return found


def dream_figures() -> dict[str, float]:
    """What the dreams add to the summary."""
    flat = {"dream/clips": 2.0, "dream/seconds": 1.0, "dream/snr_zero_db": 104.0}
    for rank, name in enumerate(dreams()):
        row = {"activation_before": -0.2, "activation_after": 0.1 * rank, "activation_rose": 1.0, "snr_db": 12.0,
               "gender_before": 0.9, "gender_after": 0.8 - 0.04 * rank}  # fmt: skip
        flat |= {f"dream/{name}/{key}": value for key, value in row.items()}
    return flat


def write_dream(folder: Path) -> None:
    """Write sounds and spectrograms before and after the dreams of two clips; of the grid those of the first."""
    rows: list[dict[str, object]] = []
    values = dream_figures()
    for clip in range(2):
        for rank, name in enumerate(("before", *dreams())):
            if clip and name.startswith("grid"):
                continue
            stem = f"{name.replace('/', '-')}-{clip}"
            sound = buzz(110 + 90 * clip + 5 * rank, 1.0, clip + rank % 3)
            spectrogram = np.abs(np.fft.rfft(sound[: 512 * 43].reshape(43, 512), axis=1).T) ** (1 / 8)
            save_array(folder / f"{stem}.npy", spectrogram.astype(np.float16))
            row = {"dream": name, "clip": clip, "audio": write_sound(folder / f"{stem}.wav", sound),
                   "spectrogram": f"{stem}.npy", "gain": 1.0}  # fmt: skip
            if name != "before":
                keys = ("activation_before", "activation_after", "gender_before", "gender_after")
                row |= {key: values[f"dream/{name}/{key}"] for key in keys}
                row |= dict(zip(("layer", "octaves", "step"), dreams()[name], strict=True))
            rows.append(row)
    write_json(folder / "index.json", {"clips": ["demo-01-02", "demo-02-02"], "gender": ["f", "m"], "sounds": rows})


BOUNDS_DB = (2.0, 4.0, 8.0)


def mask_figures() -> dict[str, float]:
    """What the masks add to the summary: more energy moves more clips."""
    flat = {"mask/clips": 4.0, "mask/steps": 60.0}
    for rank, bound in enumerate(BOUNDS_DB):
        row = {"own_before": 0.0, "own_after": 1.0, "judge_before": 0.0, "judge_after": 0.25 + 0.25 * rank,
               "judge_random": 0.25, "statement_before": 1.0, "statement_after": 1.0, "statement_random": 1.0,
               "p_value": 0.04 / (rank + 1), "rms_db": bound, "peak_db": 2.5 * bound}  # fmt: skip
        flat |= {f"mask/{bound:g}db/{key}": value for key, value in row.items()}
    for emotion in ("happy", "sad"):
        row = {"clips": 2.0, "judge_before": 0.0, "judge_after": 0.5}
        flat |= {f"mask/8db/{emotion}/{key}": value for key, value in row.items()}
    return flat


def write_mask(folder: Path) -> None:
    """Write two clips with a mask and a sound for each bound."""
    rows = []
    for number, wanted in enumerate(("happy", "sad")):
        name = f"demo-01-{number + 1:02d}"
        sound = buzz(120 + 30 * number, 1.0, number)
        gain_MF = np.sin(np.arange(80) / 9)[:, None] * np.cos(np.arange(mel_of(sound).shape[1]) / 7)[None]
        heard = {"own": 0.9, "judge": 0.4, "judge_names": wanted, "statement_kept": True}
        row = {"clip_id": name, "emotion": "angry", "wanted": wanted,
               "before": {"audio": write_sound(folder / f"{name}.wav", sound)} | heard, "after": []}  # fmt: skip
        for bound in BOUNDS_DB:
            stem = f"{name}-{bound:g}db"
            save_array(folder / f"{stem}.npy", (2 * bound * gain_MF).astype(np.float16))
            audio = write_sound(folder / f"{stem}.wav", buzz(120 + 3 * bound, 1.0, number))
            row["after"].append({"bound_db": bound, "rms_db": bound, "audio": audio, "mask": f"{stem}.npy"} | heard)
        rows.append(row)
    write_json(folder / "index.json", {"bounds_db": list(BOUNDS_DB), "examples": rows})


CONVERTED = {
    "source": 0.15, "copy": 0.2, "together": 0.18,
    "translator": 0.55, "codegan": 0.35, "optimise": 0.4, "another_take": 0.7, "target": 0.75,
}  # fmt: skip
CODES = {"content": "statement", "pitch": "f0", "rhythm": "timing", "speaker": "voice"}


def convert_figures() -> dict[str, float]:
    """What conversion adds to the summary: the translator is believed most, and recordings more."""
    flat = {"convert/pairs": 40.0, "convert/back_pairs": 10.0, "convert/speakers": 4.0, "convert/steps": 30.0,
            "convert/mos_pairs": 10.0, "convert/recordings": 6.0, "convert/wanted": 7.0,
            "convert/same_speaker_cosine": 0.85, "convert/other_speaker_cosine": 0.65, "convert/jury_ua": 0.7,
            "convert/chance": 0.125}  # fmt: skip
    for rank, (version, heard) in enumerate(CONVERTED.items()):
        row = {"mcd": 8.0 - rank, "f0_rmse": 6.0 - rank, "f0_correlation": 0.1 * rank, "mos": 3.5 + 0.05 * rank,
               "duration_ratio": 0.8 + 0.04 * rank, "duration_error": 0.3 - 0.02 * rank,
               "judge_accuracy": heard, "judge_probability": heard - 0.05,
               "speaker_cosine": 0.8, "statement_accuracy": 0.95}  # fmt: skip
        if version == "codegan":
            row["f0_rmse_undefined"] = 3.0
        flat |= {f"convert/{version}/{key}": value for key, value in row.items()}
        flat |= {f"convert/{version}/back/{key}": value for key, value in (row | {"judge_accuracy": 0.5}).items()}
        pairs = 30.0 if version == "another_take" else 40.0
        flat |= {f"convert/{version}/judge_elsewhere": 0.12, f"convert/{version}/pairs": pairs}
        flat[f"convert/{version}/back/pairs"] = 10.0
        flat |= {f"convert/{version}/{emotion}/judge_accuracy": heard for emotion in EMOTIONS[1:]}
        if version in ("translator", "codegan", "optimise"):
            flat |= {f"convert/{version}/p_value": 0.001 * rank, f"convert/{version}/p_holm": 0.003 * rank}
    return flat | {"convert/optimise/own_before": 0.12, "convert/optimise/own_after": 0.93}


def write_conversion(folder: Path) -> None:
    """Write one neutral clip in two emotions and one back, in every version."""
    rows = []
    for number, (wanted, direction) in enumerate((("happy", "to"), ("sad", "to"), ("neutral", "back"))):
        name = f"demo-03-{number + 1:02d}"
        versions = {
            version: {"audio": write_sound(folder / f"{name}-{version}.wav", buzz(130 + 12 * rank, 0.6, rank % 4)),
                      "judge": heard, "judge_names": wanted, "statement_kept": True, "cosine": 0.8}
            for rank, (version, heard) in enumerate(CONVERTED.items())
        }  # fmt: skip
        rows.append({"clip_id": name, "speaker": "demo-03", "gender": "f", "statement": "kids", "wanted": wanted,
                     "direction": direction, "versions": versions})  # fmt: skip
    write_json(folder / "index.json", {"examples": rows})


def disentangle_figures() -> dict[str, float]:
    """What disentangling adds to the summary: each code moves its own, and a little of all else."""
    flat = {"disentangle/pairs": 30.0, "disentangle/reconstruction/mel_l1_seen": 0.31,
            "disentangle/reconstruction/mel_l1_unseen": 0.36,
            "disentangle/reconstruction/f0_correlation_unseen": 0.91}  # fmt: skip
    for changed in ("none", *CODES):
        for aspect in CODES.values():
            share = 0.9 if CODES.get(changed) == aspect else 0.05
            row = {"moved": share, "to_a": 1 - share, "to_b": share}
            flat |= {f"disentangle/{changed}/{aspect}/{key}": value for key, value in row.items()}
        if changed != "none":
            flat |= {f"disentangle/{changed}/p_{kind}{ending}": p for kind, p in (("value", 0.002), ("holm", 0.008))
                     for ending in ("", "_row")}  # fmt: skip
    return flat


def write_disentangling(folder: Path) -> None:
    """Write one pair, what is put together again and what each code lends."""
    sounds = {
        kind: write_sound(folder / f"pair-{kind}.wav", buzz(120 + 10 * rank, 0.6, rank % 4))
        for rank, kind in enumerate(("a", "b", "none", *CODES))
    }
    write_json(folder / "index.json", {"examples": [{"a": "demo-03-01", "b": "demo-04-01", "sounds": sounds}]})


def voices_figures() -> dict[str, float]:
    """What new voices add to the summary."""
    drawn = {"samples": 64.0, "gender_accuracy": 1.0, "gender_accuracy_real": 0.98, "too_near": 0.0,
             "too_near_real": 0.35, "nearest": 0.12,
             "nearest_median": 0.21, "same_speaker_percentile_1": 0.05, "pairwise_cosine": 0.62,
             "pairwise_cosine_real": 0.6, "unseen_nearest_median": 0.2}  # fmt: skip
    spoken = {"count": 8.0, "pairwise_cosine": 0.8, "pairwise_cosine_same": 0.9, "cosine_to_wish": 0.7,
              "gender_accuracy": 0.75, "gender_accuracy_crossed": 0.625,
              "f0_women_hz": 201.0, "f0_men_hz": 118.0}  # fmt: skip
    flat = {f"voices/{key}": value for key, value in drawn.items()}
    flat |= {f"voices/decoded/{key}": value for key, value in spoken.items()}
    return flat | {"voices/fake_neutral/f0_deviation_before": 3.4, "voices/fake_neutral/f0_deviation_after": 0.9}


def write_voices(folder: Path) -> None:
    """Write two recordings, two new voices that speak each, and a melody before and after it was made flat."""
    sources = [
        {"clip_id": f"demo-{name}-01", "gender": gender,
         "audio": write_sound(folder / f"source-{gender}.wav", buzz(150, 0.6, 0))}
        for name, gender in (("03", "f"), ("04", "m"))
    ]  # fmt: skip
    voices = [
        {"audio": write_sound(folder / f"{gender}-{source}.wav", buzz(f0_hz, 0.6, 1)), "gender": gender, "number": 1,
         "source": f"source-{source}.wav", "nearest_speaker": "demo-01", "nearest_cosine": 0.77}
        for source in "fm" for gender, f0_hz in (("f", 210), ("m", 115))
    ]  # fmt: skip
    flat: dict[str, object] = {"clip_id": "demo-03-01", "f0_before": 3.1, "f0_after": 0.8}
    flat |= {when: write_sound(folder / f"{when}.wav", buzz(150, 0.6, 2)) for when in ("before", "after")}
    write_json(
        folder / "index.json", {"sources": sources, "source": sources[0], "voices": voices, "fake_neutral": [flat]}
    )


def figures() -> dict[str, float]:
    """A summary with every figure that the page shows."""
    flat = (
        hearing_figures()
        | dream_figures()
        | mask_figures()
        | content_figures()
        | convert_figures()
        | disentangle_figures()
        | voices_figures()
        | {"recognise/chance/ua": 0.125, "recognise/majority/wa_a": 0.133}
    )
    flat["recognise/majority/wa_b"] = 0.133
    for rank, model in enumerate(("mfcc_svm_b", "mfcc_svm_a", "judge", *(f"recogniser_{name}" for name in CLIMBED))):
        flat |= {f"recognise/{model}/{m}": 0.4 + 0.08 * rank for m in ("ua", "wa", "macro_f1")}
        flat |= {f"recognise/{model}/recall/{e}": 0.3 + 0.07 * i for i, e in enumerate(EMOTIONS)}
    gan = {"frechet": 9.2, "frechet_floor": 3.1, "precision": 0.62, "recall": 0.31, "density": 0.7, "coverage": 0.5,
           "diversity": 0.8, "nearest_train": 2.1, "nearest_train_real": 1.9}  # fmt: skip
    flat |= {f"generate/{name}/{key}": value for key, value in gan.items() for name in ("gan", "cgan")}
    flat |= {f"generate/published_gan/{key}": value for key, value in (gan | {"frechet": 20.5}).items()}
    flat["generate/published_gan/frechet_rescaled"] = 4.4
    flat |= {f"generate/cgan/judge_accuracy{ending}": value for ending, value in
             (("", 0.42), ("_real", 0.61), ("_ratio", 0.69))}  # fmt: skip
    flat |= {f"generate/gan/{key}_real": 0.9 for key in ("precision", "recall", "density", "coverage", "diversity")}
    for i, emotion in enumerate(EMOTIONS):
        flat |= {f"generate/gan/judged/{emotion}": 0.05 * i, f"generate/gan/judged_real/{emotion}": 0.125}
        flat |= {f"generate/cgan/right/{emotion}": 0.1 * i, f"generate/cgan/right_real/{emotion}": 0.6}
    for rank, system in enumerate(("griffin_lim", "istft", "waveglow")):
        flat |= {
            f"vocoder/{system}/{m}": 0.5 + rank
            for m in ("mel_l1", "stft", "pesq", "stoi", "f0_cents", "mos", "voicing_error")
        }
    flat |= {"vocoder/real/mos": 4.1, "vocoder/clips": 12.0}
    for rank, emotion in enumerate((*EMOTIONS, "all")):
        rates = {"own_before": 0.12, "own_after": 0.98, "judge_before": 0.14, "judge_after": 0.3 + 0.06 * rank,
                 "p_value": 0.2 / 4**rank, "p_holm": 0.4 / 4**rank, "p_chance": 0.01, "judge_elsewhere": 0.1,
                 "prior_percentile_before": 50.0, "prior_percentile": 71.0}  # fmt: skip
        rates |= {"frechet_before": 14.0, "frechet_after": 8.0 + rank, "diversity_before": 3.5, "diversity_after": 7.0,
                  "diversity_real": 6.5, "frechet_floor": 2.5}  # fmt: skip
        for prior, network in product(("gan", "cgan", "cgan_mismatched"), CLIMBED):
            flat |= {f"maximise/{prior}/{network}/{emotion}/{key}": value for key, value in rates.items()}
    for prior, network in product(("gan", "cgan", "cgan_mismatched"), CLIMBED):
        flat |= {f"maximise/{prior}/{network}/seeds": 50.0, f"maximise/{prior}/{network}/steps": float(STEPS[-1])}
    return flat | tradeoff_figures() | content_fixed_figures()


def tradeoff_figures() -> dict[str, float]:
    """What the trade-off adds to the summary."""
    rows = {"own_after": 0.9, "judge_before": 0.12, "judge_after": 0.6, "fooled": 0.3, "prior_percentile": 60.0}
    return {
        f"tradeoff/{variant}/{weight}/{key}": value
        for variant, weight in product(VARIANTS, ("0", "1"))
        for key, value in rows.items()
    }


def write_tradeoff(folder: Path) -> None:
    """Write curves of four variants at two weights."""
    points = [{"variant": v, "prior_weight": w} for v, w in product(VARIANTS, (0.0, 1.0))]
    save_array(folder / "curves.npy", np.linspace(0, 1, len(points) * len(STEPS) * 3).reshape(-1, len(STEPS), 3))
    index = {"points": points, "snapshot_steps": list(STEPS), "curves": ["own", "judge", "percentile"]}
    write_json(folder / "index.json", index)


def content_fixed_figures() -> dict[str, float]:
    """What the climbs with content held add to the summary."""
    flat = {"content_fixed/seeds": 6.0, "content_fixed/steps": 60.0, "content_fixed/bound": 0.5}
    flat |= {"content_fixed/weight": 10.0, "content_fixed/p_drift": 0.01, "content_fixed/statements": 2.0}
    for way, kept in (("free", 0.4), ("held", 0.8)):
        row = {"own_after": 0.9, "judge_before": 0.12, "judge_after": 0.6, "drift": 1 - kept, "drift_most": 2 - kept}
        row |= {
            "agreement": kept,
            "statement_kept": kept,
            "scrambled_drift": 3.0,
            "scrambled_agreement": 0.2,
            "p_value": 0.01,
            "scrambled_statement_kept": 0.5,
        }
        flat |= {f"content_fixed/{way}/all/{key}": value for key, value in row.items()}
    return flat


def write_content_fixed(folder: Path) -> None:
    """Write one voice of two emotions, at the start and climbed both ways."""
    rows = []
    for emotion in EMOTIONS[:2]:
        row = {"emotion": emotion}
        for i, way in enumerate(("start", "free", "held")):
            sound = buzz(120 + 20 * i, 1.87, i)
            save_array(folder / f"{emotion}-{way}.npy", mel_of(sound, 160))
            row[f"{way}_mel"], row[f"{way}_audio"] = f"{emotion}-{way}.npy", f"{emotion}-{way}.wav"
            write_sound(folder / row[f"{way}_audio"], sound)
        rows.append(row)
    write_json(folder / "index.json", rows)
