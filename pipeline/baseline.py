"""Fit the MFCC baseline on each half of the speakers and predict the other half."""

import numpy as np

from affekt.core.files import save_array
from affekt.core.params import BaselineParams
from affekt.core.stage import Stage, run
from affekt.corpora.table import EMOTIONS
from affekt.evaluate.baseline import clip_statistics, fit_predict
from affekt.features.packed import Packed


def main(stage: Stage) -> None:
    packed = Packed.load(stage.dep("prepared"), stage.dep("features"))
    features = np.stack([clip_statistics(packed.mfcc[packed.span(i)]) for i in range(len(packed))])
    labels = np.array([EMOTIONS.index(emotion) for emotion in packed.clips["emotion"]])
    in_a = (packed.clips["half"] == "a").to_numpy()
    out = stage.out("baseline")
    out.mkdir(parents=True)
    for name, trained in (("a", in_a), ("b", ~in_a)):
        predicted = fit_predict(features[trained], labels[trained], features[~trained], stage.params(BaselineParams).c)
        save_array(out / f"trained_on_{name}.npy", predicted)


if __name__ == "__main__":
    run(main)
