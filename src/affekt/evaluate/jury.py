"""The jury: for each fold of speakers a judge that learned from the other folds. A clip is judged by that of its fold.

Axes: N clips, M mel bands, F frames, E emotions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from affekt.core.errors import UserError
from affekt.core.files import read_json
from affekt.evaluate.recognition import confusion_matrix, rates
from affekt.features.labels import labels_of
from affekt.features.packed import Packed
from affekt.models.io import load_model
from affekt.models.judge import RecurrentRecogniser
from affekt.optimise.mask import pad_mels

BATCH = 16  # clips at once, of similar lengths


@dataclass(frozen=True)
class Jury:
    """The jurors by the fold that they judge, and the speakers of it; none where the corpus gives a reason."""

    jurors: dict[int, RecurrentRecogniser]
    speakers: dict[int, list[str]]
    device: torch.device
    reason: str | None = None  # why there are no jurors

    @classmethod
    def load(cls, folder: Path, device: torch.device) -> "Jury":
        """Open what the stage `jury` made; a UserError names a folder that holds none."""
        if not (folder / "jury.json").is_file():
            raise UserError(f"{folder}: there is no jury; run `dvc repro jury` first")
        found = read_json(folder / "jury.json")
        speakers = {int(fold): list(names) for fold, names in found["folds"].items()}
        jurors = {fold: load_model(folder / f"fold{fold}", RecurrentRecogniser, device) for fold in speakers}
        return cls(jurors, speakers, device, found.get("reason"))

    @torch.inference_mode()
    def hear(self, mels: Sequence[Tensor], folds: Sequence[int]) -> np.ndarray:
        """Return what the juror of each clip's fold believes, (N, E), of raw log mels (M, F) of any lengths.

        UserError where no juror judges a fold.
        """
        assert self.reason is None, "nothing is made where nobody can judge it"
        strangers = sorted(set(folds) - set(self.jurors))
        if strangers:
            raise UserError(f"models/jury: no juror judges fold {strangers[0]}, only {sorted(self.jurors)}; retrain it")
        found: dict[int, np.ndarray] = {}
        for fold, juror in self.jurors.items():
            of_fold = [i for i, own in enumerate(folds) if own == fold]
            for rows in batches(of_fold, mels):
                mel_BMF, frames_B = pad_mels([mels[i] for i in rows], self.device)
                belief_BE = juror(mel_BMF, frames_B).float().softmax(1).cpu().numpy()
                found |= dict(zip(rows, belief_BE, strict=True))
        return np.stack([found[i] for i in range(len(mels))])


def batches(rows: Sequence[int], mels: Sequence[Tensor]) -> list[list[int]]:
    """Divide rows into batches of clips of similar lengths."""
    order = sorted(rows, key=lambda i: (mels[i].shape[-1], i))
    return [order[first : first + BATCH] for first in range(0, len(order), BATCH)]


def judge_real(jury: Jury, packed: Packed) -> float:
    """Return the unweighted accuracy on all real clips of the folds' speakers, each judged by the juror of its fold."""
    judged = {name for names in jury.speakers.values() for name in names}
    rows = np.flatnonzero(packed.clips["speaker"].isin(judged).to_numpy())
    belief_NE = jury.hear([packed.clip_mel(int(row)) for row in rows], packed.clips["fold"].iloc[rows].tolist())
    return unweighted_accuracy(belief_NE, labels_of(packed.clips.iloc[rows], "emotion"))


def unweighted_accuracy(belief_NE: np.ndarray, label_N: np.ndarray) -> float:
    """Return the mean of the recalls of the emotions that occur."""
    return float(rates(confusion_matrix(label_N, belief_NE.argmax(1), belief_NE.shape[1]))["ua"])
