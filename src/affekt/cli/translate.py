"""Say a recording in another emotion: with other timing, melody and sound, by the same voice.

How: `translator` draws it in one pass, as it learnt from speakers who say one sentence in all emotions, and as strongly
as wished; `codegan` changes codes of melody and timing alone; `optimise` moves these codes until three recognisers hear
the emotion. What is written is 16-bit WAV at 22,050 Hz, mono, and bands above 8 kHz are not modelled. Silence around
the sound stays, long recordings are cut at their quietest places and joined again; the length may change.

What is heard is told before and after, by a recogniser (`optimise` climbs it, so it proves nothing there) and by the
judge (which nothing is ever optimised against: believe this one), and how much the voice is still the same. The
statement is the one of the corpus that is nearest: a guess for other sentences."""

import argparse
from pathlib import Path

from affekt.core.errors import UserError

EXAMPLES = """\
examples:
  affekt translate me.wav --to happy                      writes me.happy.wav
  affekt translate me.wav --to all -o all/                one pass, a file per emotion: all/me.sad.wav …
  affekt translate me.wav --to angry --strength 1.5       more than the speakers it learnt from do
  affekt translate me.wav --to sad --intensity normal     as they do when asked for little of it
  affekt translate me.wav --to calm --method codegan      melody and timing alone, by a GAN of codes
  affekt translate me.wav --to happy --method optimise --steps 100 -o best.wav"""

ALL = "all"
INTENSITIES = ("normal", "strong")
METHODS = ("translator", "codegan", "optimise")
STRONGEST = 3.0  # as params.yaml allows it
OWN = {"intensity": "translator", "strength": "translator", "steps": "optimise", "seed": "optimise"}  # arguments of one


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments; what is not given is as in the section `conversion` of params.yaml."""
    add = parser.add_argument
    add("file", type=Path, metavar="FILE", help="a recording with up to two minutes of sound")
    add("--to", required=True, metavar="E", help="the emotion wanted, such as happy, or all (translator)")
    add("--method", choices=METHODS, default=METHODS[0], help=f"default: {METHODS[0]}")
    add("--intensity", choices=INTENSITIES, help="of the emotion, translator (default: strong)")
    add("--strength", type=float, metavar="X", help="of the change, translator: 0 none, above 1 exaggerates")
    add("--steps", type=int, metavar="N", help="steps of the climb, optimise")
    add("--seed", type=int, metavar="S", help="of what is random, optimise (default: seed of params.yaml)")
    add("-o", "--output", type=Path, metavar="OUT", help="a .wav, or a folder (default: FILE.E.wav beside FILE)")
    add("--force", action="store_true", help="overwrite what exists")


def run(args: argparse.Namespace) -> int:
    """Convert, write a WAV per emotion, and print what is heard in it."""
    from affekt.cli.project import refuse_overwriting

    emotions = choose_emotions(args.to, args.method)
    check_words(args)
    targets = plan_targets(args.file, emotions, args.output)
    refuse_overwriting(list(targets.values()), args.force)
    from affekt.cli.translating import run_translation

    return run_translation(args, targets)


def choose_emotions(wanted: str, method: str) -> list[str]:
    """The emotions of --to; UserError that lists them, or where the method makes one at a time."""
    from affekt.corpora.table import EMOTIONS

    if wanted == ALL:
        if method != METHODS[0]:
            raise UserError(f"--to {ALL} is of --method {METHODS[0]}, which makes all in one pass: name an emotion")
        return list(EMOTIONS)
    if wanted not in EMOTIONS:
        raise UserError(f"--to {wanted}: known are {', '.join(EMOTIONS)}, and {ALL}")
    return [wanted]


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
    """Where each emotion goes; UserError when several would go to one file, or over the recording itself."""
    if output is not None and output.suffix.lower() == ".wav":
        if len(emotions) > 1:
            raise UserError(f"-o {output} is one file, but there is one for each emotion: give a folder")
        targets = {emotions[0]: output}
    else:
        folder = source.parent if output is None else output
        if folder.exists() and not folder.is_dir():
            raise UserError(f"-o {folder} is a file, but neither a .wav nor a folder: choose another")
        targets = {emotion: folder / f"{source.stem}.{emotion}.wav" for emotion in emotions}
    for target in targets.values():
        if target.resolve() == source.resolve():
            raise UserError(f"-o {target} is the recording itself: choose another place")
    return targets
