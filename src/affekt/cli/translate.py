"""Say a recording in another emotion: with other timing, melody and sound, by the same voice.

How: `translator` draws it in all emotions at once, as it learnt from speakers who say one sentence in each, and as
strongly as wished; `codegan` changes codes of melody and timing alone; `optimise` moves these codes until three
recognisers hear the emotion. What they lose of the recording's own timbre is put back. What is written is 16-bit WAV at
22,050 Hz, mono, and bands above 8 kHz are not modelled. Silence around the sound stays, long recordings are cut at
their quietest places and joined again. `translator` changes the length, and how loud an emotion is beside the
recording; `codegan` and `optimise` keep both.

What is heard is told before and after, by a recogniser (`optimise` climbs it, so it proves nothing there) and by the
judge (which nothing is ever optimised against: believe this one), and how much the voice is still the same. The
statement is the one of the corpus that is nearest: a guess for other sentences. Seconds are those of the file."""

import argparse
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from affekt.core.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

REAL_VOICES = """\
models of real voices (those of the default corpus are a synthesiser's):
  affekt preset ravdess && dvc repro translator speechsplit codegan voicegan vocoder judge content@b \\
    recogniser@mel_cnn recogniser@mel_wavenet recogniser@mel_lstm"""

EXAMPLES = f"""\
examples:
  affekt translate me.wav --to happy                      writes me.happy.wav
  affekt translate me.wav --to all -o all/                one pass, a file per emotion: all/me.sad.wav …
  affekt translate me.wav --to angry --strength 1.5       more than the speakers it learnt from do
  affekt translate me.wav --to sad --intensity normal     as they do when asked for little of it
  affekt translate me.wav --to calm --method codegan      melody and timing alone, by a GAN of codes
  affekt translate me.wav --to happy --method optimise --steps 100 -o best.wav

{REAL_VOICES}"""

ALL = "all"
INTENSITIES = ("normal", "strong")
METHODS = ("translator", "codegan", "optimise")
STRONGEST = 3.0  # as params.yaml allows it
EMOTIONS_NAME = "emotions.json"  # in the folders of models that make emotions: those that they learnt
SOUNDS = (".aac", ".aif", ".aiff", ".flac", ".m4a", ".mp3", ".ogg", ".opus", ".wma")  # suffixes that promise no WAV
OWN = {"intensity": "translator", "strength": "translator", "steps": "optimise", "seed": "optimise"}  # arguments of one


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add = parser.add_argument
    add("file", type=Path, metavar="FILE", help="a recording with up to two minutes of sound")
    add("--to", required=True, metavar="E", help="the emotion, such as happy, or all that were learnt (translator)")
    add("--method", choices=METHODS, default=METHODS[0], help=f"default: {METHODS[0]}")
    add("--intensity", choices=INTENSITIES, help="of the emotion, translator (default: strong)")
    strength = "of the change, translator: 0 none, above 1 exaggerates (default: conversion.strength of params.yaml)"
    add("--strength", type=float, metavar="X", help=strength)
    add("--steps", type=int, metavar="N", help="of the climb, optimise (default: conversion.steps of params.yaml)")
    add("--seed", type=int, metavar="S", help="of what is random, optimise (default: seed of params.yaml)")
    add("-o", "--output", type=Path, metavar="OUT", help="a .wav, or a folder (default: FILE.E.wav beside FILE)")
    add("--force", action="store_true", help="overwrite what exists")


def run(args: argparse.Namespace) -> int:
    """Convert, write a WAV per emotion, and print what is heard in it."""
    from affekt.cli.project import refuse_overwriting

    check_words(args)
    emotions = choose_emotions(args.to, args.method)
    targets = plan_targets(args.file, emotions, args.output)
    refuse_overwriting(list(targets.values()), args.force)
    from affekt.cli.translating import run_translation

    return run_translation(args, targets)


