"""An ablation's rows by hand: the sign says whether the aid helped, p is adjusted for the number of aids."""

import pytest
from scipy import stats

from affekt.evaluate.ablation import compare_aids
from affekt.evaluate.proportions import holm
from affekt.training.aids import ALL_ON

UA = {ALL_ON: [0.60, 0.62, 0.64], "mixup": [0.55, 0.58, 0.58], "masks": [0.61, 0.62, 0.65]}


def test_rows_by_hand() -> None:
    rows = compare_aids(UA)
    assert rows["ablation/all_on/ua"] == pytest.approx(0.62)
    assert rows["ablation/all_on/ua_sd"] == pytest.approx(0.02)
    assert rows["ablation/mixup/difference"] == pytest.approx(-0.05)
    assert rows["ablation/masks/difference"] == pytest.approx(0.02 / 3)
    assert rows["ablation/mixup/difference_sd"] == pytest.approx(0.01)
    assert rows["ablation/mixup/difference_low"] < -0.05 < rows["ablation/mixup/difference_high"]
    assert rows["ablation/mixup/p_flip"] == 0.25
    assert rows["ablation/seeds"] == 3
    assert "ablation/all_on/difference" not in rows


def test_p_values_are_paired_and_adjusted() -> None:
    rows = compare_aids(UA, "x")
    p = [float(stats.ttest_rel(UA[aid], UA[ALL_ON]).pvalue) for aid in ("mixup", "masks")]
    assert [rows[f"x/{aid}/p_value"] for aid in ("mixup", "masks")] == pytest.approx(p)
    assert [rows[f"x/{aid}/p_holm"] for aid in ("mixup", "masks")] == pytest.approx(holm(p))


def test_what_cannot_be_paired_is_refused() -> None:
    with pytest.raises(ValueError, match="no run 'all_on'"):
        compare_aids({"mixup": [0.5, 0.6]})
    with pytest.raises(ValueError, match="two or more pairs"):
        compare_aids({ALL_ON: [0.5, 0.6], "mixup": [0.5]})
