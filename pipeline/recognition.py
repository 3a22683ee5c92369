"""Measure climbed recognisers, the judge and the MFCC baseline on the half of the speakers that each did not see."""

import numpy as np
import torch

from affekt.core.files import load_array, save_array, write_json
from affekt.core.params import RecognisersParams
from affekt.core.stage import Stage, run
from affekt.corpora.table import EMOTIONS
from affekt.evaluate.crossvalidation import score
from affekt.evaluate.recognition import summarise, write_predictions
from affekt.features.labels import labels_of
from affekt.features.packed import Packed
from affekt.models.inference import predict
from affekt.models.io import load_model
from affekt.models.judge import RecurrentRecogniser
from affekt.models.registry import NetworkSpec, find, load_recogniser
from affekt.training.fit import hear

OTHER_HALF = {"a": "b", "b": "a"}


def main(stage: Stage) -> None:
    device = stage.device
    packed = Packed.load(stage.dep("prepared"), stage.dep("features"))
    metrics: dict[str, float] = {"recognise/chance/ua": 1 / packed.clips["emotion"].nunique()}
    parts = stage.out("recognition")
    parts.mkdir(parents=True)
    for trained_on in "ab":
        rows = np.flatnonzero(packed.clips["half"].to_numpy() == OTHER_HALF[trained_on])
        truth = labels_of(packed.clips.iloc[rows], "emotion")
        folds = packed.clips["fold"].to_numpy()[rows]
        predictions = {f"mfcc_svm_{trained_on}": load_array(stage.dep("baseline") / f"trained_on_{trained_on}.npy")}
        if trained_on == "b":
            judge = load_model(stage.dep("judge"), RecurrentRecogniser, device)
            predictions["judge"] = named(judge, packed, rows, find("mel_cnn"), device)
        else:
            for name in RecognisersParams.model_fields:
                network = load_recogniser(stage.dep(f"recogniser_{name}"), device)
                predictions[f"recogniser_{name}"] = named(network, packed, rows, find(name), device)
        for model, predicted in predictions.items():
            scores = score(predicted[None], truth, folds, len(EMOTIONS))
            over_folds = scores.figures(())  # of one fold there is no deviation
            metrics |= {f"recognise/{model}/{k}": v for k, v in over_folds.items() if k in ("ua_mean", "ua_sd")}
            write_predictions(parts / f"predictions_{model}.csv", truth, predicted, EMOTIONS)
            save_array(parts / f"confusion_{model}.npy", scores.confusion_EE)
            pooled = summarise(scores.confusion_EE, EMOTIONS)
            metrics |= {f"recognise/{model}/{key}": value for key, value in pooled.items()}
        metrics[f"recognise/majority/wa_{trained_on}"] = float(np.bincount(truth).max() / len(truth))
    for key in ("ua", "wa"):
        metrics[f"judge/{key}"] = metrics[f"recognise/judge/{key}"]
    stage.metrics(metrics)
    write_json(stage.out("recognition.json"), metrics)


def named(
    network: torch.nn.Module, packed: Packed, rows: np.ndarray, spec: NetworkSpec, device: torch.device
) -> np.ndarray:
    """What a network names each clip, int64 (rows,); `spec` says how it hears."""
    heard = hear(packed, rows, spec, device)
    return predict(network, heard).argmax(1).cpu().numpy()


if __name__ == "__main__":
    run(main)
