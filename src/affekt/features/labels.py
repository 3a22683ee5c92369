"""What a recogniser names of a clip, as whole numbers."""

from typing import TYPE_CHECKING

import numpy as np

from affekt.core.errors import UserError
from affekt.corpora.table import EMOTIONS, GENDERS

if TYPE_CHECKING:
    import pandas as pd


CLASSES: dict[str, int] = {  # emotion_gender: emotion * 2 + gender
    "emotion": len(EMOTIONS),
    "emotion_gender": len(EMOTIONS) * len(GENDERS),
    "gender": len(GENDERS),
}


def labels_of(clips: "pd.DataFrame", kind: str) -> np.ndarray:
    """Return int64 labels of a clip table: `emotion` (of EMOTIONS), `gender` (of GENDERS), or both in one.

    `emotion_gender` is emotion * 2 + gender. A clip without an emotion of EMOTIONS is a UserError.
    """
    gender = clips["gender"].map(GENDERS.index).to_numpy(np.int64)
    if kind == "gender":
        return gender
    unlabelled = clips.loc[~clips["emotion"].isin(EMOTIONS), "clip_id"]
    if len(unlabelled):
        raise UserError(
            f"clip table: {unlabelled.iloc[0]} has no emotion to learn or to test; a corpus of read speech serves "
            "gender only (`reading.name`), `corpus.name` must name one with emotions"
        )
    emotion = clips["emotion"].map(EMOTIONS.index).to_numpy(np.int64)
    return emotion * len(GENDERS) + gender if kind == "emotion_gender" else emotion