def choose_emotions(wanted: str, method: str) -> list[str]:
    """The emotions of --to; UserError for one that is unknown or was not learnt, or where a method makes one at a time.

    The recognisers that `optimise` climbs trained on the speakers of the translator, which tells their emotions.
    """
    from affekt.cli.project import find_model, find_root
    from affekt.corpora.table import EMOTIONS

    if wanted == ALL and method != METHODS[0]:
        raise UserError(f"--to {ALL} is of --method {METHODS[0]}, which makes all in one pass: name an emotion")
    if wanted != ALL and wanted not in EMOTIONS:
        raise UserError(f"--to {wanted}: known are {', '.join(EMOTIONS)}, and {ALL}")
    if method == "optimise":
        place = find_root() / "models" / "translator"
        learnt = learnt_emotions(place) if (place / EMOTIONS_NAME).is_file() else list(EMOTIONS)
    else:
        learnt = learnt_emotions(place := find_model(method))
    if wanted == ALL:
        return learnt
    refuse_unlearnt(f"--to {wanted}", wanted, learnt, place)
    return [wanted]


def learnt_emotions(place: Path) -> list[str]:
    """The emotions that a model learnt, as its folder tells; UserError where it does not."""
    from affekt.core.files import read_json
    from affekt.corpora.table import EMOTIONS

    listed = place / EMOTIONS_NAME
    found = read_json(listed) if listed.is_file() else None
    if not isinstance(found, list) or not found or not all(name in EMOTIONS for name in found):
        raise UserError(f"{listed}: does not tell which emotions were learnt; train anew by `dvc repro {place.name}`")
    return [name for name in EMOTIONS if name in found]


def refuse_unlearnt(word: str, emotion: str, learnt: "Sequence[str]", place: Path) -> None:
    """UserError that lists what was learnt, where this emotion was not."""
    if emotion not in learnt:
        raise UserError(f"{word}: the corpus of {place} has none; learnt are {', '.join(learnt)}")


def check_words(args: argparse.Namespace) -> None:
    """UserError for what the method does not have, and for impossible numbers."""
    for name, method in OWN.items():
        if getattr(args, name) is not None and args.method != method:
            raise UserError(f"--{name} is of --method {method}; --method {args.method} has none")
    if args.strength is not None and not 0 <= args.strength <= STRONGEST:
        raise UserError(f"--strength {args.strength:g}: must be from 0 to {STRONGEST:g}")
    if args.steps is not None and args.steps < 1:
        raise UserError(f"--steps {args.steps}: must be at least 1")


def plan_targets(source: Path, emotions: list[str], output: Path | None) -> dict[str, Path]:
    """Where each emotion goes; UserError where it cannot, would go with others to one file, or over the recording."""
    if output is not None and output.suffix.lower() == ".wav":
        if len(emotions) > 1:
            raise UserError(f"-o {output} is one file, but there is one for each emotion: give a folder")
        targets = {emotions[0]: output}
    else:
        folder = source.parent if output is None else output
        if folder.exists() and not folder.is_dir():
            raise UserError(f"-o {folder} is a file, but neither a .wav nor a folder: choose another")
        if folder.suffix.lower() in SOUNDS and not folder.is_dir():
            raise UserError(f"-o {folder}: only WAV is written: name a .wav, or a folder")
        targets = {emotion: folder / f"{source.stem}.{emotion}.wav" for emotion in emotions}
    for target in targets.values():
        if target.resolve() == source.resolve():
            raise UserError(f"-o {target} is the recording itself: choose another place")
        if target.is_dir():
            raise UserError(f"{target} is a folder, and a file was to go there: choose another place with -o")
        if source.is_file():  # else that is what is told
            refuse_unwritable(target.parent)
    return targets


def refuse_unwritable(folder: Path) -> None:
    """UserError where files cannot go into a folder, or it cannot be made; nothing is left of the trial."""
    nearest = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    try:
        with tempfile.TemporaryFile(dir=nearest):
            return
    except OSError as error:
        reason = error.strerror
    raise UserError(f"{folder}: nothing can be written there ({reason}: {nearest}); choose another place with -o")
