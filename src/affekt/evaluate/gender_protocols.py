"""Gender under all protocols: folds of readers, the same with actors in training, across corpora; and f0's thresholds.

Beside the networks stand what they hear together, the mean of their log-probabilities, the threshold on f0, and, for
scale, a logistic regression on embeddings of an encoder that was trained on thousands of other speakers.

Axes: N clips.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from affekt.core.files import load_array
from affekt.evaluate.ensemble import combine
from affekt.evaluate.gender import compare_speakers, fit_threshold, median_f0, predict_by_f0, score_gender
from affekt.evaluate.proportions import holm
from affekt.features.labels import labels_of
from affekt.features.packed import Packed

PROTOCOLS = {"read": "", "joint": "_joint"}  # file of predictions -> ending of the model's name in the metrics
WAYS = {"read_to_acted": ("read", "acted"), "acted_to_read": ("acted", "read")}  # trained on all of one, then asked
THRESHOLD, BOTH, EMBEDDING = "f0_threshold", "gender_both", "speaker_embedding"


def measure_gender(folders: Mapping[str, Path], read: Packed, acted: Packed) -> dict[str, float]:
    """Rows `gender/<model>/...` of unseen readers: of the networks in their folders and of the threshold on f0.

    `<model>` is trained on other readers, `<model>_joint` on these and on all actors; each network is compared with the
    threshold of the same training, clip by clip (`better`, `worse`, `p_value`, and `p_holm`, adjusted for them all).
    """
    gender = {"read": labels_of(read.clips, "gender"), "acted": labels_of(acted.clips, "gender")}
    pitch = {"read": pitch_of(read), "acted": pitch_of(acted)}
    folds, speakers = read.clips["fold"].to_numpy(), read.clips["speaker"].to_numpy()
    rows: dict[str, float] = {}
    for protocol, ending in PROTOCOLS.items():
        by_pitch = predict_on_folds(pitch, gender, folds, joint=protocol == "joint")
        for name, posterior in load_posteriors(folders, protocol).items():
            tested = np.isfinite(posterior).all(-1)
            truth, own, beside = gender["read"][tested], posterior[tested].argmax(-1), by_pitch[tested]
            row = score_gender(own, truth, speakers[tested]) | without_design_fold(own == truth, folds[tested])
            row |= compare_speakers(own == truth, beside == truth, speakers[tested])
            rows |= {f"gender/{name}{ending}/{key}": value for key, value in row.items()}
            row = score_gender(beside, truth, speakers[tested]) | without_design_fold(beside == truth, folds[tested])
            rows |= {f"gender/{THRESHOLD}{ending}/{key}": value for key, value in row.items()}
    named = predict_by_embedding(read.speaker, gender["read"], folds)[tested]
    row = score_gender(named, truth, speakers[tested]) | without_design_fold(named == truth, folds[tested])
    rows |= {f"gender/{EMBEDDING}/{key}": value for key, value in row.items()}
    compared = [key.removesuffix("/p_value") for key in rows if key.endswith("/p_value")]
    adjusted = holm([rows[f"{model}/p_value"] for model in compared])
    rows |= {f"{model}/p_holm": p for model, p in zip(compared, adjusted, strict=True)}
    return rows | measure_across(folders, pitch, gender)


def measure_across(
    folders: Mapping[str, Path], pitch: Mapping[str, np.ndarray], gender: Mapping[str, np.ndarray]
) -> dict[str, float]:
    """Accuracies `gender/<model>/<way>` from one whole corpus to the other, and `hz` of the threshold of all readers.

    A corpus of one gender teaches none: what trains on it is left out.
    """
    rows = {f"gender/{THRESHOLD}/hz": fit_threshold(pitch["read"], gender["read"])}
    for way, (trained, asked) in WAYS.items():
        if len(np.unique(gender[trained])) < 2:
            continue
        predicted = {name: posterior.argmax(-1) for name, posterior in load_posteriors(folders, way).items()}
        predicted[THRESHOLD] = predict_by_f0(pitch[asked], fit_threshold(pitch[trained], gender[trained]))
        rows |= {f"gender/{name}/{way}": float((named == gender[asked]).mean()) for name, named in predicted.items()}
    return rows


def without_design_fold(right_N: np.ndarray, fold_N: np.ndarray) -> dict[str, float]:
    """Accuracy without the first fold, on which sizes and schedules were tried; nothing where there is no other."""
    others = fold_N != fold_N.min()
    return {"accuracy_other_folds": float(right_N[others].mean())} if others.any() else {}


def load_posteriors(folders: Mapping[str, Path], protocol: str) -> dict[str, np.ndarray]:
    """Log-probabilities (N, 2) of each network and, where there are several, of all of them together."""
    posteriors = {name: load_array(folder / f"{protocol}.npy") for name, folder in folders.items()}
    return posteriors | ({BOTH: combine(list(posteriors.values()))} if len(posteriors) > 1 else {})


def predict_on_folds(
    pitch: Mapping[str, np.ndarray], gender: Mapping[str, np.ndarray], fold_N: np.ndarray, *, joint: bool
) -> np.ndarray:
    """Gender of every reader's clip by a threshold that was fitted without the clip's fold.

    With `joint` all actors' clips are fitted too, and the readers' are repeated to as many, as the networks have them.
    """
    predicted_N = np.zeros(len(fold_N), dtype=np.int64)
    for fold in np.unique(fold_N):
        others, inside = np.flatnonzero(fold_N != fold), fold_N == fold
        if joint:
            others = np.tile(others, max(1, round(len(pitch["acted"]) / len(others))))
        parts = [(pitch["read"][others], gender["read"][others])] + joint * [(pitch["acted"], gender["acted"])]
        threshold_hz = fit_threshold(*(np.concatenate(each) for each in zip(*parts, strict=True)))
        predicted_N[inside] = predict_by_f0(pitch["read"][inside], threshold_hz)
    return predicted_N


def predict_by_embedding(speaker_ND: np.ndarray, gender_N: np.ndarray, fold_N: np.ndarray) -> np.ndarray:
    """Gender of every clip by a logistic regression that was fitted without the clip's fold."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    predicted_N = np.zeros(len(fold_N), dtype=np.int64)
    for fold in np.unique(fold_N):
        inside = fold_N == fold
        model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
        predicted_N[inside] = model.fit(speaker_ND[~inside], gender_N[~inside]).predict(speaker_ND[inside])
    return predicted_N


def pitch_of(packed: Packed) -> np.ndarray:
    """Median f0 of each clip in Hz, NaN without a voiced frame."""
    return np.array([median_f0(packed.f0[packed.span(i)]) for i in range(len(packed))])
