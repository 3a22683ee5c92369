"""The leakage premium: how much a recogniser gains when the speakers it is tested on were in its training.

Axes: S seeds, N clips, E classes.
"""

from collections.abc import Sequence

import numpy as np

from affekt.evaluate.crossvalidation import NOT_TESTED
from affekt.evaluate.paired import sign_flip_test


def measure_premium(
    random_SN: np.ndarray,
    speakers_SN: np.ndarray,
    truth_N: np.ndarray,
    speaker_N: Sequence[str] | np.ndarray,
) -> dict[str, float]:
    """Compare one network's predictions under a random split and under speaker folds, on the same clips.

    Args:
        random_SN, speakers_SN: predicted classes; a clip that is NOT_TESTED in either is left out of both.

    Returns ua_random and ua_speakers (of all these clips at once, the mean over seeds), their difference `premium`, and
    p_value: exact sign-flip test over speakers of what each adds to this difference. Clips of a speaker are alike, so
    the speaker is the unit.
    """
    tested = ((np.asarray(random_SN) != NOT_TESTED) & (np.asarray(speakers_SN) != NOT_TESTED)).all(0)
    if not tested.any():
        raise ValueError("no clip was tested under both splits")
    truth_N = np.asarray(truth_N)[tested]
    random_SN, speakers_SN = np.asarray(random_SN)[:, tested], np.asarray(speakers_SN)[:, tested]
    # UA is not taken fold by fold: the splits cut the clips into folds of other sizes, and UA depends on them.
    right_N = [(named == truth_N).mean(0) for named in (random_SN, speakers_SN)]
    ua_random, ua_speakers = (
        np.mean([right[truth_N == one].mean() for one in np.unique(truth_N)]) for right in right_N
    )
    counts_E = np.bincount(truth_N)
    weight_N = 1 / counts_E[truth_N] / (counts_E > 0).sum()  # a clip's part in UA: the parts add up to the premium
    gain_N = right_N[0] - right_N[1]
    _, index_N = np.unique(np.asarray(speaker_N)[tested], return_inverse=True)
    return {
        "ua_random": float(ua_random),
        "ua_speakers": float(ua_speakers),
        "premium": float(ua_random - ua_speakers),
        "p_value": sign_flip_test(np.bincount(index_N, weights=gain_N * weight_N)),
        "clips": float(tested.sum()),
        "seeds": float(len(random_SN)),
    }
