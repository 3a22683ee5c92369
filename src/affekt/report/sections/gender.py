"""Gender of unseen speakers: the residual network at two resolutions beside a threshold on f0, and across corpora."""

from typing import Any

from affekt.core.files import read_json
from affekt.report.assets import Sources
from affekt.report.values import Values

NAMES = {
    "f0_threshold": "Threshold on median f0",
    "f0_threshold_joint": "Threshold on median f0, actors in its fit too",
    "gender_fast": "Residual network, windows of 512 samples",
    "gender_slow": "Residual network, windows of 2048 samples",
    "gender_fast_joint": "Residual network (512), actors in its training too",
    "gender_slow_joint": "Residual network (2048), actors in its training too",
    "gender_both": "Residual networks of both, mean of log-probabilities",
    "gender_both_joint": "Residual networks of both, actors in their training too",
    "speaker_embedding": "For scale: pretrained speaker embedding, logistic regression",
    "mfcc_cnn": "MFCC CNN, emotion and gender at once",
}
MFCC = "mfcc_cnn"  # learns emotion and gender at once
BESIDE = ("f0_threshold", "speaker_embedding")  # what the networks stand beside
THRESHOLD = "f0_threshold"  # with `_joint` behind it: fitted on what the networks of this ending are trained on
COMPARISON = ("better", "worse", "p_value", "p_holm")  # of a network with its threshold
ACROSS = ("read_to_acted", "acted_to_read")


def build(sources: Sources, values: Values, acted: str) -> dict[str, Any]:
    """Rows of models on read speech and across corpora, and of the one that names genders on acted speech beside."""
    index = read_json(sources.gender_recognition / "index.json")
    return {
        "read": [_row(values, model, f"gender/{model}/") | _beside(values, model) for model in index["models"]],
        "acted": _row(values, MFCC, f"recognise/{MFCC}/gender/"),
        "hz": values[f"gender/{THRESHOLD}/hz"],
        "clips": round(values[f"gender/{THRESHOLD}/clips"]),
        "corpus": acted,
        "reading": index["reading"],
    }


def _row(values: Values, model: str, start: str) -> dict[str, Any]:
    return {
        "name": NAMES[model],
        "baseline": model.startswith(BESIDE),
        "accuracy": values[start + "accuracy"],
        "other_folds": values.find(start + "accuracy_other_folds"),
        "balanced": values[start + "balanced_accuracy"],
        "right": values[start + "speakers_right"],
        "interval": (values[start + "speakers_right_low"], values[start + "speakers_right_high"]),
        "speakers": round(values[start + "speakers"]),
    }


def _beside(values: Values, model: str) -> dict[str, Any]:
    """The comparison with the threshold, and accuracies from one corpus to the other: None for what trained on both."""
    keys = () if model.startswith(BESIDE) else COMPARISON
    compared = {key: values[f"gender/{model}/{key}"] for key in keys}
    return compared | {way: values.find(f"gender/{model}/{way}") for way in ACROSS}
