"""How near a converted sound comes to the real one, and what a jury, a content network and a speaker encoder hear.

All of it is measured on the sound that was made, analysed anew. Nothing here has a gradient.
Axes: P sounds, T samples, M mel bands, F frames, D cepstral coefficients, L steps of a path, E emotions, V of
embeddings.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from affekt.core.errors import UserError
from affekt.core.progress import Progress, quiet
from affekt.evaluate.jury import BATCH, Jury, batches
from affekt.features.f0 import track_f0
from affekt.features.harmonics import SEMITONES
from affekt.features.mel import N_MELS, log_mel
from affekt.features.mfcc import mfcc
from affekt.features.speaker import SpeakerEncoder, embed_speakers
from affekt.models.content import ContentNetwork
from affekt.optimise.mask import pad_mels

CEPSTRA = 13  # the first of them, which is the level, left out
LEAST_VOICED = 5  # steps of a path, below which a melody is not compared


@dataclass(frozen=True)
class Listeners:
    """Who hears what was made; none of them is in any loss."""

    jury: Jury
    content: ContentNetwork
    statements: list[str]  # that the content network tells apart, in the order of its classes
    encoder: SpeakerEncoder
    f0_min_hz: float
    f0_max_hz: float
    device: torch.device

    def statement(self, name: str) -> int:
        """Return the index of a statement; UserError where the content network has not learned it."""
        return index_of_statement(self.statements, name)


def index_of_statement(known: Sequence[str], name: str) -> int:
    """Return the index of a statement among those that the content network tells apart; UserError where it is none."""
    if name not in known:
        raise UserError(f"models/content_a does not know statement {name!r}, only {', '.join(known)}; retrain it")
    return list(known).index(name)


@dataclass(frozen=True)
class Sound:
    """A sound analysed: what measures compare, and what listeners make of it."""

    samples: int
    mel_MF: Tensor  # raw log mel, on the CPU
    cepstrum_FD: np.ndarray
    f0_F: np.ndarray  # Hz, 0 where unvoiced
    belief_E: np.ndarray  # of the juror
    statement: int  # that it is heard as
    speaker_V: np.ndarray  # unit vector


def analyse(
    listeners: Listeners, waves: Sequence[np.ndarray], folds: Sequence[int], progress: Progress = quiet
) -> list[Sound]:
    """Analyse sounds (T,) of speakers of these folds."""
    mels = [log_mel(torch.from_numpy(wave_T)) for wave_T in waves]
    belief_PE = listeners.jury.hear(mels, folds)
    statement_P = name_statements(listeners.content, mels, listeners.device)
    groups = [waves[first : first + BATCH] for first in range(0, len(waves), BATCH)]
    speaker_PV = np.concatenate([embed_speakers(listeners.encoder, group) for group in groups])
    return [
        Sound(
            samples=len(wave_T),
            mel_MF=mel_MF,
            cepstrum_FD=cepstra(mel_MF),
            f0_F=track_f0(wave_T, listeners.f0_min_hz, listeners.f0_max_hz),
            belief_E=belief_PE[i],
            statement=int(statement_P[i]),
            speaker_V=speaker_PV[i],
        )
        for i, (wave_T, mel_MF) in enumerate(progress(zip(waves, mels, strict=True), "analysis", total=len(waves)))
    ]


@torch.inference_mode()
def name_statements(content: ContentNetwork, mels: Sequence[Tensor], device: torch.device) -> np.ndarray:
    """Return the index of each clip's likeliest statement (P,)."""
    found = np.zeros(len(mels), np.int64)
    for rows in batches(range(len(mels)), mels):
        mel_BMF, frames_B = pad_mels([mels[i] for i in rows], device)
        found[rows] = content.statement_logits(mel_BMF, frames_B).argmax(1).cpu().numpy()
    return found


