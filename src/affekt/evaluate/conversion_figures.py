"""The figures of conversions: of each method over all pairs, beside recordings that stand for nothing and all done.

Axes: P pairs, V of embeddings.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from affekt.core.progress import Progress, quiet
from affekt.corpora.table import EMOTIONS
from affekt.evaluate.conversion import Listeners, Sound, analyse, cosine, describe
from affekt.evaluate.conversion_pairs import Pair
from affekt.evaluate.gender import compare_speakers
from affekt.evaluate.proportions import holm
from affekt.evaluate.vocoding import predict_mos, summarise
from affekt.features.packed import Packed

# Pairs: naturalness costs more to predict than all other measures; 4 shares no factor with 7 or 5 emotions.
MOS_EVERY = 4
UNCHANGED = ("source", "copy")  # as recorded, and through the vocoder: against the latter methods are tested

Rows = Mapping[str, Sequence[int | None]]  # by version, the clip that stands for each pair


@dataclass(frozen=True)
class Version:
    """What stands for each pair: a recording, or what a method made; None where the corpus has none."""

    waves: list[np.ndarray | None]
    sounds: list[Sound | None]
    mos: dict[int, float]  # of some pairs


def listen_to_real(
    listeners: Listeners, packed: Packed, pairs: Sequence[Pair], progress: Progress = quiet
) -> dict[str, Version]:
    """Return the recordings of the pairs as versions: `source`, `target` and, where there is any, `another_take`."""
    rows_of: Rows = {
        "source": [one.source for one in pairs],
        "target": [one.target for one in pairs],
        "another_take": [one.another for one in pairs],
    }
    waves = {row: packed.waveform(row) for chosen in rows_of.values() for row in chosen if row is not None}
    return lay_out(listeners, packed, pairs, rows_of, waves, progress)


def listen_to_unchanged(
    listeners: Listeners, packed: Packed, pairs: Sequence[Pair], name: str, waves: Mapping[int, np.ndarray],
    progress: Progress = quiet,
) -> Version:  # fmt: skip
    """Return as a version what stands for a source whatever is wished of it; `waves` by row of the source."""
    return lay_out(listeners, packed, pairs, {name: [one.source for one in pairs]}, waves, progress)[name]


def lay_out(
    listeners: Listeners, packed: Packed, pairs: Sequence[Pair], rows_of: Rows, waves: Mapping[int, np.ndarray],
    progress: Progress,
) -> dict[str, Version]:  # fmt: skip
    """Return versions of waveforms by row of the clip that each stands for; what many pairs share is heard once."""
    rows = sorted({row for chosen in rows_of.values() for row in chosen if row is not None})
    folds = packed.clips["fold"].iloc[rows].tolist()
    sounds = dict(zip(rows, analyse(listeners, [waves[row] for row in rows], folds, progress), strict=True))
    asked = of_mos(pairs)
    heard = sorted({row for chosen in rows_of.values() for i in asked if (row := chosen[i]) is not None})
    mos = dict(zip(heard, predict_mos([waves[row] for row in heard]), strict=True))
    return {
        name: Version(
            waves=[None if row is None else waves[row] for row in chosen],
            sounds=[None if row is None else sounds[row] for row in chosen],
            mos={i: mos[row] for i in asked if (row := chosen[i]) is not None},
        )
        for name, chosen in rows_of.items()
        if any(row is not None for row in chosen)
    }


def listen_to_made(
    listeners: Listeners, packed: Packed, pairs: Sequence[Pair], waves: Sequence[np.ndarray], progress: Progress = quiet
) -> Version:
    """Return what a method made of each pair as a version; each sound is judged by the juror of its speaker's fold."""
    folds = packed.clips["fold"].iloc[[one.source for one in pairs]].tolist()
    sounds = analyse(listeners, waves, folds, progress)
    asked = of_mos(pairs)
    mos = predict_mos([waves[i] for i in asked])
    return Version(list(waves), list(sounds), dict(zip(asked, mos, strict=True)))


def of_mos(pairs: Sequence[Pair]) -> list[int]:
    """Return the pairs of which naturalness is predicted: a share of each direction, spread over emotions."""
    directions = ([i for i, one in enumerate(pairs) if one.back == back] for back in (False, True))
    return [i for those in directions for i in those[::MOS_EVERY]]


def count(packed: Packed, pairs: Sequence[Pair]) -> dict[str, float]:
    """Return how much was converted, and what a guess at the emotion of real clips would reach in UA.

    Pairs to an emotion are of so many `recordings`, each of which is wished several of the `wanted` emotions.
    """
    there = [one for one in pairs if not one.back]
    return {
        "pairs": float(len(there)),
        "recordings": float(len({one.source for one in there})),
        "wanted": float(len({one.emotion for one in there})),
        "back_pairs": float(len(pairs) - len(there)),
        "mos_pairs": float(sum(not pairs[i].back for i in of_mos(pairs))),
        "speakers": float(len(set(speakers_of(packed, pairs)))),
        "chance": 1 / packed.clips["emotion"].nunique(),
    }


def speakers_of(packed: Packed, pairs: Sequence[Pair]) -> list[str]:
    """Return who speaks each pair."""
    return [str(packed.clips["speaker"].iloc[one.source]) for one in pairs]


def all_figures(
    versions: dict[str, Version], packed: Packed, pairs: Sequence[Pair], statements_P: Sequence[int],
    methods: Sequence[str],
) -> dict[str, float]:  # fmt: skip
    """Return the scale of cosines and, as `<version>/<figure>`, the figures and tests of all versions."""
    found = cosines(packed, pairs) | against_copy(versions, pairs, speakers_of(packed, pairs), methods)
    for name in versions:
        figures = figures_of(name, versions, pairs, statements_P)
        found |= {f"{name}/{key}": value for key, value in figures.items()}
    return found


