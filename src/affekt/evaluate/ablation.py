"""What each training aid is worth: recognition with it off against all on, seed by seed."""

from collections.abc import Mapping, Sequence

import numpy as np

from affekt.evaluate.paired import compare_pairs
from affekt.evaluate.proportions import holm
from affekt.training.aids import ALL_ON


def compare_aids(ua: Mapping[str, Sequence[float]], prefix: str = "ablation") -> dict[str, float]:
    """Flat rows `<prefix>/<aid>/<figure>` from the UA of each seed; all are compared with ALL_ON.

    ua, ua_sd: mean and deviation over seeds. difference, difference_sd, difference_low, difference_high: of UA without
    the aid less UA with all aids, paired by seed (negative where the aid helps), with the 95 % interval of the mean.
    p_value: paired t test; p_flip: exact sign-flip test, at least 2 / 2^seeds; p_holm: p_value adjusted for the aids.
    A ValueError says that ALL_ON is missing or that the seeds do not pair.
    """
    if ALL_ON not in ua:
        raise ValueError(f"the ablation has no run {ALL_ON!r} to compare with: {', '.join(ua)}")
    aids = [aid for aid in ua if aid != ALL_ON]
    found = {aid: compare_pairs(np.asarray(ua[aid]), np.asarray(ua[ALL_ON])) for aid in aids}
    rows: dict[str, float] = {f"{prefix}/seeds": float(len(ua[ALL_ON]))}
    for aid in ua:
        rows[f"{prefix}/{aid}/ua"] = float(np.mean(ua[aid]))
        rows[f"{prefix}/{aid}/ua_sd"] = float(np.std(ua[aid], ddof=1))
    for aid, one in found.items():
        figures = {
            "difference": one.mean,
            "difference_sd": one.sd,
            "difference_low": one.low,
            "difference_high": one.high,
            "p_value": one.p_t,
            "p_flip": one.p_flip,
        }
        rows |= {f"{prefix}/{aid}/{key}": value for key, value in figures.items()}
    adjusted = holm([rows[f"{prefix}/{aid}/p_value"] for aid in aids])
    return rows | {f"{prefix}/{aid}/p_holm": p for aid, p in zip(aids, adjusted, strict=True)}
