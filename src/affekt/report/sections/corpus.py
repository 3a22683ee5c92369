"""What the corpus holds: counts, durations, f0 and mels per emotion, and what was set aside."""

from typing import TYPE_CHECKING, Any

import numpy as np

from affekt.core.files import load_array, load_table, read_json
from affekt.features.mel import SAMPLE_RATE
from affekt.report import charts
from affekt.report.assets import Assets, Sources
from affekt.report.figures import stretch
from affekt.report.values import hertz

if TYPE_CHECKING:
    import pandas as pd

MEAN_FRAMES = 160  # grid on which clips of all lengths are averaged


def build(sources: Sources, assets: Assets, emotions: list[str]) -> dict[str, Any]:
    """Context of the corpus section; `emotions` gives the order of rows."""
    clips = load_table(sources.prepared / "clips.parquet")
    frames = load_table(sources.features / "frames.parquet").set_index("clip_id").loc[clips["clip_id"]]
    clips = clips.assign(
        seconds=clips["frames"] / clips["rate"],
        mel_offset=frames["offset"].to_numpy(),
        mel_frames=frames["frames"].to_numpy(),
    )
    clips = clips.assign(f0=_clip_medians(load_array(sources.features / "f0.npy"), clips))
    present = [e for e in emotions if (clips["emotion"] == e).any()]
    rows = [_emotion_row(e, clips[clips["emotion"] == e]) for e in present]
    quarantine = sorted(read_json(sources.prepared / "quarantine.json"), key=lambda entry: str(entry["path"]))
    return {
        "names": sorted(clips["corpus"].unique()),
        "clips": len(clips),
        "minutes": float(clips["seconds"].sum()) / 60,
        "statements": int(clips["statement"].nunique()),
        "speakers": _speakers(clips),
        "halves": [_half_row(half, clips[clips["half"] == half]) for half in sorted(clips["half"].unique())],
        "rows": rows,
        "f0_chart": _f0_chart(rows),
        "durations": _duration_chart(clips["seconds"].to_numpy()),
        "quarantine": quarantine,
        "mels": _mels(sources, assets, clips, present),
    }


def _clip_medians(f0: np.ndarray, clips: "pd.DataFrame") -> list[float]:
    """Median f0 in Hz over the voiced frames of each clip; NaN for a clip without any."""
    medians = []
    for offset, length in zip(clips["mel_offset"], clips["mel_frames"], strict=True):
        track = np.asarray(f0[offset : offset + length])
        voiced = track[track > 0]
        medians.append(float(np.median(voiced)) if voiced.size else float("nan"))
    return medians


def _emotion_row(emotion: str, clips: "pd.DataFrame") -> dict[str, Any]:
    by_gender = {g: clips[clips["gender"] == g] for g in ("f", "m")}
    return {
        "emotion": emotion,
        "clips": len(clips),
        "strong": int((clips["intensity"] == "strong").sum()),
        "seconds": float(clips["seconds"].median()),
        "count": {g: len(part) for g, part in by_gender.items()},
        "f0": {g: float(part["f0"].median()) for g, part in by_gender.items()},
    }


def _half_row(half: str, clips: "pd.DataFrame") -> dict[str, Any]:
    speakers = clips.drop_duplicates("speaker")
    return {
        "half": half,
        "women": int((speakers["gender"] == "f").sum()),
        "men": int((speakers["gender"] == "m").sum()),
        "clips": len(clips),
        "minutes": float(clips["seconds"].sum()) / 60,
    }


def _speakers(clips: "pd.DataFrame") -> list[dict[str, Any]]:
    rows = []
    for speaker, part in clips.groupby("speaker", sort=True):
        first = part.iloc[0]
        f0 = float(part["f0"].median())
        gender = {"f": "woman", "m": "man"}[first["gender"]]
        rows.append(
            {"speaker": speaker, "gender": gender, "half": first["half"], "clips": len(part), "f0": f0,
             "seconds": float(part["seconds"].median())}
        )  # fmt: skip
    return rows


def _f0_chart(rows: list[dict[str, Any]]) -> Any:
    women = [row["f0"]["f"] for row in rows]
    men = [row["f0"]["m"] for row in rows]
    high = float(np.ceil(np.nanmax(women + men) / 100) * 100)
    words = "; ".join(f"{r['emotion']} women {hertz(r['f0']['f'])}, men {hertz(r['f0']['m'])}" for r in rows)
    series = [charts.Series("women", "women", women), charts.Series("men", "men", men)]
    return charts.dots(f"Median f0 by emotion: {words}", [r["emotion"] for r in rows], series, high, "Hz")


def _duration_chart(seconds: np.ndarray) -> Any:
    counts, edges = np.histogram(seconds, bins=24, range=(0.0, float(np.ceil(seconds.max()))))
    label = (
        f"Clip durations: {len(seconds)} clips, shortest {seconds.min():.2f} s, "
        f"median {np.median(seconds):.2f} s, longest {seconds.max():.2f} s"
    )
    return charts.columns(label, counts.tolist(), edges.tolist(), "seconds per clip, after trimming")


def _mels(sources: Sources, assets: Assets, clips: "pd.DataFrame", emotions: list[str]) -> list[dict[str, Any]]:
    """Per emotion: the mean mel, its difference from the mean of all emotions, and one clip to hear."""
    mel_FM = load_array(sources.features / "mel.npy")
    means = {e: _mean_mel(mel_FM, clips[clips["emotion"] == e]) for e in emotions}
    overall = np.mean([means[e] for e in emotions], axis=0)
    samples = load_array(sources.prepared / "audio.npy")
    cards = []
    for emotion in emotions:
        clip = _example(clips, emotion)
        sound = samples[clip["offset"] : clip["offset"] + clip["frames"]] / 32768
        own = mel_FM[clip["mel_offset"] : clip["mel_offset"] + clip["mel_frames"]].T
        mean = assets.mel(f"corpus-mean-{emotion}", means[emotion], f"Mean mel of all {emotion} clips")
        difference = assets.difference(
            f"corpus-difference-{emotion}",
            means[emotion] - overall,
            f"Mean mel of {emotion} minus the mean of all emotions, red where {emotion} is louder",
        )
        example = assets.mel(f"corpus-clip-{emotion}", own, f"Mel of the {emotion} clip {clip['clip_id']}")
        player = assets.sound(f"corpus-clip-{emotion}", sound, SAMPLE_RATE, f"{emotion} clip {clip['clip_id']}")
        cards.append(
            {"emotion": emotion, "mean": mean, "difference": difference, "clip": clip["clip_id"],
             "picture": example, "player": player}
        )  # fmt: skip
    return cards


def _mean_mel(mel_FM: np.ndarray, clips: "pd.DataFrame") -> np.ndarray:
    total = np.zeros((mel_FM.shape[1], MEAN_FRAMES))
    for offset, length in zip(clips["mel_offset"], clips["mel_frames"], strict=True):
        total += stretch(np.asarray(mel_FM[offset : offset + length]).T, MEAN_FRAMES)
    return total / len(clips)


def _example(clips: "pd.DataFrame", emotion: str) -> "pd.Series":
    """One clip: the first speaker and statement of the corpus where they exist, so that emotions compare."""
    candidates = clips[clips["emotion"] == emotion]
    first = clips.iloc[0]
    wishes = [("speaker", first["speaker"]), ("statement", first["statement"]), ("intensity", "strong")]
    for column, wanted in wishes:
        fitting = candidates[candidates[column] == wanted]
        candidates = fitting if len(fitting) else candidates
    return candidates.sort_values("clip_id").iloc[0]
