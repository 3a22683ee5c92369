"""Are voices of nobody as wished, new, and different from each other: measures of generated speaker embeddings.

Distances are 1 - cosine. Beside each figure stands its scale: what the same measure gives of real speakers. Where
speakers have unequal numbers of clips, each speaker counts alike.

Axes: B generated voices, N clips, E numbers of an embedding, S speakers, F frames.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from affekt.core.errors import UserError
from affekt.corpora.table import GENDERS
from affekt.evaluate.gender import FEMALE, MALE, median_f0
from affekt.evaluate.vocoding import summarise
from affekt.features.harmonics import SEMITONES
from affekt.training.voicegan import Voices

if TYPE_CHECKING:
    from sklearn.linear_model import LogisticRegression

SAME = 1.0  # percentile of the distances between two clips of one speaker: nearer is the same voice again
PAIRS = 100  # of one speaker's clips, from which a percentile of his or her own can be told
CLASSIFIER_C = 10.0  # inverse strength of the regularisation: embeddings are unit vectors, differences are small


@dataclass(frozen=True)
class Spoken:
    """A recording spoken in wished voices of one gender."""

    source: int  # gender of the recording, an index of GENDERS
    gender: int  # of the voices
    wished_BE: np.ndarray
    heard_BE: np.ndarray  # embeddings of the sounds
    f0_hz: Sequence[float | None]  # medians of the sounds; None where nothing is voiced


def measure_voices(
    generated_BE: np.ndarray, gender_B: np.ndarray, heard: Voices, unheard: Voices, classifier: "LogisticRegression"
) -> dict[str, float]:
    """Measure embeddings of wished genders against the clips that VoiceGAN heard; `unheard` speakers are the scale."""
    distance_B = nearest(generated_BE, heard)[0]
    same = same_speaker_percentile(heard)
    copied_N = nearest_of_own(heard) < same
    real_N = classifier.predict(heard.embedding_NE) == heard.gender_N
    beside_N = nearest(unheard.embedding_NE, heard)[0]
    rows: dict[str, float | None] = {
        "samples": float(len(generated_BE)),
        "gender_accuracy": float((classifier.predict(generated_BE) == gender_B).mean()),
        "gender_accuracy_real": float(np.average(real_N, weights=speaker_weights(heard))),
        "too_near": float((distance_B < same).mean()),
        "too_near_real": float(np.mean([copied_N[rows].mean() for rows in rows_of_speakers(heard) if len(rows) > 1])),
        "nearest": float(distance_B.min()),
        "nearest_median": float(np.median(distance_B)),
        "same_speaker_percentile_1": same,
        "pairwise_cosine": mean_of_those(pairwise_cosine(of) for of in split(generated_BE, gender_B)),
        "pairwise_cosine_real": mean_of_those(pairwise_cosine(of) for of in speaker_means(heard)),
        "unseen_nearest_median": float(np.median([np.median(beside_N[rows]) for rows in rows_of_speakers(unheard)])),
    }
    return defined(rows)


def measure_spoken(
    spoken: Sequence[Spoken], own: Sequence[np.ndarray], classifier: "LogisticRegression"
) -> dict[str, float]:
    """Measure how voices sound, each of which speaks every recording; `own` (N, E) of each is it in its own voice.

    `own` is heard with the embedding of each of N clips of the recording's speaker. Pairs are of one recording, so that
    they differ in their voice alone. Crossed are voices in the recording of the other gender: what a decoder keeps of
    the recording is wrong there.
    """
    heard_BE, wished_BE = (np.concatenate([getattr(of, name) for of in spoken]) for name in ("heard_BE", "wished_BE"))
    gender_B, source_B = (
        np.concatenate([np.full(len(of.heard_BE), getattr(of, name)) for of in spoken]) for name in ("gender", "source")
    )
    right_B, crossed_B = classifier.predict(heard_BE) == gender_B, gender_B != source_B
    rows: dict[str, float | None] = {
        "count": len(heard_BE) / len(own),
        "cosine_to_wish": float((heard_BE * wished_BE).sum(1).mean()),
        "gender_accuracy": float(right_B.mean()),
        "gender_accuracy_crossed": float(right_B[crossed_B].mean()) if crossed_B.any() else None,
        "pairwise_cosine": mean_of_those(pairwise_cosine(of.heard_BE) for of in spoken),
        "pairwise_cosine_same": mean_of_those(pairwise_cosine(own_NE) for own_NE in own),
    }
    for gender, name in ((FEMALE, "f0_women_hz"), (MALE, "f0_men_hz")):
        f0_hz = [{name: one} for of in spoken if of.gender == gender for one in of.f0_hz]
        rows |= summarise(f0_hz) if f0_hz else {}
    return defined(rows)


def without(voices: Voices, speakers: Sequence[str]) -> Voices:
    """Leave speakers out; a UserError where none of a gender would be left."""
    left_N = ~np.isin(voices.speaker_N, list(speakers))
    left = Voices(voices.embedding_NE[left_N], voices.gender_N[left_N], voices.speaker_N[left_N])
    for gender, of_gender in zip(GENDERS, left.by_gender, strict=True):
        if not of_gender:
            raise UserError(
                f"beside {', '.join(speakers)}, who are to be spoken in other voices, no unheard speaker is of gender "
                f"`{gender}`, and what names a gender must learn from others: choose another `corpus.name` or "
                "`reading.name` in params.yaml"
            )
    return left


def fit_gender(voices: Voices) -> "LogisticRegression":
    """Fit what names the gender of embeddings, an index of GENDERS."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=CLASSIFIER_C, max_iter=2000)
    return model.fit(voices.embedding_NE, voices.gender_N, sample_weight=speaker_weights(voices))


