"""The default corpus: a RAVDESS-like design spoken by eSpeak NG after published prosody rules of emotion.

Rules, voices and sentences are tables in data/corpora/demo, with their sources. Around each rule every clip
varies a little, seeded by its name, so that no two clips are copies and a recogniser has something to learn.
"""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from affekt.core.errors import UserError
from affekt.core.params import DemoParams
from affekt.core.seeds import numpy_rng
from affekt.corpora.corpus import Corpus
from affekt.corpora.espeak import Utterance
from affekt.corpora.naming import ClipName, read_path
from affekt.corpora.request import FetchRequest
from affekt.corpora.spoken import SPEECH_DB, WORDS_PER_MINUTE, Plan, bounded, read_rows, speak_plans
from affekt.corpora.table import EMOTIONS, INTENSITIES
from affekt.corpora.voicing import Quality

NAME = "demo"

# Standard deviations of what varies from clip to clip; about those of one speaker's readings of one sentence.
_STRENGTH_SD = 0.18  # of the rule's strength
_PITCH_SD_SEMITONES = 0.8
_RANGE_SD = 0.12
_RATE_SD = 0.05
_VOLUME_SD_DB = 1.5
_TILT_SD_DB = 0.6
_FORMANT_SD = 0.012


@dataclass(frozen=True)
class Voice:
    """A speaker: eSpeak's voice and factors on what it does."""

    actor: int
    gender: str
    voice: str
    pitch_factor: float
    rate_factor: float
    formant_factor: float


@dataclass(frozen=True)
class Rule:
    """What an emotion does to neutral speech at full strength; units in data/corpora/demo/README.md."""

    emotion: str
    pitch_percent: float
    range_percent: float
    rate_percent: float
    volume_db: float
    word_gap: float
    tilt_db: float
    breath: float
    tremor_cents: float
    roughness: float
    formant_percent: float
    ending: str
    normal: float  # strength at this intensity
    strong: float
    source: str


def fetch(request: FetchRequest) -> None:
    """Speak the whole design into `request.out`, WAV by WAV."""
    size = request.size
    assert isinstance(size, DemoParams)
    voices, rules, statements = load_design(request.facts, size)
    clips = design(voices, statements, size.repetitions)
    plans = [plan(clip, voices[clip.actor], rules[clip.emotion], statements, request.seed) for clip in clips]
    speak_plans(request, plans)


def load_design(facts: Path, params: DemoParams) -> tuple[dict[int, Voice], dict[str, Rule], dict[str, str]]:
    """Read the chosen voices by actor, the rules by emotion and the chosen statements by code."""
    voices = read_rows(facts / "voices.csv", Voice)
    rules = {rule.emotion: rule for rule in read_rows(facts / "prosody.csv", Rule)}
    with open(facts / "statements.csv", newline="", encoding="utf-8") as file:
        statements = {row["code"]: row["text"] for row in csv.DictReader(file)}
    for key, wanted, there in (
        ("voices", params.voices, len(voices)),
        ("statements", params.statements, len(statements)),
    ):
        if wanted > there:
            raise UserError(
                f"params.yaml: demo.{key}: got {wanted}; {facts / key}.csv has {there}: add rows or lower it"
            )
    if tuple(rules) != EMOTIONS:
        raise UserError(f"{facts / 'prosody.csv'}: needs one row per emotion in this order: {', '.join(EMOTIONS)}")
    chosen = {voice.actor: voice for voice in voices[: params.voices]}
    return chosen, rules, dict(list(statements.items())[: params.statements])


def design(voices: Iterable[int], statements: Iterable[str], repetitions: int) -> Iterator[ClipName]:
    """Yield every clip: voices x (neutral once, seven emotions at two intensities) x statements x repetitions."""
    for actor in voices:
        for emotion in EMOTIONS:
            for intensity in INTENSITIES[:1] if emotion == "neutral" else INTENSITIES:
                for statement in statements:
                    for repetition in range(1, repetitions + 1):
                        yield ClipName(emotion, intensity, statement, repetition, actor)


def plan(clip: ClipName, voice: Voice, rule: Rule, statements: dict[str, str], seed: int) -> Plan:
    """Turn voice, rule and the clip's own variation into eSpeak's parameters and what is done after it."""
    rng = numpy_rng(seed, clip.stem, "prosody")
    strength = (rule.normal if clip.intensity == "normal" else rule.strong) * rng.normal(1.0, _STRENGTH_SD)
    pitch = voice.pitch_factor * (1 + strength * rule.pitch_percent / 100)
    pitch *= 2 ** (rng.normal(0, _PITCH_SD_SEMITONES) / 12)
    rate = voice.rate_factor * (1 + strength * rule.rate_percent / 100) * (1 + rng.normal(0, _RATE_SD))
    pitch_range = (1 + strength * rule.range_percent / 100) * (1 + rng.normal(0, _RANGE_SD))
    formant = voice.formant_factor * (1 + strength * rule.formant_percent / 100) * (1 + rng.normal(0, _FORMANT_SD))
    utterance = Utterance(
        voice=voice.voice,
        text=statements[clip.statement] + rule.ending,
        # Formants are scaled by playing faster, which scales pitch and rate too: ask for that much less of them.
        rate=bounded(WORDS_PER_MINUTE * rate / formant, 80, 450),
        pitch=bounded(50 + 50 * np.log2(pitch / formant), 0, 99),
        pitch_range=bounded(50 * pitch_range, 0, 100),
        word_gap=bounded(strength * rule.word_gap, 0, 30),
    )
    quality = Quality(
        formant_factor=formant,
        level_db=SPEECH_DB + strength * rule.volume_db + rng.normal(0, _VOLUME_SD_DB),
        tilt_db=strength * rule.tilt_db + rng.normal(0, _TILT_SD_DB),
        breath=max(0.0, strength * rule.breath),
        tremor_cents=max(0.0, strength * rule.tremor_cents),
        roughness=min(1.0, max(0.0, strength * rule.roughness)),
    )
    return Plan(clip.path, utterance, quality)


CORPUS = Corpus(NAME, fetch, reader=lambda facts, raw: partial(read_path, corpus=NAME))
