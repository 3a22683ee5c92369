"""What steps, the prior's weight, random views and an ensemble of recognisers cost and bring: the judge's rate of each.

One climb per variant and weight, from the same latents; its snapshots are the steps. Recognisers of mels, prior `gan`.
"""

from pathlib import Path

import numpy as np

from affekt.core.files import load_table, save_array, write_json
from affekt.core.params import MaximiseParams, TradeoffParams
from affekt.core.stage import Stage, run
from affekt.corpora.table import EMOTIONS
from affekt.evaluate.maximise import check_emotions, listen, prior_percentiles
from affekt.evaluate.tradeoff import VARIANTS, Point, summarise
from affekt.models.gan import Generator
from affekt.models.io import load_model
from affekt.models.judge import RecurrentRecogniser
from affekt.models.registry import load_recogniser
from affekt.optimise.maximise import Plan, Voice, maximise, settings_for


def main(stage: Stage) -> None:
    device = stage.device
    params, climb = stage.params(TradeoffParams), stage.params(MaximiseParams)
    clips = load_table(stage.dep("prepared") / "clips.parquet")
    check_emotions(climb.emotions, clips)
    plan = Plan.of(params.seeds, [EMOTIONS.index(emotion) for emotion in climb.emotions])
    voice = Voice(load_model(stage.dep("gan"), Generator, device))
    judge = load_model(stage.dep("judge"), RecurrentRecogniser, device)
    every = sorted({name for variant in VARIANTS for name in variant.recognisers})
    networks = {name: load_recogniser(stage.dep(f"recogniser_{name}"), device) for name in every}
    points: list[Point] = []
    for variant in VARIANTS:
        recognisers = [networks[name] for name in variant.recognisers]
        for weight in params.prior_weights:
            work = stage.work / f"{variant.name}-{weight:g}"
            work.mkdir(exist_ok=True)
            settings = settings_for(device, params.steps, climb.lr, variant.views, stage.seed("latents"))
            what = f"{variant.name}, prior weight {weight:g}"
            bar = lambda steps: stage.progress(steps, what)  # noqa: B023, E731
            trajectory = maximise(voice, recognisers, plan, settings, weight, device, work, bar)
            heard = listen(voice, recognisers, judge, trajectory, plan, device)
            distance_SB = np.stack([prior_percentiles(latent_BL) for latent_BL in trajectory.snapshots])
            points.append(Point(variant.name, weight, trajectory.snapshot_steps, heard, distance_SB))
    metrics = summarise(points, plan)
    stage.metrics(metrics)
    write_json(stage.out("tradeoff.json"), metrics)
    parts = stage.out("tradeoff")
    parts.mkdir(parents=True)
    write_curves(parts, points, plan)


def write_curves(parts: Path, points: list[Point], plan: Plan) -> None:
    """Write curves.npy (point, snapshot, [own rate, judge's rate, percentile of the prior]) and index.json."""
    save_array(parts / "curves.npy", np.stack([point.curves(plan) for point in points]))
    rows = [{"variant": point.variant, "prior_weight": point.weight} for point in points]
    steps = list(points[0].steps)
    write_json(
        parts / "index.json", {"points": rows, "snapshot_steps": steps, "curves": ["own", "judge", "percentile"]}
    )


if __name__ == "__main__":
    run(main)
