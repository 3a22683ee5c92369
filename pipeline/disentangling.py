"""Measure whether a voice's codes hold each their own part: clips of unseen speakers lend each other one of them."""

from pathlib import Path

import numpy as np

from affekt.core.files import read_json, write_json
from affekt.core.params import DisentanglingParams, FeaturesParams
from affekt.core.seeds import numpy_rng
from affekt.core.stage import Stage, run
from affekt.corpora.wav import write_wav
from affekt.evaluate.absence import write_reason
from affekt.evaluate.clips import pick_clips
from affekt.evaluate.disentangling import (
    CHANGED,
    Ears,
    Exchanged,
    draw_pairs,
    explain_absence,
    measure_pair,
    measure_reconstruction,
)
from affekt.evaluate.disentangling_figures import summarise_pairs
from affekt.features.packed import Packed
from affekt.features.speaker import load_encoder
from affekt.models.content import ContentNetwork
from affekt.models.io import load_model
from affekt.models.speechsplit import SpeechSplit
from affekt.models.vocoders import load_vocoder

RECONSTRUCTED = 60  # clips of each half, at most
SEEN = {"a": "seen", "b": "unseen"}  # by the half of the speakers
EXAMPLES = 4  # pairs whose sounds are kept


def main(stage: Stage) -> None:
    device = stage.device
    params, features = stage.params(DisentanglingParams), stage.params(FeaturesParams)
    packed = Packed.load(stage.dep("prepared"), stage.dep("features"))
    reason = explain_absence(packed.clips)
    if reason is not None:
        write_reason(stage, "disentangling", reason)
        return
    model = load_model(stage.dep("speechsplit"), SpeechSplit, device)
    ears = Ears(
        load_vocoder(stage.dep("vocoder"), device),
        load_model(stage.dep("content_a"), ContentNetwork, device),
        load_encoder(device),
        features.f0_min_hz,
        features.f0_max_hz,
    )
    names = [str(row["statement"]) for row in read_json(stage.dep("content_a") / "statements.json")]
    pairs = draw_pairs(packed.clips, params.pairs, numpy_rng(stage.seed("pairs")))
    found = [
        measure_pair(model, ears, packed, pair, names, device)
        for pair in stage.progress(pairs, "pairs", total=len(pairs))
    ]
    figures = {"pairs": float(len(pairs))} | summarise_pairs(found)
    for half, word in SEEN.items():
        rows = pick_clips(packed.clips, RECONSTRUCTED, half).index.tolist()
        one = measure_reconstruction(model, ears, packed, rows, word, device)
        figures |= {f"reconstruction/{key}": value for key, value in one.items()}
    metrics = {f"disentangle/{key}": value for key, value in figures.items()}
    stage.metrics(metrics)
    write_json(stage.out("disentangling.json"), metrics)
    parts = stage.out("disentangling")
    write_examples(parts, packed, pairs[:EXAMPLES], found[:EXAMPLES])
    stage.artifact(parts)


def write_examples(folder: Path, packed: Packed, pairs: list[tuple[int, int]], found: list[Exchanged]) -> None:
    """Write both recordings of pairs and what came of them, and index.json."""
    folder.mkdir(parents=True)
    rows = []
    for number, (pair, one) in enumerate(zip(pairs, found, strict=True)):
        recordings = dict(zip("ab", (packed.waveform(row) for row in pair), strict=True))
        sounds: dict[str, np.ndarray] = recordings | {changed: one.waves[changed] for changed in CHANGED}
        files = {name: f"pair{number}-{name}.wav" for name in sounds}
        for name, wave_T in sounds.items():
            write_wav(folder / files[name], wave_T)
        clip_ids = [str(packed.clips["clip_id"].iloc[row]) for row in pair]
        rows.append({"a": clip_ids[0], "b": clip_ids[1], "sounds": files})
    write_json(folder / "index.json", {"examples": rows})


if __name__ == "__main__":
    run(main)
