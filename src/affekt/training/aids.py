"""The training aids, each switched off in turn: what an ablation trains."""

from affekt.core.params import TrainingParams

ALL_ON = "all_on"
# Name -> what is changed in the section `training`. `plateau` is no aid that is off, but the prototype's own schedule
# in the place of one cycle.
OFF: dict[str, dict[str, object]] = {
    "schedule": {"schedule": "constant"},
    "plateau": {"schedule": "plateau"},
    "weight_decay": {"weight_decay": 0.0},
    "mixed_precision": {"bf16": False},
    "batch_norm": {"norm": False},
    "residual": {"residual": False},
    "label_smoothing": {"label_smoothing": 0.0},
    "specaugment": {"masks": False},
    "mixup": {"mixup": 0.0},
    "speed": {"speed": 0.0},
    "pitch": {"pitch": 0.0},
    "noise": {"noise": 0.0},
    "dropout": {"dropout": 0.0},
}


def variants(training: TrainingParams) -> dict[str, TrainingParams]:
    """All aids as they are in params.yaml, then each one off; those that are off already are left out."""
    off = {name: training.model_copy(update=change) for name, change in OFF.items()}
    return {ALL_ON: training} | {name: changed for name, changed in off.items() if changed != training}
