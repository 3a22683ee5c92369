"""Measure all recognisers of emotion on unseen speakers, their ensembles and their baselines."""

from pathlib import Path

import numpy as np

from affekt.core.files import load_array, read_json, save_array, write_json
from affekt.core.params import PLAIN, AblationParams, BaselineParams, BenchmarkParams, NetworksParams
from affekt.core.stage import Stage, run
from affekt.corpora.table import EMOTIONS
from affekt.evaluate.ablation import compare_aids
from affekt.evaluate.baseline import clip_statistics
from affekt.evaluate.benchmark import Row, find_tested, measure_baseline, measure_posterior
from affekt.evaluate.crossvalidation import name_classes, score
from affekt.evaluate.ensemble import combine, normalise
from affekt.evaluate.gender import score_gender
from affekt.evaluate.leakage import measure_premium
from affekt.evaluate.protocols import marginals
from affekt.evaluate.recognition import write_predictions
from affekt.evaluate.stacking import stack_seeds
from affekt.features.labels import labels_of
from affekt.features.packed import Packed

NETWORKS = tuple(NetworksParams.model_fields)


def main(stage: Stage) -> None:
    acted = Packed.load(stage.dep("prepared"), stage.dep("features"))
    truth, folds = labels_of(acted.clips, "emotion"), acted.clips["fold"].to_numpy()
    rows, acted_gender = measure_networks(stage, truth, folds)
    features = np.stack([clip_statistics(acted.mfcc[acted.span(i)]) for i in range(len(acted))])
    tested = find_tested(rows[PLAIN].predicted_SN)
    rows["mfcc_svm"] = measure_baseline(features, truth, folds, stage.params(BaselineParams).c, tested)
    metrics: dict[str, float] = {f"recognise/{m}/{k}": v for m, row in rows.items() for k, v in row.figures.items()}
    for name in NETWORKS:
        metrics[f"recognise/{name}/parameters"] = read_json(stage.dep(name) / "runs.json")["parameters"]
    benchmark = stage.params(BenchmarkParams)
    together = sum(metrics[f"recognise/{name}/parameters"] for name in NETWORKS)
    for name, count in (("ensemble", 1), ("ensemble_seeds", benchmark.seeds)):
        if name in rows:
            metrics[f"recognise/{name}/parameters"] = count * together
    metrics |= {"recognise/seeds": benchmark.seeds, "recognise/folds": len(np.unique(folds[tested]))}
    random = name_classes(normalise(load_array(stage.dep("leakage") / "posteriors.npy").astype(np.float64)))
    speakers = acted.clips["speaker"].to_numpy()
    premium = measure_premium(random, rows[PLAIN].predicted_SN, truth, speakers)
    metrics |= {f"recognise/leakage/{key}": value for key, value in premium.items()}
    aids = measure_aids(stage, truth)
    metrics |= compare_aids(aids) | {"ablation/epochs": stage.params(AblationParams).epochs}
    wanted = labels_of(acted.clips, "gender")
    heard = np.isfinite(acted_gender).all(-1)
    scored = score_gender(acted_gender[heard].argmax(-1), wanted[heard], speakers[heard])
    metrics |= {f"recognise/mfcc_cnn/gender/{key}": value for key, value in scored.items()}
    stage.metrics(metrics)
    write_json(stage.out("hearing.json"), metrics)
    write_parts(stage, rows, aids)
    named = rows["ensemble"].predicted_SN[0]
    write_predictions(stage.out("hearing") / "predictions_ensemble.csv", truth[tested], named[tested], EMOTIONS)


def measure_networks(stage: Stage, truth: np.ndarray, folds: np.ndarray) -> tuple[dict[str, Row], np.ndarray]:
    """Rows of every network and of their ensembles; beside them the gender that the MFCC network hears, first seed."""
    posteriors: dict[str, np.ndarray] = {}
    for name in NETWORKS:
        posteriors[name] = normalise(load_array(stage.dep(name) / "posteriors.npy").astype(np.float64))
    posteriors["mfcc_cnn"], gender = marginals(posteriors["mfcc_cnn"])
    rows = {name: measure_posterior(posterior, truth, folds) for name, posterior in posteriors.items()}
    stacked, weights = stack_seeds(posteriors, truth, folds)
    rows["ensemble"] = measure_posterior(stacked, truth, folds)
    rows["ensemble"].figures.update({f"weight/{name}": weight for name, weight in weights.items()})
    if len(stacked) > 1:
        rows["ensemble_seeds"] = measure_posterior(combine(list(stacked))[None], truth, folds)
    rows["ensemble_mean"] = measure_posterior(combine(list(posteriors.values())), truth, folds)
    return rows, gender[0]


def measure_aids(stage: Stage, truth: np.ndarray) -> dict[str, list[float]]:
    """UA of each variant of the ablation, one per seed."""
    folder = stage.dep("ablation")
    posteriors = load_array(folder / "posteriors.npy")  # (variants, seeds, clips, emotions)
    expected = truth[load_array(folder / "rows.npy")]
    one_fold = np.zeros(len(expected), dtype=int)
    ua = [score(name_classes(of_aid), expected, one_fold, len(EMOTIONS)).ua_SF[:, 0] for of_aid in posteriors]
    return {aid: of_aid.tolist() for aid, of_aid in zip(read_json(folder / "aids.json"), ua, strict=True)}


def write_parts(stage: Stage, rows: dict[str, Row], aids: dict[str, list[float]]) -> None:
    """What the report draws."""
    parts: Path = stage.out("hearing")
    parts.mkdir(parents=True)
    for name, row in rows.items():
        save_array(parts / f"confusion_{name}.npy", row.confusion_EE)
    write_json(parts / "reliability.json", {name: row.reliability for name, row in rows.items() if row.reliability})
    write_json(parts / "runs.json", {name: {"ua": row.ua_SF.tolist()} for name, row in rows.items()})
    write_json(parts / "ablation.json", aids)
    index = {
        "models": [name for name in rows if name != "mfcc_svm"],
        "leakage": PLAIN,
        "ablation": PLAIN,
    }
    write_json(parts / "index.json", index)


if __name__ == "__main__":
    run(main)
