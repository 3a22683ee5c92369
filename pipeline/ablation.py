"""Switch each training aid off in turn, with several seeds: what each brings, on the design fold."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from affekt.core.devices import fast_bf16
from affekt.core.files import save_array, write_json
from affekt.core.params import PLAIN, AblationParams, NetworkParams, TrainingParams
from affekt.core.stage import Stage, run
from affekt.evaluate.folds import Fold, Source, run_folds, seeds_of
from affekt.models.registry import find
from affekt.training.aids import variants
from affekt.training.fit import Job, can_hold_out, sized

DESIGN_FOLD = 0  # all that was chosen by hand was chosen on it


def main(stage: Stage) -> None:
    ablation, size = stage.params(AblationParams), stage.part(f"networks.{PLAIN}", NetworkParams)
    # What the network has of its own goes before the variants: after them it would undo one.
    config, training = sized(find(PLAIN), size, stage.params(TrainingParams))
    changed = variants(training)
    source = Source(stage.dep("prepared"), stage.dep("features"))
    clips = source.load().clips
    of_clip = clips["fold"].to_numpy()
    if not can_hold_out(clips.loc[of_clip != DESIGN_FOLD, "speaker"].nunique()):
        changed.pop("plateau", None)
    if not fast_bf16(stage.device):
        changed.pop("mixed_precision", None)  # the hardware has none: it would be the same training twice
    folds, tested = run_folds(stage, plan(stage, source, of_clip, config, changed))
    out = stage.out("ablation")
    out.mkdir(parents=True)
    posteriors = np.stack([result.log_probability_BE for result in tested])
    save_array(out / "posteriors.npy", posteriors.reshape(len(changed), ablation.seeds, *posteriors.shape[1:]))
    save_array(out / "rows.npy", folds[0].test)
    write_json(out / "aids.json", list(changed))


def plan(
    stage: Stage, source: Source, of_clip: np.ndarray, config: dict[str, Any], changed: dict[str, TrainingParams]
) -> Iterator[Fold]:
    """One training per variant and seed; a seed starts every variant alike, which makes them pairs."""
    ablation, spec = stage.params(AblationParams), find(PLAIN)
    rows, test = np.flatnonzero(of_clip != DESIGN_FOLD), np.flatnonzero(of_clip == DESIGN_FOLD)
    for name, aids in changed.items():
        for number in seeds_of(ablation.seeds):
            job = Job(spec, config, aids, ablation.epochs, rows, stage.seed(number))
            yield Fold(job, (source,), test, source, f"{name}-seed{number}")


if __name__ == "__main__":
    run(main)
