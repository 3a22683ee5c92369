"""What each training aid is worth: recognition without it against all aids, paired by seed."""

import math
import statistics
from collections.abc import Mapping
from typing import Any

from affekt.core.files import read_json
from affekt.report import charts
from affekt.report.assets import Sources
from affekt.report.values import SIGNIFICANT, Values, number, points
from affekt.training.aids import ALL_ON

NAMES = {
    "schedule": "no schedule",
    "plateau": "plateau, 15 % aside",
    "weight_decay": "no weight decay",
    "mixed_precision": "float32 only",
    "batch_norm": "no batch norm",
    "residual": "no residual paths",
    "label_smoothing": "hard labels",
    "specaugment": "no SpecAugment",
    "mixup": "no mixup",
    "speed": "no speed change",
    "pitch": "no pitch change",
    "noise": "no noise",
    "dropout": "no dropout",
}
NOTES = {"plateau": "the prototype's schedule; it watches 15 % of the training speakers and so trains on fewer"}


def build(sources: Sources, values: Values, network: str) -> dict[str, Any]:
    """Context of the ablation, worst loss first: the aid whose absence costs most stands on top."""
    ua = read_json(sources.hearing / "ablation.json")
    aids = sorted((aid for aid in ua if aid != ALL_ON), key=lambda aid: values[f"ablation/{aid}/difference"])
    rows = [_row(values, aid) for aid in aids]
    return {
        "rows": rows,
        "all_on": (values[f"ablation/{ALL_ON}/ua"], values[f"ablation/{ALL_ON}/ua_sd"]),
        "seeds": round(values["ablation/seeds"]),
        "epochs": round(values["ablation/epochs"]),
        "network": network,
        "least": _least(rows),
        "shown": sum(row["interval"][0] > 0 or row["interval"][1] < 0 for row in rows),
        "shown_adjusted": sum(row["p_holm"] < SIGNIFICANT for row in rows),
        "chart": _chart(rows, {aid: [a - b for a, b in zip(ua[aid], ua[ALL_ON], strict=True)] for aid in aids}),
    }


def _row(values: Values, aid: str) -> dict[str, Any]:
    start = f"ablation/{aid}/"
    return {
        "aid": aid,
        "name": NAMES[aid],
        "note": NOTES.get(aid, ""),
        "ua": (values[start + "ua"], values[start + "ua_sd"]),
        "difference": values[start + "difference"],
        "interval": (values[start + "difference_low"], values[start + "difference_high"]),
        "p_value": values[start + "p_value"],
        "p_holm": values[start + "p_holm"],
    }


def _least(rows: list[dict[str, Any]]) -> tuple[float, float, float]:
    """The smallest change that these seeds could have shown, half an interval's width: median, least and most."""
    halves = sorted((row["interval"][1] - row["interval"][0]) / 2 for row in rows)
    return statistics.median(halves), halves[0], halves[-1]


def _chart(rows: list[dict[str, Any]], differences: Mapping[str, list[float]]) -> Any:
    """Each seed's difference as a dot, their mean and its interval; wide intervals are cut at the edge."""
    strips = [
        charts.Strip(row["name"], "network", differences[row["aid"]], row["difference"], row["interval"])
        for row in rows
    ]  # fmt: skip
    widest = max((abs(point) for strip in strips for point in strip.points), default=0.0)
    limit = max(0.04, math.ceil(25 * 1.3 * widest) / 25)  # whole steps of 4 points, so that ticks are whole
    words = ", ".join(f"{row['name']} {points(row['difference'])}" for row in rows)
    label = f"Change of UA in points without an aid: {words}; axis to {number(100 * limit, 0)} points"
    return charts.strips(label, strips, -limit, limit, 0.0, "points")
