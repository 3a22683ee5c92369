"""Which clips of unseen speakers are converted, to which emotion, and which real clips the outcome is laid beside."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from affekt.core.errors import UserError
from affekt.corpora.table import EMOTIONS

if TYPE_CHECKING:
    import pandas as pd

HALF = "b"  # of the speakers: no converter has heard them
NEUTRAL = EMOTIONS.index("neutral")


@dataclass(frozen=True)
class Pair:
    """A clip and what it is to become; clips are rows of the table."""

    source: int
    target: int  # the same speaker says the same statement in the wanted emotion
    emotion: int  # the wanted one, index of EMOTIONS
    another: int | None  # as the target, another take
    others: tuple[int, ...]  # as the target, said by others of the same gender

    @property
    def back(self) -> bool:
        """Whether an emotional clip is to become neutral."""
        return self.emotion == NEUTRAL


def plan_pairs(clips: "pd.DataFrame", sources: int, speakers: int) -> list[Pair]:
    """Pair neutral clips of half b with the same words in every other emotion, strong where there is that; and back.

    Of each of the chosen speakers (at most `speakers`), statement and other emotion: the first `sources` neutral clips
    to the first take of the emotion, then its first `sources` takes to the first neutral clip. Speakers, statements and
    emotions in order, all pairs to an emotion before those back. UserError where a corpus has no pair.
    """
    half = clips.assign(row=range(len(clips)))
    half = half[half["half"] == HALF].sort_values("clip_id")
    there: list[Pair] = []
    back: list[Pair] = []
    for speaker in choose_speakers(half, speakers):
        own = half[half["speaker"] == speaker]
        for statement in sorted(set(own["statement"])):
            said = own[own["statement"] == statement]
            neutral = takes_of(said, EMOTIONS[NEUTRAL])
            for label, emotion in enumerate(EMOTIONS):
                takes = [] if label == NEUTRAL else takes_of(said, emotion)
                there += [pair(half, row, takes, label) for row in neutral[:sources] if takes]
                back += [pair(half, row, neutral, NEUTRAL) for row in takes[:sources] if neutral]
    if not there:
        raise UserError(
            f"corpus.name: no speaker of half {HALF} says a statement in neutral and in another emotion, so nothing "
            "can be converted and compared; choose a corpus of acted emotions in params.yaml"
        )
    return there + back


def choose_speakers(half: "pd.DataFrame", count: int) -> list[str]:
    """Return at most `count` speakers, spread over genders, then over folds; by name."""
    rows = half.drop_duplicates("speaker").sort_values("speaker")
    left = list(zip(rows["speaker"], rows["gender"], rows["fold"], strict=True))
    used: Counter[object] = Counter()
    chosen: list[str] = []
    while left and len(chosen) < count:
        best = min(left, key=lambda one: (used["gender", one[1]], used["fold", one[2]], one[0]))
        left.remove(best)
        chosen.append(best[0])
        used.update([("gender", best[1]), ("fold", best[2])])
    return sorted(chosen)


def takes_of(said: "pd.DataFrame", emotion: str) -> list[int]:
    """Return the rows of one speaker's takes of a statement in an emotion, strong ones alone where there are such."""
    those = said[said["emotion"] == emotion].sort_values(["repetition", "clip_id"])
    strong = those[those["intensity"] == "strong"]
    return [int(row) for row in (strong if len(strong) else those)["row"]]


def pair(half: "pd.DataFrame", source: int, takes: list[int], emotion: int) -> Pair:
    """Pair a clip with the first of the takes that it is to become."""
    target = half[half["row"] == takes[0]].iloc[0]
    alike = half["speaker"] != target["speaker"]
    for key in ("gender", "statement", "emotion", "intensity"):
        alike &= half[key] == target[key]
    others = tuple(int(row) for row in half["row"][alike])
    return Pair(source, takes[0], emotion, takes[1] if len(takes) > 1 else None, others)


def choose_examples(pairs: Sequence[Pair], clips: "pd.DataFrame", there: int, back: int) -> list[int]:
    """Return indices of pairs, at most so many of each direction, spread over emotions, speakers and statements."""
    chosen: list[int] = []
    for direction, count in ((False, there), (True, back)):
        left = [i for i, one in enumerate(pairs) if one.back == direction]
        used: Counter[object] = Counter()
        for _ in range(min(count, len(left))):
            seen = {i: kinds_of(clips, pairs[i]) for i in left}
            best = min(left, key=lambda i: ([used[kind] for kind in seen[i]], i))
            left.remove(best)
            chosen.append(best)
            used.update(seen[best])
    return sorted(chosen)


def kinds_of(clips: "pd.DataFrame", one: Pair) -> list[tuple[str, object]]:
    """What examples are spread over: the emotion that is not neutral, then who speaks, then what is said."""
    emotional, source = clips.iloc[one.source if one.back else one.target], clips.iloc[one.source]
    return [
        ("emotion", emotional["emotion"]),
        ("gender", source["gender"]),
        ("speaker", source["speaker"]),
        ("statement", source["statement"]),
    ]
