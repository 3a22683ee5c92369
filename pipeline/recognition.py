"""Measure the recogniser, the judge and the MFCC baseline, each on the half of the speakers that it did not see."""

import numpy as np

from affekt.core.files import load_array, save_array, write_json
from affekt.core.stage import Stage, run
from affekt.corpora.table import EMOTIONS
from affekt.evaluate.crossvalidation import score
from affekt.evaluate.recognition import summarise, write_predictions
from affekt.features.clips import Clips
from affekt.features.packed import Packed
from affekt.models.inference import predict
from affekt.models.io import load_model
from affekt.models.judge import RecurrentRecogniser
from affekt.models.registry import load_recogniser

OTHER_HALF = {"a": "b", "b": "a"}


def main(stage: Stage) -> None:
    device = stage.device
    packed = Packed.load(stage.dep("prepared"), stage.dep("features"))
    metrics: dict[str, float] = {"recognise/chance/ua": 1 / packed.clips["emotion"].nunique()}
    parts = stage.out("recognition")
    parts.mkdir(parents=True)
    networks = {
        "recogniser": load_recogniser(stage.dep("recogniser"), device),
        "judge": load_model(stage.dep("judge"), RecurrentRecogniser, device),
    }
    for trained_on, name in (("a", "recogniser"), ("b", "judge")):
        clips = Clips.of_half(packed, OTHER_HALF[trained_on], device)
        truth = clips.label_B.cpu().numpy()
        folds = packed.clips.loc[packed.clips["half"] == OTHER_HALF[trained_on], "fold"].to_numpy()
        predictions = {
            name: predict(networks[name], clips).argmax(1).cpu().numpy(),
            f"mfcc_svm_{trained_on}": load_array(stage.dep("baseline") / f"trained_on_{trained_on}.npy"),
        }
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


if __name__ == "__main__":
    run(main)
