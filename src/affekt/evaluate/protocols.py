"""Fewer classes than a recogniser was trained on: the prototypes' sets of emotions, and marginals of joint classes.

A recogniser of eight emotions answers for a set of four by summing what belongs together (calm counts as neutral),
forgetting the rest and normalising again, on the clips of these emotions only. It is not trained anew for the set.

Axes: N clips, E emotions of the table, C classes of a protocol, G genders.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from affekt.corpora.table import EMOTIONS, GENDERS
from affekt.evaluate.ensemble import add_probabilities, normalise

LEFT_OUT = -1  # label of a clip that a protocol does not ask about


@dataclass(frozen=True)
class Protocol:
    """A named set of classes, each of one emotion or several merged."""

    name: str
    classes: Mapping[str, tuple[str, ...]]  # in the order of the class index

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.classes)

    def labels(self, truth_N: np.ndarray) -> np.ndarray:
        """Class of each clip from the index of its emotion; LEFT_OUT for emotions outside the set."""
        class_of_E = np.full(len(EMOTIONS), LEFT_OUT)
        for index, merged in enumerate(self.classes.values()):
            class_of_E[[EMOTIONS.index(emotion) for emotion in merged]] = index
        return class_of_E[np.asarray(truth_N)]

    def posterior(self, log_probability_XE: np.ndarray) -> np.ndarray:
        """Log-probabilities (..., C) from those of all emotions (..., E)."""
        if np.shape(log_probability_XE)[-1] != len(EMOTIONS):
            raise ValueError(f"need {len(EMOTIONS)} emotions on the last axis, got {np.shape(log_probability_XE)}")
        chosen = np.asarray(log_probability_XE, dtype=np.float64)
        summed = [
            add_probabilities(chosen[..., [EMOTIONS.index(emotion) for emotion in merged]])
            for merged in self.classes.values()
        ]
        return normalise(np.stack(summed, axis=-1))

    @property
    def chance(self) -> float:
        """UA of a guess."""
        return 1 / len(self.classes)


# The sets and the order of seeds 0 and 2: what their figures are stated on.
FOUR = Protocol("four", {"neutral": ("neutral", "calm"), "happy": ("happy",), "sad": ("sad",), "angry": ("angry",)})
FIVE = Protocol(
    "five",
    {
        "angry": ("angry",),
        "neutral": ("neutral", "calm"),
        "fearful": ("fearful",),
        "happy": ("happy",),
        "sad": ("sad",),
    },
)
PROTOCOLS = (FOUR, FIVE)


def marginals(log_probability_XC: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Log-probabilities of emotions (..., E) and genders (..., G) from joint classes emotion * G + gender."""
    joint = np.asarray(log_probability_XC, dtype=np.float64)
    if joint.shape[-1] != len(EMOTIONS) * len(GENDERS):
        raise ValueError(f"need {len(EMOTIONS) * len(GENDERS)} joint classes on the last axis, got {joint.shape}")
    joint_XEG = joint.reshape(*joint.shape[:-1], len(EMOTIONS), len(GENDERS))
    return add_probabilities(joint_XEG), add_probabilities(joint_XEG, axis=-2)
