"""Learning-rate schedules as pure functions of the step, so that a resumed run needs no state."""

import math

WARM_UP = 0.15  # of all steps, for one_cycle
FLOOR = 0.002  # of the full rate, at the end of one_cycle and cosine


def factor(schedule: str, step: int, steps: int) -> float:
    """Return what the learning rate is multiplied by at a step (0-based) of `steps`.

    `constant`; `cosine`: half a cosine from 1 to FLOOR; `one_cycle`: a linear rise over WARM_UP, then the cosine
    (Smith & Topin 2018); `late`: constant, then linear to FLOOR over the last third.
    """
    if schedule == "constant":
        return 1.0
    done = (step + 1) / steps
    if schedule == "cosine":
        return _cosine(done)
    if schedule == "one_cycle":
        return max(FLOOR, done / WARM_UP) if done < WARM_UP else _cosine((done - WARM_UP) / (1 - WARM_UP))
    if schedule == "late":
        return max(FLOOR, min(1.0, 3 * (1 - done)))
    raise ValueError(f"schedule {schedule!r} is unknown; use constant, cosine, one_cycle or late")


def _cosine(done: float) -> float:
    return FLOOR + (1 - FLOOR) * 0.5 * (1 + math.cos(math.pi * done))
