"""What an ablation trains: all aids, and each one off by itself."""

from pathlib import Path

import pytest

from affekt.core.params import TrainingParams, load_params
from affekt.training.aids import ALL_ON, OFF, variants

FULL = TrainingParams(
    batch=16, lr=0.003, schedule="one_cycle", weight_decay=0.01, dropout=0.2, norm=True, residual=True, crop_frames=64,
    label_smoothing=0.1, mixup=0.2, masks=True, speed=0.15, pitch=3.0, noise=0.3, bf16=True,
)  # fmt: skip


def differences(one: TrainingParams, other: TrainingParams) -> dict[str, object]:
    return {name: value for name, value in one.model_dump().items() if value != getattr(other, name)}


def test_each_variant_differs_in_one_aid_alone() -> None:
    found = variants(FULL)
    assert list(found) == [ALL_ON, *OFF]
    assert found[ALL_ON] == FULL
    for name, change in OFF.items():
        assert differences(found[name], FULL) == change
        assert len(change) == 1


def test_every_aid_of_the_section_has_its_turn() -> None:
    """What is left are sizes of a step, not aids."""
    changed = {key for change in OFF.values() for key in change}
    assert changed == set(TrainingParams.model_fields) - {"batch", "lr", "crop_frames"}


@pytest.mark.parametrize(
    ("off", "gone"),
    [
        ({"mixup": 0.0}, {"mixup"}),
        ({"schedule": "constant", "bf16": False}, {"schedule", "mixed_precision"}),
        ({"schedule": "cosine"}, set()),
        ({"schedule": "plateau"}, {"plateau"}),
    ],
)
def test_what_is_off_already_is_not_trained_twice(off: dict[str, object], gone: set[str]) -> None:
    assert set(variants(FULL.model_copy(update=off))) == {ALL_ON, *OFF} - gone


def test_the_committed_params_have_something_to_switch_off() -> None:
    committed = load_params(Path(__file__).parents[2] / "params.yaml").training
    assert len(variants(committed)) >= 10


def test_variants_are_valid_sections() -> None:
    for training in variants(FULL).values():
        assert TrainingParams.model_validate(training.model_dump()) == training
