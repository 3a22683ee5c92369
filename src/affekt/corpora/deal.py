"""The rule by which speakers are dealt to folds and halves where no one has published a split."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from affekt.corpora.table import HALVES


def deal_speakers(group_of: Mapping[str, tuple[str, str]], folds: int) -> dict[str, Any]:
    """Return what splits.json holds, for speakers of (subset, gender) groups.

    Within each group, in the order of the speakers' names (numbers by value), the i-th goes to fold i mod `folds`. In
    every row of the deal the halves take turns, and the groups of the second gender begin with the other half, so that
    folds and halves have as many women as men up to one per subset.
    """
    groups: dict[tuple[str, str], list[str]] = defaultdict(list)
    for speaker in sorted(group_of, key=lambda name: (name.rpartition("-")[0], int(name.rpartition("-")[2]))):
        groups[group_of[speaker]].append(speaker)
    fold_of: list[list[str]] = [[] for _ in range(folds)]
    half_of: dict[str, list[str]] = {half: [] for half in HALVES}
    for (_, gender), speakers in sorted(groups.items()):
        for index, speaker in enumerate(speakers):
            fold_of[index % folds].append(speaker)
            turn = index // folds + index % folds + (gender == "m")
            half_of[HALVES[turn % len(HALVES)]].append(speaker)
    return {"folds": fold_of, "halves": half_of}
