"""Whether each code of a voice holds its own part: one clip lends another a code, and what moves with it is measured.

As in SpeechSplit (Qian et al. 2020, arXiv 2004.11284, section 4.2), with figures in the place of its listeners: the
outcome is nearer to the lender B than to A in what the code is to hold, and in nothing else.

Axes: E of the embedding, M mel bands, F frames, S statements, V versions of a clip (CHANGED), T samples.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from affekt.core.errors import UserError
from affekt.evaluate.conversion import index_of_statement
from affekt.evaluate.converters import read_utterance
from affekt.evaluate.vocoding import summarise
from affekt.features.f0 import track_f0
from affekt.features.mel import log_mel
from affekt.features.packed import Packed
from affekt.features.retiming import read_frames
from affekt.features.speaker import SpeakerEncoder, embed_speakers
from affekt.models.content import ContentNetwork
from affekt.models.conversion import Utterance, put_together, take_apart
from affekt.models.speechsplit import Codes, SpeechSplit
from affekt.optimise.resynthesis import fit

if TYPE_CHECKING:
    import pandas as pd

HALF = "b"  # of the speakers: no network has heard them
CODES = {"content": "content_BDS", "pitch": "pitch_BDS", "rhythm": "rhythm_BDS", "speaker": "speaker_BE"}
CHANGED = ("none", *CODES)
OWN = {"content": "statement", "pitch": "f0", "rhythm": "timing", "speaker": "voice"}  # aspect that a code is to move
QUIETEST_DB = -50.0  # below a clip's loudest frame: what is quieter is noise
LEAST_FRAMES = 10  # of which a correlation is told
LEAST_DEVIATION = 1e-4  # of a contour that moves, in octaves or dB


@dataclass(frozen=True)
class Sound:
    """What is compared of a sound."""

    f0_F: np.ndarray  # Hz, 0 where unvoiced
    level_F: np.ndarray  # dB
    voice_E: np.ndarray  # unit vector
    statement_S: np.ndarray  # scores; of a recording 1 for what is said


@dataclass(frozen=True)
class Ears:
    """What speaks a mel, and hears the sound."""

    vocoder: nn.Module
    content: ContentNetwork
    encoder: SpeakerEncoder
    f0_min_hz: float
    f0_max_hz: float


def explain_absence(clips: "pd.DataFrame") -> str | None:
    """Return in a sentence for readers why no recording can lend another a code; None where half b has two speakers."""
    speakers = sorted(set(clips.loc[clips["half"] == HALF, "speaker"]))
    if len(speakers) > 1:
        return None
    return f"Half {HALF} of this corpus has one speaker ({', '.join(speakers)}): there is no other to lend a code."


def draw_pairs(clips: "pd.DataFrame", count: int, rng: np.random.Generator) -> list[tuple[int, int]]:
    """Draw rows (A, B) of half b that differ in speaker, emotion and statement; women and men take turns, as A and B.

    No pair comes twice, and speakers and emotions are spread. Where all say one statement, that is the same. UserError
    where there is no such pair.
    """
    columns = {key: clips[key].to_numpy(str) for key in ("speaker", "emotion", "statement", "gender")}
    those = np.flatnonzero(clips["half"].to_numpy() == HALF)
    if len(set(columns["statement"][those])) == 1:
        columns["statement"] = np.arange(len(clips)).astype(str)  # as if each were said once
    turns = [_deal(columns, those, genders, rng) for genders in product(*[np.unique(columns["gender"][those])] * 2)]
    pairs: list[tuple[int, int]] = []
    while turns and len(pairs) < count:
        turn = turns.pop(0)
        pair = next(turn, None)
        if pair is not None:
            pairs.append(pair)
            turns.append(turn)
    if not pairs:
        raise UserError(
            f"disentangling needs clips of half {HALF} that differ in speaker, emotion and statement, and the corpus "
            "has no two: check its splits, or choose another corpus"
        )
    return pairs


def _deal(
    columns: dict[str, np.ndarray], those: np.ndarray, genders: tuple[str, str], rng: np.random.Generator
) -> Iterator[tuple[int, int]]:
    """Yield pairs of these two genders until there are no more, those of what came least so far first."""
    of_a, of_b = (those[columns["gender"][those] == gender] for gender in genders)
    tie = rng.random(len(columns["gender"]))
    used: dict[tuple[str, str], int] = {}
    left = {int(a): [int(b) for b in of_b if _differ(columns, a, b)] for a in of_a}

    def rank(side: str, row: int) -> tuple[int, int, int, float]:
        seen = [used.get((side, str(name)), 0) for name in (row, columns["speaker"][row], columns["emotion"][row])]
        return seen[0], seen[1], seen[2], float(tie[row])

    while left := {a: partners for a, partners in left.items() if partners}:
        a = min(left, key=lambda row: rank("a", row))
        b = min(left[a], key=lambda row: rank("b", row))
        left[a].remove(b)
        for side, row in (("a", a), ("b", b)):
            for name in (row, columns["speaker"][row], columns["emotion"][row]):
                used[side, str(name)] = used.get((side, str(name)), 0) + 1
        yield a, b


def _differ(columns: dict[str, np.ndarray], a: int, b: int) -> bool:
    return all(columns[key][a] != columns[key][b] for key in ("speaker", "emotion", "statement"))


def stretched(utterance: Utterance, frames: int) -> Utterance:
    """Return the utterance at another tempo, evenly; f0 and where there is none are read at the nearest frame."""
    time_G = np.linspace(0, len(utterance.f0_F) - 1, frames)
    nearest_G = torch.from_numpy(np.rint(time_G).astype(np.int64)).to(utterance.f0_F.device)
    return Utterance(read_frames(utterance.mel_MF, time_G), utterance.f0_F[nearest_G], utterance.speaker_E)


@torch.inference_mode()
def exchange(model: SpeechSplit, a: Utterance, b: Utterance) -> Tensor:
    """Return raw log mels (V, M, F) of A, and of A with one code of B; both have the same frames."""
    codes, frames_B = take_apart(model, [a, b])
    assert int(frames_B[0]) == int(frames_B[1]), "codes of other steps cannot be exchanged"
    lent = {field: [int(CODES.get(changed) == field) for changed in CHANGED] for field in CODES.values()}
    mixed = Codes(**{field: getattr(codes, field)[rows] for field, rows in lent.items()})
    return put_together(model, mixed)[..., : int(frames_B[0])]


@torch.inference_mode()
def speak(vocoder: nn.Module, mel_BMF: Tensor) -> Tensor:
    """Return waveforms (B, T) of mels of one length, (F - 1) hops each; one that would clip is quieter as a whole."""
    wave_BT = vocoder(mel_BMF)
    return torch.stack([torch.from_numpy(fit(wave_T)[0]) for wave_T in wave_BT.cpu().numpy()]).to(wave_BT.device)


@torch.inference_mode()
def hear(ears: Ears, wave_BT: Tensor) -> list[Sound]:
    """Analyse sounds of one length anew."""
    mel_BMF = log_mel(wave_BT)
    statement_BS = ears.content.statement_logits(mel_BMF).cpu().numpy()
    waves = list(wave_BT.cpu().numpy())
    voice_BE = embed_speakers(ears.encoder, waves)
    return [
        Sound(track_f0(wave_T, ears.f0_min_hz, ears.f0_max_hz), level_of(mel_MF), voice_E, statement_S)
        for wave_T, mel_MF, voice_E, statement_S in zip(waves, mel_BMF, voice_BE, statement_BS, strict=True)
    ]


def as_sound(utterance: Utterance, statement: int, statements: int) -> Sound:
    """Return what is known of a recording in which this one of so many statements is said."""
    voice_E, f0_F = utterance.speaker_E.cpu().numpy(), utterance.f0_F.cpu().numpy()
    return Sound(f0_F, level_of(utterance.mel_MF), voice_E, np.eye(statements)[statement])


def level_of(mel_MF: Tensor) -> np.ndarray:
    """Return the energy over all bands of a raw log mel in dB, at least QUIETEST_DB below the loudest frame; (F,)."""
    level_F = 10 / np.log(10) * (2 * mel_MF.double()).logsumexp(0).cpu().numpy()
    return np.maximum(level_F, level_F.max() + QUIETEST_DB)


def compare_melodies(one: Sound, other: Sound) -> float | None:
    """Return the correlation of log f0 over frames that are voiced in both."""
    both_F = (one.f0_F > 0) & (other.f0_F > 0)
    return correlate(np.log2(one.f0_F[both_F]), np.log2(other.f0_F[both_F]))


def compare_timing(one: Sound, other: Sound) -> float | None:
    """Return the correlation of the levels over frames."""
    return correlate(one.level_F, other.level_F)


def compare_voices(one: Sound, other: Sound) -> float:
    """Return the cosine of the embeddings."""
    return float(one.voice_E @ other.voice_E)


def compare_statements(one: Sound, other: Sound) -> float:
    """Return 1 where the same statement is named, else 0."""
    return float(one.statement_S.argmax() == other.statement_S.argmax())


ASPECTS: dict[str, Callable[[Sound, Sound], float | None]] = {
    "f0": compare_melodies,
    "timing": compare_timing,
    "voice": compare_voices,
    "statement": compare_statements,
}


def correlate(x_F: np.ndarray, y_F: np.ndarray) -> float | None:
    """Return Pearson's correlation, None of too few frames and where one contour does not move."""
    x_F, y_F = x_F.astype(np.float64), y_F.astype(np.float64)
    if len(x_F) < LEAST_FRAMES or min(x_F.std(), y_F.std()) < LEAST_DEVIATION:
        return None
    return float(np.mean((x_F - x_F.mean()) * (y_F - y_F.mean())) / (x_F.std() * y_F.std()))


