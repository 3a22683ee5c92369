"""The demo corpus: its design, its determinism, and by measurement that emotions sound as their rules say."""

import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from fetching import f0_hz

from affekt.core.errors import UserError
from affekt.core.files import sha256_tree
from affekt.core.params import DemoParams
from affekt.corpora import demo
from affekt.corpora.audio import read_audio, trim
from affekt.corpora.espeak import Utterance, speak
from affekt.corpora.naming import parse_name
from affekt.corpora.request import FetchRequest
from affekt.corpora.splits import load_splits
from affekt.corpora.table import EMOTIONS

FACTS = Path(__file__).parents[2] / "data" / "corpora" / "demo"
SMALL = DemoParams(voices=8, statements=1, repetitions=1)


def fetch(out: Path, seed: int = 0, facts: Path = FACTS, params: DemoParams = SMALL) -> Path:
    demo.fetch(FetchRequest(facts, out, out, out, None, params, seed))
    return out


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fetch(tmp_path_factory.mktemp("demo") / "raw")


def test_the_design_is_that_of_ravdess() -> None:
    voices, rules, statements = demo.load_design(FACTS, DemoParams(voices=8, statements=4, repetitions=2))
    clips = list(demo.design(voices, statements, 2))
    assert len(clips) == len(set(clips)) == 8 * 15 * 4 * 2
    assert Counter(clip.emotion for clip in clips) == {e: 64 if e == "neutral" else 128 for e in EMOTIONS}
    assert Counter(voice.gender for voice in voices.values()) == {"m": 4, "f": 4}
    assert all(voice.gender == ("f" if voice.actor % 2 == 0 else "m") for voice in voices.values())
    assert all(rule.source for rule in rules.values())


@pytest.mark.parametrize("count", range(8, 13))
def test_splits_hold_both_genders_at_every_size(count: int) -> None:
    splits = load_splits(FACTS / "splits.json", [f"demo-{actor:02d}" for actor in range(1, count + 1)])
    for groups in (splits.fold, splits.half):
        for group in set(groups.values()):
            assert {int(s[-2:]) % 2 for s, g in groups.items() if g == group} == {0, 1}
    assert all(splits.half[speaker] == ("a" if fold < 2 else "b") for speaker, fold in splits.fold.items())


@pytest.mark.parametrize(
    ("params", "message"),
    [
        (DemoParams(voices=99, statements=1, repetitions=1), "demo.voices: got 99"),
        (DemoParams(voices=8, statements=99, repetitions=1), "demo.statements: got 99"),
    ],
)
def test_more_than_the_tables_hold_is_refused(params: DemoParams, message: str) -> None:
    with pytest.raises(UserError, match=message):
        demo.load_design(FACTS, params)


def test_a_broken_table_is_named(tmp_path: Path) -> None:
    facts = shutil.copytree(FACTS, tmp_path / "demo")
    (facts / "prosody.csv").write_text((FACTS / "prosody.csv").read_text().replace("happy,50", "happy,fast"))
    with pytest.raises(UserError, match=r"prosody\.csv: .*fast"):
        demo.load_design(facts, SMALL)


def test_an_utterance_sounds_the_same_in_any_order() -> None:
    # eSpeak itself does not: it keeps noise, flutter and phase from one utterance to the next.
    one, other = Utterance("en-us+f1", "One."), Utterance("en-us+m1", "Another one.", pitch=80)
    first = [sound.tobytes() for sound in speak([one, other, one])]
    second = [sound.tobytes() for sound in speak([other, one])]
    assert first == [second[1], second[0], second[1]]


def test_an_unknown_voice_is_an_error_not_another_voice() -> None:
    with pytest.raises(UserError, match="there is no voice 'nobody'"):
        list(speak([Utterance("nobody", "One.")]))


def test_two_syntheses_are_equal_and_seeds_differ(raw: Path, tmp_path: Path) -> None:
    assert sha256_tree(fetch(tmp_path / "again")) == sha256_tree(raw)
    assert sha256_tree(fetch(tmp_path / "other", seed=1)) != sha256_tree(raw)


def test_every_clip_is_speech_of_its_own(raw: Path) -> None:
    files = sorted(raw.rglob("*.wav"))
    assert len(files) == 8 * 15
    clips = [read_audio(file) for file in files]
    assert len({clip.tobytes() for clip in clips}) == len(clips)
    assert all(0.7 < len(trim(clip, 40, 0.05)) / 22_050 < 6 for clip in clips)
    assert all(0.02 < np.abs(clip).max() < 0.99 for clip in clips)


def test_emotions_sound_as_their_rules_say(raw: Path) -> None:
    f0, seconds, level = {}, {}, {}
    for emotion in EMOTIONS:
        files = [file for file in raw.rglob("*.wav") if parse_name(file.stem).emotion == emotion]
        clips = [trim(read_audio(file), 40, 0.05) for file in sorted(files)]
        f0[emotion] = float(np.mean([np.log2(f0_hz(clip)) for clip in clips]))
        seconds[emotion] = float(np.mean([len(clip) for clip in clips])) / 22_050
        level[emotion] = float(np.mean([10 * np.log10(np.mean(clip**2)) for clip in clips]))
    for high in ("happy", "fearful", "angry"):
        assert f0[high] > f0["neutral"] + 0.1  # octaves
    for low in ("sad", "disgust", "calm"):
        assert f0[low] < f0["neutral"]
        assert seconds[low] > 1.2 * seconds["neutral"]
    assert seconds["happy"] < seconds["neutral"]
    assert max(seconds, key=lambda emotion: seconds[emotion]) == "sad"
    assert max(level, key=lambda emotion: level[emotion]) == "angry"
    assert level["sad"] < level["neutral"] - 2


def test_women_speak_higher_than_men_and_voices_differ(raw: Path) -> None:
    f0 = {}
    for actor in range(1, 9):
        f0[actor] = f0_hz(read_audio(raw / f"Actor_{actor:02d}" / f"03-01-01-01-01-01-{actor:02d}.wav"))
    assert min(f0[actor] for actor in (2, 4, 6, 8)) > 1.3 * max(f0[actor] for actor in (1, 3, 5, 7))
