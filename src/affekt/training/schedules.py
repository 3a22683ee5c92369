"""Learning-rate schedules: pure functions of the step, and the plateau's state."""

import math
from dataclasses import dataclass

WARM_UP = 0.15  # of all steps, for one_cycle
FLOOR = 0.002  # of the full rate, at the end of one_cycle and cosine
PATIENCE = 2  # validations without a better one, after which `plateau` lowers the rate (as the prototype did)
DROP = 0.5  # what it is multiplied by then


def factor(schedule: str, step: int, steps: int) -> float:
    """Return what the learning rate is multiplied by at a step (0-based) of `steps`.

    `constant`; `cosine`: half a cosine from 1 to FLOOR; `one_cycle`: a linear rise over WARM_UP, then the cosine
    (Smith & Topin 2018); `late`: constant, then linear to FLOOR over the last third.
    """
    if schedule in {"constant", "plateau"}:  # the plateau's own factor is a state: see below
        return 1.0
    done = (step + 1) / steps
    if schedule == "cosine":
        return _cosine(done)
    if schedule == "one_cycle":
        return max(FLOOR, done / WARM_UP) if done < WARM_UP else _cosine((done - WARM_UP) / (1 - WARM_UP))
    if schedule == "late":
        return max(FLOOR, min(1.0, 3 * (1 - done)))
    raise ValueError(f"schedule {schedule!r} is unknown; use constant, plateau, cosine, one_cycle or late")


def _cosine(done: float) -> float:
    return FLOOR + (1 - FLOOR) * 0.5 * (1 + math.cos(math.pi * done))


@dataclass
class Plateau:
    """Lowers the rate when the validation loss has not fallen for PATIENCE validations in a row."""

    factor: float = 1.0
    best: float = math.inf
    waited: int = 0

    def see(self, loss: float) -> None:
        """Take the loss of one validation."""
        if loss < self.best:
            self.best, self.waited = loss, 0
            return
        self.waited += 1
        if self.waited >= PATIENCE:
            self.factor, self.waited = max(FLOOR, self.factor * DROP), 0
