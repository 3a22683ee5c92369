"""What recogniser, judge and content network hear in versions of one sound.

Axes: T samples, B windows, F outputs of the content network.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from affekt.cli.hearing import classify, window_bounds
from affekt.cli.tables import format_table
from affekt.core.files import read_json
from affekt.corpora.table import EMOTIONS, SAMPLE_RATE
from affekt.features.mel import log_mel
from affekt.optimise.content import agreement, drift

CLIMBED = "recogniser_mel_cnn"  # the model whose belief rises


@dataclass(frozen=True)
class Listener:
    """Networks that listen: the recogniser, which was climbed; the judge and `content_b`, which were not."""

    MODELS: ClassVar[dict[str, str]] = {"recogniser": CLIMBED, "judge": "judge", "content_b": "content_b"}  # of models/
    HEARERS: ClassVar[tuple[str, ...]] = ("recogniser", "judge")  # of emotion

    models: dict[str, nn.Module]
    statements: list[str]
    device: torch.device

    @classmethod
    def of(cls, models: dict[str, nn.Module], content: Path, device: torch.device) -> "Listener":
        """A listener with opened models; the folder of `content_b` names its statements."""
        statements = [str(row["statement"]) for row in read_json(content / "statements.json")]
        return cls({name: models[folder] for name, folder in cls.MODELS.items()}, statements, device)

    def hear(self, sound_T: Tensor, before_T: Tensor, label: int) -> dict[str, Any]:
        """Belief in the wanted emotion and what is named, by both; the likeliest statement, and what was kept of it.

        drift_nats and content_kept compare with the sound before: see affekt.optimise.content.
        """
        found: dict[str, Any] = {"statement": self.statement(sound_T)}
        for name, belief in self.believe(sound_T).items():
            found[name] = belief[EMOTIONS[label]]
            found[f"{name}_emotion"] = max(belief, key=belief.__getitem__)
        return found | self._compare(sound_T, before_T)

    def believe(self, sound_T: Tensor) -> dict[str, dict[str, float]]:
        """How much recogniser and judge believe in each emotion, by their names: means over windows of the sound."""
        windows = [sound_T[a:b].numpy() for a, b in window_bounds(len(sound_T), SAMPLE_RATE)]
        found = {}
        for name in self.HEARERS:
            heard = classify(windows, self.models[name], self.device)
            found[name] = {emotion: sum(one[emotion] for one in heard) / len(heard) for emotion in EMOTIONS}
        return found

    @torch.inference_mode()
    def statement(self, sound_T: Tensor) -> str:
        """Of the corpus' statements the one that is likeliest said."""
        content: Any = self.models["content_b"]
        return self.statements[int(content.statement_logits(log_mel(sound_T.to(self.device))[None]).argmax())]

    @torch.inference_mode()
    def _compare(self, sound_T: Tensor, before_T: Tensor) -> dict[str, Any]:
        content: Any = self.models["content_b"]
        mels = [log_mel(wave_T.to(self.device))[None] for wave_T in (sound_T, before_T)]
        frames = min(mel_BMF.shape[-1] for mel_BMF in mels)  # a vocoder gives whole hops
        now_BCF, start_BCF = (content.log_posteriors(mel_BMF[..., :frames]) for mel_BMF in mels)
        return {
            "drift_nats": float(drift(start_BCF, now_BCF)),
            "content_kept": float(agreement(start_BCF, now_BCF, content.segments)),
        }


def describe(scores: dict[str, dict[str, Any]]) -> str:
    """A row per version: belief in the wanted emotion, what the judge names, the statement and how much is kept."""
    heads = ["version", "recogniser", "judge", "judge hears", "statement", "content kept"]
    rows = [
        [
            name,
            *(f"{100 * row[listener]:.0f} %" for listener in Listener.HEARERS),
            row["judge_emotion"],
            row["statement"],
            f"{100 * row['content_kept']:.0f} %",
        ]
        for name, row in scores.items()
    ]
    return format_table(heads, rows, numeric=True)
