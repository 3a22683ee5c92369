"""Switch each training aid off in turn, with several seeds: what each brings, on the design fold."""

from collections.abc import Iterator

import numpy as np

from affekt.core.devices import fast_bf16
from affekt.core.files import save_array, write_json
from affekt.core.params import PLAIN, AblationParams, BenchmarkParams, ComputeParams, NetworkParams, TrainingParams
from affekt.core.stage import Stage, run
from affekt.evaluate.folds import (
    Fold,
    Source,
    check_disjoint,
    cross_validate,
    log_histories,
    placed,
    seconds_of,
    seeds_of,
)
from affekt.models.registry import find
from affekt.training.aids import variants
from affekt.training.fit import Job, can_hold_out, sized

DESIGN_FOLD = 0  # all that was chosen by hand was chosen on it


def main(stage: Stage) -> None:
    ablation, training = stage.params(AblationParams), stage.params(TrainingParams)
    source = Source(stage.dep("prepared"), stage.dep("features"))
    changed = variants(training)
    clips = source.load().clips
    if not can_hold_out(clips.loc[clips["fold"] != DESIGN_FOLD, "speaker"].nunique()):
        changed.pop("plateau", None)
    if not fast_bf16(stage.device):
        changed.pop("mixed_precision", None)  # the hardware has none: it would be the same training twice
    folds = placed(runs(stage, source, changed), stage.kept)
    check_disjoint(folds)
    tested = cross_validate(folds, stage.params(BenchmarkParams).workers, stage.progress)
    log_histories(folds, tested, stage.log)
    stage.metrics({"training_seconds": seconds_of(folds, stage.params(BenchmarkParams).workers)})
    out = stage.out("ablation")
    out.mkdir(parents=True)
    posteriors = np.stack([result.log_probability_BE for result in tested])
    save_array(out / "posteriors.npy", posteriors.reshape(len(changed), ablation.seeds, *posteriors.shape[1:]))
    save_array(out / "rows.npy", folds[0].test)
    write_json(out / "aids.json", list(changed))


def runs(stage: Stage, source: Source, changed: dict[str, TrainingParams]) -> Iterator[Fold]:
    """One training per variant and seed; a seed starts every variant alike, which makes them pairs."""
    ablation, size = stage.params(AblationParams), stage.part(f"networks.{PLAIN}", NetworkParams)
    of_clip = source.load().clips["fold"].to_numpy()
    spec = find(PLAIN)
    for name, aids in changed.items():
        config, training = sized(spec, size, aids)
        for number in seeds_of(ablation.seeds):
            yield Fold(
                job=Job(
                    spec=spec,
                    config=config,
                    training=training,
                    epochs=ablation.epochs,
                    rows=np.flatnonzero(of_clip != DESIGN_FOLD),
                    seed=stage.seed(number),
                ),
                sources=(source,),
                test=np.flatnonzero(of_clip == DESIGN_FOLD),
                tested_on=source,
                name=f"{name}-seed{number}",
                device=stage.params(ComputeParams).device,
            )


if __name__ == "__main__":
    run(main)
