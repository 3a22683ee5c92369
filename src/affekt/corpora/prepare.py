"""From inspected clips to the packed corpus: one int16 array, one table, the quarantine list."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from affekt.core.files import save_array, save_table, write_json
from affekt.corpora.inspect import Clip, Inspection
from affekt.corpora.splits import Splits, load_splits
from affekt.corpora.table import COLUMNS, SAMPLE_RATE, check_table

if TYPE_CHECKING:
    import pandas as pd


def pack(inspection: Inspection, corpus: str, language: str, splits_path: Path, out: Path) -> "pd.DataFrame":
    """Write audio.npy, clips.parquet, quarantine.json and notes.json to `out`; return the checked table."""
    clips = sorted(inspection.clips, key=lambda clip: clip.facts.clip_id)
    splits = load_splits(splits_path, {clip.facts.speaker for clip in clips})
    table = make_table(clips, corpus, language, splits)
    audio = np.concatenate([clip.samples for clip in clips]) if clips else np.zeros(0, np.int16)
    check_table(table, len(audio))
    out.mkdir(parents=True, exist_ok=True)
    save_array(out / "audio.npy", audio)
    save_table(out / "clips.parquet", table)
    write_json(out / "quarantine.json", inspection.quarantine)
    write_json(out / "notes.json", inspection.notes)
    return table


def make_table(clips: Sequence[Clip], corpus: str, language: str, splits: Splits) -> "pd.DataFrame":
    """Make the table of clips that lie back to back in the order given."""
    import pandas as pd

    rows, offset = [], 0
    for clip in clips:
        facts = clip.facts
        rows.append(
            {
                "clip_id": facts.clip_id,
                "corpus": corpus,
                "speaker": facts.speaker,
                "gender": facts.gender,
                "emotion": facts.emotion,
                "intensity": facts.intensity,
                "statement": facts.statement,
                "repetition": facts.repetition,
                "language": language,
                "offset": offset,
                "frames": len(clip.samples),
                "rate": SAMPLE_RATE,
                "sha256": hashlib.sha256(clip.samples.astype("<i2").tobytes()).hexdigest(),
                "half": splits.half[facts.speaker],
                "fold": splits.fold[facts.speaker],
            }
        )
        offset += len(clip.samples)
    return pd.DataFrame(rows, columns=list(COLUMNS))