def figures_of(
    name: str, versions: dict[str, Version], pairs: Sequence[Pair], statements_P: Sequence[int]
) -> dict[str, float]:
    """Return the figures of a version: means, `back/` means, both of so many `pairs`, and `<emotion>/judge_accuracy`.

    `judge_elsewhere` (named_elsewhere) is left out where one emotion alone is wanted.
    """
    sounds, source, target = (versions[key].sounds for key in (name, "source", "target"))
    rows: dict[int, dict[str, float | None]] = {}
    for i, (made, one) in enumerate(zip(sounds, pairs, strict=True)):
        before, real = source[i], target[i]
        if made is not None and before is not None and real is not None:
            rows[i] = describe(made, before, real, one.emotion, statements_P[i])
    figures: dict[str, float] = {}
    for prefix, back in (("", False), ("back/", True)):
        chosen = [i for i in rows if pairs[i].back == back]
        if not chosen:
            continue
        figures[f"{prefix}pairs"] = float(len(chosen))
        figures |= {prefix + key: value for key, value in summarise([rows[i] for i in chosen]).items()}
        if mos := [value for i, value in versions[name].mos.items() if pairs[i].back == back]:
            figures[f"{prefix}mos"] = float(np.mean(mos))
    there = [i for i in rows if not pairs[i].back]
    for label in sorted({pairs[i].emotion for i in there}):
        right = [rows[i]["judge_accuracy"] for i in there if pairs[i].emotion == label]
        figures[f"{EMOTIONS[label]}/judge_accuracy"] = float(np.mean([value for value in right if value is not None]))
    elsewhere = named_elsewhere(sounds, pairs)
    return figures | ({} if elsewhere is None else {"judge_elsewhere": elsewhere})


def named_elsewhere(sounds: Sequence[Sound | None], pairs: Sequence[Pair]) -> float | None:
    """Return how often an emotion is named where another one was wanted, a mean over wanted ones; None if there is one.

    Of pairs to an emotion. What makes all recordings sound alike is as often right as it is named elsewhere.
    """
    named = [
        (int(sound.belief_E.argmax()), one.emotion)
        for sound, one in zip(sounds, pairs, strict=True)
        if sound is not None and not one.back
    ]
    wanted = {emotion for _, emotion in named}
    if len(wanted) < 2:
        return None
    return float(np.mean([np.mean([heard == this for heard, emotion in named if emotion != this]) for this in wanted]))


def against_copy(
    versions: Mapping[str, Version], pairs: Sequence[Pair], speaker_P: Sequence[str], methods: Sequence[str]
) -> dict[str, float]:
    """Return `<version>/p_value`: is the wish heard more or less often in it than in `copy`, the vocoded source?

    By the exact sign-flip test over speakers, of pairs to an emotion: one source stands in many pairs and one speaker
    in more, which say the same again. `<method>/p_holm` is adjusted for the number of methods.
    """
    found: dict[str, float] = {}
    for name in (name for name in versions if name not in UNCHANGED):
        sounds, copies = versions[name].sounds, versions["copy"].sounds
        there = [i for i, one in enumerate(pairs) if not one.back and sounds[i] is not None]
        if there:
            right, before = (np.array([is_named(x_P[i], pairs[i]) for i in there]) for x_P in (sounds, copies))
            found[f"{name}/p_value"] = compare_speakers(right, before, [speaker_P[i] for i in there])["p_value"]
    adjusted = holm([found[f"{name}/p_value"] for name in methods])
    return found | {f"{name}/p_holm": p for name, p in zip(methods, adjusted, strict=True)}


def is_named(sound: Sound | None, one: Pair) -> bool:
    """Whether the juror names the wanted emotion."""
    return sound is not None and int(sound.belief_E.argmax()) == one.emotion


def cosines(packed: Packed, pairs: Sequence[Pair]) -> dict[str, float]:
    """Return the scale of cosines to the source: of the same speaker in the wanted emotion, and of others in it.

    Of pairs from neutral; the key of others is left out where the corpus has none of the speaker's gender.
    """
    there = [one for one in pairs if not one.back]
    same = [cosine(packed.speaker[one.source], packed.speaker[one.target]) for one in there]
    other = [
        float((packed.speaker[list(one.others)] @ packed.speaker[one.source]).mean()) for one in there if one.others
    ]
    found = {"same_speaker_cosine": float(np.mean(same))}
    return found | ({"other_speaker_cosine": float(np.mean(other))} if other else {})


def show(
    packed: Packed, pairs: Sequence[Pair], statements_P: Sequence[int], versions: dict[str, Version], i: int,
    write: Callable[[str, np.ndarray], None],
) -> dict[str, Any]:  # fmt: skip
    """Return what the report says of a pair, and write the sounds of all its versions."""
    one, clip, source = pairs[i], packed.clips.iloc[pairs[i].source], versions["source"].sounds[i]
    wanted = EMOTIONS[one.emotion]
    row: dict[str, Any] = {key: str(clip[key]) for key in ("clip_id", "speaker", "gender", "statement")}
    row |= {"wanted": wanted, "direction": "back" if one.back else "to", "versions": {}}
    for name, version in versions.items():
        sound, wave_T = version.sounds[i], version.waves[i]
        if sound is None or wave_T is None or source is None:
            continue
        file = f"{clip['clip_id']}-{wanted}-{name}.wav"
        write(file, wave_T)
        row["versions"][name] = {
            "audio": file,
            "judge": float(sound.belief_E[one.emotion]),
            "judge_names": EMOTIONS[int(sound.belief_E.argmax())],
            "statement_kept": sound.statement == statements_P[i],
            "cosine": cosine(sound.speaker_V, source.speaker_V),
        }
    return row