@torch.inference_mode()
def accuracy_of_all(
    networks: Sequence[nn.Module], mels: Sequence[Tensor], labels: Sequence[int], device: torch.device
) -> float:
    """Return the share of raw log mels that networks name as wished, a mean over these."""
    right = 0
    for rows in batches(range(len(mels)), mels):
        mel_BMF, frames_B = pad_mels([mels[i] for i in rows], device)
        label_B = torch.tensor([labels[i] for i in rows], device=device)
        right += sum(int((network(mel_BMF, frames_B).argmax(1) == label_B).sum()) for network in networks)
    return right / (len(mels) * len(networks))


def cepstra(mel_MF: Tensor) -> np.ndarray:
    """Return c1 .. c13 of a log mel, float64 (F, D), of which a band m is c0 + sum_d c_d cos(pi d (m + 1/2) / M).

    The level is c0, and left out. The orthonormal DCT divides by sqrt(M / 2) less.
    """
    orthonormal_DF = mfcc(mel_MF, CEPSTRA + 1)[1:].double()
    return np.ascontiguousarray(orthonormal_DF.T.numpy() * math.sqrt(2 / N_MELS))


def align(made_FD: np.ndarray, real_FD: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the path (L, 2) through frames of both along which cepstra differ least, and by how much they do (L,)."""
    from librosa.sequence import dtw
    from scipy.spatial.distance import cdist

    distance_FF = cdist(made_FD, real_FD)
    _, path_L2 = dtw(C=distance_FF)
    return path_L2[::-1], distance_FF[path_L2[::-1, 0], path_L2[::-1, 1]]


def compare(made: Sound, real: Sound) -> dict[str, float | None]:
    """Lay a sound beside a real one that says the same.

    `mcd`, mel-cepstral distortion in dB (Kubichek 1993), is a mean over the path of dynamic time warping; on its steps
    that are voiced in both the f0 are compared, `f0_rmse` in semitones and `f0_correlation` of their logarithms: None
    where too few are. `duration_ratio` is the length over that of the real one, `duration_error` how far its logarithm
    is from 0: ratios of 1/2 and 2 have a mean near 1, and are both as wrong.
    """
    path_L2, distance_L = align(made.cepstrum_FD, real.cepstrum_FD)
    mcd = float(10 / math.log(10) * math.sqrt(2) * distance_L.mean())
    rmse, correlation = compare_f0(made.f0_F[path_L2[:, 0]], real.f0_F[path_L2[:, 1]])
    ratio = made.samples / real.samples
    return {
        "mcd": mcd,
        "f0_rmse": rmse,
        "f0_correlation": correlation,
        "duration_ratio": ratio,
        "duration_error": abs(math.log(ratio)),
    }


def compare_f0(made_L: np.ndarray, real_L: np.ndarray) -> tuple[float | None, float | None]:
    """Return the root mean square of the difference in semitones, and the correlation; None where not defined."""
    both_L = (made_L > 0) & (real_L > 0)
    if both_L.sum() < LEAST_VOICED:
        return None, None
    made, real = (SEMITONES * np.log2(x_L[both_L].astype(np.float64)) for x_L in (made_L, real_L))
    rmse = float(np.sqrt(np.square(made - real).mean()))
    moves = min(np.ptp(made), np.ptp(real)) > 0  # a melody of one note goes along with none
    return rmse, float(np.corrcoef(made, real)[0, 1]) if moves else None


def describe(made: Sound, source: Sound, target: Sound, emotion: int, statement: int) -> dict[str, float | None]:
    """Return all figures of a sound that was made of `source` and should be as `target`."""
    return compare(made, target) | {
        "judge_accuracy": float(made.belief_E.argmax() == emotion),
        "judge_probability": float(made.belief_E[emotion]),
        "speaker_cosine": cosine(made.speaker_V, source.speaker_V),
        "statement_accuracy": float(made.statement == statement),
    }


def cosine(a_V: np.ndarray, b_V: np.ndarray) -> float:
    """Return the cosine of two unit vectors."""
    return float(a_V @ b_V)