def compare(outcome: Sound, a: Sound, b: Sound) -> dict[str, float | None]:
    """Return for each aspect how like the outcome is to A, to B, and whether (1 or 0) it is nearer to B.

    Whether what is said has moved cannot be told where A and B say the same: None.
    """
    figures: dict[str, float | None] = {}
    for name, likeness in ASPECTS.items():
        to_a, to_b = likeness(outcome, a), likeness(outcome, b)
        untold = name == "statement" and compare_statements(a, b) == 1
        moved = None if untold or to_a is None or to_b is None else float(to_b > to_a)
        figures |= {f"{name}/to_a": to_a, f"{name}/to_b": to_b, f"{name}/moved": moved}
    return figures


@dataclass(frozen=True)
class Exchanged:
    """What came of a pair, by what was changed."""

    waves: dict[str, np.ndarray]  # (T,)
    figures: dict[str, dict[str, float | None]]


def measure_pair(
    model: SpeechSplit, ears: Ears, packed: Packed, pair: tuple[int, int], names: Sequence[str], device: torch.device
) -> Exchanged:
    """Give A each code of B, which is brought to A's tempo before, and hear what came of it.

    `names`: the statements that the content network tells apart; UserError where one of the pair is not among them.
    """
    a, lender = (read_utterance(packed, row, device) for row in pair)
    b = stretched(lender, len(a.f0_F))
    said = [index_of_statement(names, str(packed.clips["statement"].iloc[row])) for row in pair]
    true_a, true_b = (as_sound(one, at, len(names)) for one, at in zip((a, b), said, strict=True))
    wave_VT = speak(ears.vocoder, exchange(model, a, b))
    outcomes = dict(zip(CHANGED, hear(ears, wave_VT), strict=True))
    figures = {changed: compare(outcome, true_a, true_b) for changed, outcome in outcomes.items()}
    return Exchanged(dict(zip(CHANGED, wave_VT.cpu().numpy(), strict=True)), figures)


@torch.inference_mode()
def measure_reconstruction(
    model: SpeechSplit, ears: Ears, packed: Packed, rows: Sequence[int], word: str, device: torch.device
) -> dict[str, float]:
    """Return `mel_l1_<word>` in nepers, inside the clips, and `f0_correlation_<word>` of what is spoken of the mel."""
    figures: list[dict[str, float | None]] = []
    for row in rows:
        own = read_utterance(packed, row, device)
        codes, _ = take_apart(model, [own])
        mel_MF = put_together(model, codes)[0, :, : len(own.f0_F)]
        wave_T = speak(ears.vocoder, mel_MF[None])[0].cpu().numpy()
        f0_F, true_F = track_f0(wave_T, ears.f0_min_hz, ears.f0_max_hz), own.f0_F.cpu().numpy()
        both_F = (f0_F > 0) & (true_F > 0)
        alike = correlate(np.log2(f0_F[both_F]), np.log2(true_F[both_F]))
        figures.append({f"mel_l1_{word}": float((mel_MF - own.mel_MF).abs().mean()), f"f0_correlation_{word}": alike})
    return summarise(figures)
