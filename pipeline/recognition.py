"""Measure the recogniser, the judge and the MFCC baseline, each on the half of the speakers that it did not see."""

from pathlib import Path

import numpy as np

from affekt.core.files import load_array, save_array, write_json
from affekt.core.stage import Stage, run
from affekt.corpora.table import EMOTIONS
from affekt.evaluate.recognition import confusion_matrix, predict, summarise
from affekt.features.clips import Clips
from affekt.features.packed import Packed
from affekt.models.io import load_model
from affekt.models.judge import RecurrentRecogniser
from affekt.models.recogniser import ConvRecogniser

OTHER_HALF = {"a": "b", "b": "a"}


def main(stage: Stage) -> None:
    device = stage.device
    packed = Packed.load(stage.dep("prepared"), stage.dep("features"))
    metrics: dict[str, float] = {"recognise/chance/ua": 1 / len(EMOTIONS)}
    parts = stage.out("recognition")
    parts.mkdir(parents=True)
    for trained_on, name, network_class in (("a", "recogniser", ConvRecogniser), ("b", "judge", RecurrentRecogniser)):
        clips = Clips.of_half(packed, OTHER_HALF[trained_on], device)
        truth = clips.label_B.cpu().numpy()
        folds = packed.clips.loc[packed.clips["half"] == OTHER_HALF[trained_on], "fold"].to_numpy()
        network = load_model(stage.dep(name), network_class, device)
        predictions = {
            name: predict(network, clips).argmax(1).cpu().numpy(),
            f"mfcc_svm_{trained_on}": load_array(stage.dep("baseline") / f"trained_on_{trained_on}.npy"),
        }
        for model, predicted in predictions.items():
            confusion = confusion_matrix(truth, predicted, len(EMOTIONS))
            by_fold = [unweighted(truth[folds == fold], predicted[folds == fold]) for fold in np.unique(folds)]
            metrics[f"recognise/{model}/ua_mean"] = float(np.mean(by_fold))
            metrics[f"recognise/{model}/ua_sd"] = float(np.std(by_fold, ddof=1))
            write_predictions(parts / f"predictions_{model}.csv", truth, predicted)
            save_array(parts / f"confusion_{model}.npy", confusion)
            metrics |= {f"recognise/{model}/{key}": value for key, value in summarise(confusion, EMOTIONS).items()}
        metrics[f"recognise/majority/wa_{trained_on}"] = float(np.bincount(truth).max() / len(truth))
    for key in ("ua", "wa"):
        metrics[f"judge/{key}"] = metrics[f"recognise/judge/{key}"]
        halves = [metrics[f"recognise/mfcc_svm_{half}/{key}"] for half in "ab"]
        metrics[f"recognise/mfcc_svm/{key}_mean"] = float(np.mean(halves))
    stage.metrics(metrics)
    write_json(stage.out("recognition.json"), metrics)


def unweighted(truth: np.ndarray, predicted: np.ndarray) -> float:
    """UA of some clips."""
    return summarise(confusion_matrix(truth, predicted, len(EMOTIONS)), EMOTIONS)["ua"]


def write_predictions(path: Path, truth: np.ndarray, predicted: np.ndarray) -> None:
    """Write one line per clip, as `dvc plots` takes them for a confusion matrix."""
    lines = [f"{EMOTIONS[a]},{EMOTIONS[p]}" for a, p in zip(truth, predicted, strict=True)]
    path.write_text("\n".join(["actual,predicted", *lines]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    run(main)
