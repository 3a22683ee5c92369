"""From mel to sound: the trained vocoders beside Griffin-Lim, on clips of speakers they never heard."""

import math
from dataclasses import dataclass
from typing import Any

from affekt.core.files import read_json
from affekt.report.assets import Assets, Sources
from affekt.report.values import Values, number

BASELINE = "griffin_lim"
SYSTEMS = (("istft", "iSTFT vocoder"), ("waveglow", "WaveGlow"), (BASELINE, "Griffin-Lim"))
# key, name for readers, digits, which way is better
MEASURES = (
    ("mel_l1", "Mel L1, natural log", 3, "lower"),
    ("stft", "Multi-resolution STFT distance", 3, "lower"),
    ("pesq", "PESQ, wide band, 1–4.6", 2, "higher"),
    ("stoi", "STOI, 0–1", 3, "higher"),
    ("f0_cents", "f0 error, cents", 1, "lower"),
    ("voicing_error", "Voicing error, share of frames", 3, "lower"),
    ("mos", "Predicted naturalness (DistillMOS), 1–5", 2, "higher"),
)


@dataclass(frozen=True)
class Measured:
    """The mean of a measure over the clips it is defined for, None if for none, and for how many it is not."""

    mean: float | None
    undefined: int

    def rank(self, better: str) -> tuple[float, float]:
        """Sort from worse to better: what is defined for fewer clips is worse, whatever it is there."""
        if self.mean is None:
            return -math.inf, 0.0
        return -self.undefined, -self.mean if better == "lower" else self.mean

    def describe(self, digits: int) -> str:
        """The figure as text; f0 of a sound without voice, for one, is not defined."""
        if self.mean is None:
            return "undefined"
        return number(self.mean, digits) + (f" (undefined in {self.undefined} clips)" if self.undefined else "")


def measured(values: Values, name: str) -> Measured:
    """The mean of a measure by its key; one that is missing without being undefined is an error that names it."""
    undefined = round(values.find(f"{name}_undefined") or 0)
    return Measured(None if name not in values and undefined else values[name], undefined)


def build(sources: Sources, assets: Assets, values: Values, examples: int) -> dict[str, Any]:
    """Context of the vocoder section."""
    rows = []
    for key, name, digits, better in MEASURES:
        found = {system: measured(values, f"vocoder/{system}/{key}") for system, _ in SYSTEMS}
        best = max(found, key=lambda system: found[system].rank(better))
        real = values[f"vocoder/real/{key}"] if key == "mos" else None
        rows.append({"name": name, "better": better, "digits": digits, "figures": found, "best": best, "real": real})
    clips = [_clip(sources, assets, clip) for clip in _spread(sources, examples)]
    return {"systems": SYSTEMS, "rows": rows, "measured": round(values["vocoder/clips"]), "clips": clips}


def _spread(sources: Sources, examples: int) -> list[dict[str, Any]]:
    """As many clips as wanted, one emotion each before any emotion comes twice."""
    clips = sorted(read_json(sources.vocoding / "index.json"), key=lambda clip: clip["clip_id"])
    seen: dict[str, int] = {}
    ranks = []
    for clip in clips:
        seen[clip["emotion"]] = seen.get(clip["emotion"], 0) + 1
        ranks.append((seen[clip["emotion"]], clip["clip_id"]))
    order = [clip for _, clip in sorted(zip(ranks, clips, strict=True), key=lambda pair: pair[0])]
    return sorted(order[:examples], key=lambda clip: clip["clip_id"])


def _clip(sources: Sources, assets: Assets, clip: dict[str, Any]) -> dict[str, Any]:
    versions = (("real", "Real"), *((system, name) for system, name in reversed(SYSTEMS)))
    players = [
        (name, assets.copied_sound(
            f"vocoder-{clip['clip_id']}-{system}", sources.vocoding / clip[system], f"{name}, {clip['clip_id']}"
        ))
        for system, name in versions
    ]  # fmt: skip
    return {"clip": clip["clip_id"], "emotion": clip["emotion"], "players": players}
