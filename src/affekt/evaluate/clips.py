"""Which clips are measured, and what each is to become."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from affekt.core.errors import UserError
from affekt.corpora.table import EMOTIONS

if TYPE_CHECKING:
    import pandas as pd


def pick_clips(clips: "pd.DataFrame", count: int, half: str) -> "pd.DataFrame":
    """Choose clips of one half of the speakers, spread over these and emotions, always the same ones.

    Each choice is of the speaker chosen least so far, then of the emotion, their pair, the statement and the intensity
    chosen least; ties go to the first clip id. Fewer rows than `count` only when the half has no more.
    """
    those = clips[clips["half"] == half].sort_values("clip_id")
    rows = [
        (speaker, emotion, (speaker, emotion), statement, intensity)
        for speaker, emotion, statement, intensity in zip(
            *(those[key] for key in ("speaker", "emotion", "statement", "intensity")), strict=True
        )
    ]
    used: list[Counter[object]] = [Counter() for _ in range(5)]
    chosen: list[int] = []
    left = list(range(len(rows)))
    while left and len(chosen) < count:
        best = min(left, key=lambda i: [seen[value] for seen, value in zip(used, rows[i], strict=True)])
        left.remove(best)
        chosen.append(best)
        for seen, value in zip(used, rows[best], strict=True):
            seen[value] += 1
    return those.iloc[sorted(chosen)]


def wish_emotions(own: Sequence[str]) -> list[str]:
    """For each clip another emotion than its own, of those that occur, all wished for equally often or nearly so.

    Each choice is of the emotion wished for least so far, then least so for clips of this own emotion; ties go to the
    one that comes soonest after the own in the order of EMOTIONS. UserError when there is but one emotion.
    """
    there = [emotion for emotion in EMOTIONS if emotion in set(own)]
    if len(there) < 2:
        raise UserError(f"the chosen clips have one emotion alone ({', '.join(there)}): no other can be wished for")
    pairs: Counter[tuple[str, str]] = Counter()
    total: Counter[str] = Counter()
    wished = []
    for emotion in own:
        at = there.index(emotion)
        others = there[at + 1 :] + there[:at]
        best = min(others, key=lambda other: (total[other], pairs[emotion, other]))
        total[best] += 1
        pairs[emotion, best] += 1
        wished.append(best)
    return wished