def speaker_weights(voices: Voices) -> np.ndarray:
    """Weights (N,) of clips, 1 on average, of which each speaker has the same sum."""
    _, index_N, count_S = np.unique(voices.speaker_N, return_inverse=True, return_counts=True)
    return len(index_N) / len(count_S) / count_S[index_N]


def rows_of_speakers(voices: Voices) -> list[np.ndarray]:
    """List the rows of each speaker."""
    return [rows for speakers in voices.by_gender for rows in speakers]


def nearest(embedding_BE: np.ndarray, voices: Voices) -> tuple[np.ndarray, np.ndarray]:
    """Return the distance (B,) to the nearest clip of these voices, and its row (B,)."""
    cosine_BN = embedding_BE @ voices.embedding_NE.T
    row_B = cosine_BN.argmax(1)
    return 1 - cosine_BN[np.arange(len(row_B)), row_B], row_B


def same_speaker_percentile(voices: Voices) -> float:
    """Return the SAME percentile of the distances between two clips of one speaker.

    Weighted: each of a speaker's P pairs weighs 1 / P. It is the least distance that, with all smaller ones, has SAME
    percent of the weight. Where some have PAIRS or more, they alone count: a few pairs have no such percentile, and one
    of them would decide.
    """
    within = [matrix_NN[np.triu_indices(len(matrix_NN), 1)] for matrix_NN in distances_within(voices)]
    pairs = [distances for distances in within if len(distances) >= PAIRS] or [each for each in within if each.size]
    if not pairs:
        raise UserError("no speaker has two clips, and nothing tells how near two of one voice are: check the corpus")
    weights = [np.full(len(distances), 1 / len(distances)) for distances in pairs]
    return float(np.percentile(np.concatenate(pairs), SAME, method="inverted_cdf", weights=np.concatenate(weights)))


def nearest_of_own(voices: Voices) -> np.ndarray:
    """Return for each clip the distance (N,) to the nearest other clip of its speaker; infinite of a single one."""
    nearest_N = np.full(len(voices.embedding_NE), np.inf, np.float32)
    for rows, matrix_NN in zip(rows_of_speakers(voices), distances_within(voices), strict=True):
        nearest_N[rows] = np.where(np.eye(len(rows), dtype=bool), np.inf, matrix_NN).min(1)
    return nearest_N


def distances_within(voices: Voices) -> list[np.ndarray]:
    """Return the distances (N, N) between the clips of each speaker."""
    return [1 - (own_NE := voices.embedding_NE[rows]) @ own_NE.T for rows in rows_of_speakers(voices)]


def pairwise_cosine(vector_BE: np.ndarray) -> float | None:
    """Return the mean cosine of pairs of unit vectors, or of clips of two speakers by their means; None of one."""
    if len(vector_BE) < 2:
        return None
    return float((vector_BE @ vector_BE.T)[np.triu_indices(len(vector_BE), 1)].mean(dtype=np.float64))


def speaker_means(voices: Voices) -> list[np.ndarray]:
    """Return for each gender the means (S, E) of its speakers' embeddings.

    The product of two means is the mean cosine of a clip of one speaker and a clip of the other.
    """
    return [np.stack([voices.embedding_NE[rows].mean(0) for rows in speakers]) for speakers in voices.by_gender]


def split(embedding_BE: np.ndarray, gender_B: np.ndarray) -> list[np.ndarray]:
    """Part embeddings by gender."""
    return [embedding_BE[gender_B == index] for index in range(len(GENDERS))]


def mean_of_those(figures: Iterable[float | None]) -> float | None:
    """Mean of a figure of genders, or of recordings and genders, over those that have it.

    Between genders voices differ anyway.
    """
    there = [figure for figure in figures if figure is not None]
    return float(np.mean(there)) if there else None


def defined(rows: Mapping[str, float | None]) -> dict[str, float]:
    """Leave out what is not defined."""
    return {name: value for name, value in rows.items() if value is not None}


def f0_deviation(f0_F: np.ndarray) -> float | None:
    """Standard deviation of log f0 in semitones over the frames that are voiced; None where fewer than two are."""
    voiced = f0_F[f0_F > 0]
    return float(SEMITONES * np.log2(voiced).std(dtype=np.float64)) if voiced.size > 1 else None


def median_or_none(f0_F: np.ndarray) -> float | None:
    """Median f0 in Hz; None where nothing is voiced."""
    return median_f0(f0_F) if (f0_F > 0).any() else None
