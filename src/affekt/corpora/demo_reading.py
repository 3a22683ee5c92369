"""Read speech without a network: eSpeak NG's other voices read neutral sentences, for the networks of gender.

Voices and sentences are tables in data/corpora/demo_reading. Pitch is set so that women's and men's overlap, as
people's do: a threshold on f0 is not enough, the size of the vocal tract must be heard too. A woman and a man read the
same sentences, so that words tell nothing.
"""

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from affekt.core.errors import UserError
from affekt.core.params import ReadingParams
from affekt.core.seeds import numpy_rng
from affekt.corpora.corpus import ClipFacts, Corpus, ReadPath
from affekt.corpora.espeak import Utterance
from affekt.corpora.request import FetchRequest
from affekt.corpora.spoken import SPEECH_DB, WORDS_PER_MINUTE, Plan, bounded, read_rows, speak_plans
from affekt.corpora.table import UNLABELLED
from affekt.corpora.voicing import Quality

NAME = "demo_reading"
_PATH = re.compile(r"Reader_([0-9]{2})/reading-\1-([0-9]{2})")

# Standard deviations from sentence to sentence of one reader; rooms and microphones differ from reader to reader.
_PITCH_SD_SEMITONES = 1.0
_RANGE_SD = 0.15
_RATE_SD = 0.06
_LEVEL_SD_DB = 3.0
_TILT_SD_DB = 1.0
_FORMANT_SD = 0.012
_BREATH_SD = 0.04


@dataclass(frozen=True)
class Reader:
    """A speaker: eSpeak's voice and factors on what it does."""

    reader: int
    gender: str
    voice: str
    pitch_factor: float
    rate_factor: float
    formant_factor: float


def fetch(request: FetchRequest) -> None:
    """Let every chosen reader read, WAV by WAV, into `request.out`."""
    size = request.size
    assert isinstance(size, ReadingParams)
    readers, sentences = load_design(request.facts, size)
    pairs = design(readers, list(sentences), size.utterances)
    speak_plans(request, [plan(reader, code, sentences[code], request.seed) for reader, code in pairs])


def load_design(facts: Path, params: ReadingParams) -> tuple[list[Reader], dict[str, str]]:
    """Read the chosen readers and all sentences by code."""
    readers = read_rows(facts / "voices.csv", Reader)
    with open(facts / "sentences.csv", newline="", encoding="utf-8") as file:
        sentences = {row["code"]: row["text"] for row in csv.DictReader(file)}
    for key, wanted, there, table in (
        ("speakers", params.speakers, len(readers), "voices"),
        ("utterances", params.utterances, len(sentences), "sentences"),
    ):
        if wanted > there:
            raise UserError(
                f"params.yaml: reading.{key}: got {wanted}; {facts / table}.csv has {there}: add rows or lower it"
            )
    return readers[: params.speakers], sentences


def design(readers: list[Reader], codes: list[str], utterances: int) -> Iterator[tuple[Reader, str]]:
    """Yield who reads what: each pair of neighbours in the table, a man and a woman, the next few sentences."""
    for index, reader in enumerate(readers):
        for utterance in range(utterances):
            yield reader, codes[(index // 2 * utterances + utterance) % len(codes)]


def plan(reader: Reader, code: str, text: str, seed: int) -> Plan:
    """Turn a reader's voice and the reading's own variation into eSpeak's parameters and what is done after it."""
    stem = f"reading-{reader.reader:02d}-{code}"
    rng = numpy_rng(seed, stem, "reading")
    pitch = reader.pitch_factor * 2 ** (rng.normal(0, _PITCH_SD_SEMITONES) / 12)
    rate = reader.rate_factor * (1 + rng.normal(0, _RATE_SD))
    formant = reader.formant_factor * (1 + rng.normal(0, _FORMANT_SD))
    utterance = Utterance(
        voice=reader.voice,
        text=text,
        # Formants are scaled by playing faster, which scales pitch and rate too: ask for that much less of them.
        rate=bounded(WORDS_PER_MINUTE * rate / formant, 80, 450),
        pitch=bounded(50 + 50 * np.log2(pitch / formant), 0, 99),
        pitch_range=bounded(50 * (1 + rng.normal(0, _RANGE_SD)), 0, 100),
    )
    quality = Quality(
        formant_factor=formant,
        level_db=SPEECH_DB + rng.normal(0, _LEVEL_SD_DB),
        tilt_db=rng.normal(0, _TILT_SD_DB),
        breath=abs(rng.normal(0, _BREATH_SD)),
        tremor_cents=0.0,
        roughness=0.0,
    )
    return Plan(f"Reader_{reader.reader:02d}/{stem}", utterance, quality)


def reader_of_paths(facts: Path, raw: Path) -> ReadPath:
    """Return the function that reads `Reader_RR/reading-RR-SS`: reader and sentence; gender is in voices.csv."""
    gender = {reader.reader: reader.gender for reader in read_rows(facts / "voices.csv", Reader)}

    def read(path: PurePosixPath) -> ClipFacts:
        match = _PATH.fullmatch(path.with_suffix("").as_posix())
        if match is None or int(match[1]) not in gender:
            raise ValueError("wrongly named: must be a reader of voices.csv, such as Reader_01/reading-01-01")
        speaker = f"{NAME}-{match[1]}"
        return ClipFacts(
            clip_id=f"{speaker}-{match[2]}",
            speaker=speaker,
            gender=gender[int(match[1])],
            emotion=UNLABELLED,
            intensity="normal",
            statement=match[2],
            repetition=1,
        )

    return read


CORPUS = Corpus(NAME, fetch, reader_of_paths)
