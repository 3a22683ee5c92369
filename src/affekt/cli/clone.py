"""Say a recording in voices of nobody: drawn from a GAN of voices, a woman's or a man's as wished.

The recording is taken apart into what is said, its melody and its timing (models/speechsplit), and said again in each
new voice: voice1.wav and so on, 16-bit WAV at 22,050 Hz, mono; bands above 8 kHz are not modelled. With --emotion its
melody and timing become those of an emotion first (models/codegan), with --flatten the melody moves less around the
mean of the whole recording: 0 not at all, 1 as it does; `fake-neutral` takes the share of params.yaml (0.1). Level,
length and the silence around the sound stay, long recordings are cut at their quietest places and joined again.
voices.json and a table tell of each voice how alike it is to the recording's (cosine of speaker embeddings: 1 the
same), how alike what is spoken is to the voice that was drawn, and the median of its f0."""

import argparse
import re
from pathlib import Path

from affekt.cli.translate import REAL_VOICES
from affekt.core.errors import UserError

EXAMPLES = f"""\
examples:
  affekt clone me.wav                                   four voices, women's and men's, into me-voices/
  affekt clone me.wav --voices 10 --gender f -o women   ten women
  affekt clone me.wav --seed 7 -o others                other voices
  affekt clone me.wav --emotion sad -o sad              said sadly
  affekt clone me.wav --flatten fake-neutral -o flat    with a tenth of the melody's movement

{REAL_VOICES}"""

VOICES = 4  # that a person listens to in one go
MOST_VOICES = 100
GENDERS = ("f", "m")
FAKE_NEUTRAL = "fake-neutral"
FIGURES_NAME = "voices.json"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add = parser.add_argument
    add("file", type=Path, metavar="FILE", help="a recording with up to two minutes of sound")
    add("--voices", type=int, default=VOICES, metavar="N", help=f"how many (default: {VOICES})")
    add("--gender", choices=GENDERS, help="of the voices (default: women's and men's in turn)")
    add("--emotion", metavar="E", help="what the voices feel, such as sad (default: as recorded)")
    share = f"0 to 1, or {FAKE_NEUTRAL} (voices.flatten of params.yaml)"
    add("--flatten", metavar="X", help=f"how much of the melody's movement stays (default: 1): {share}")
    add("--seed", type=int, metavar="S", help="of the voices (default: seed of params.yaml)")
    add("-o", "--output", type=Path, metavar="DIR", help="default: FILE-voices, here")
    add("--force", action="store_true", help="write into a folder that is not empty, in the place of its voices")


def run(args: argparse.Namespace) -> int:
    """Draw voices, let them say the recording, write sounds and figures, and print these."""
    from affekt.cli.maximise import label_of, refuse_full_folder
    from affekt.cli.project import find_model
    from affekt.cli.translate import learnt_emotions, refuse_unlearnt, refuse_unwritable

    if not 1 <= args.voices <= MOST_VOICES:
        raise UserError(f"--voices {args.voices}: must be from 1 to {MOST_VOICES}")
    label = None if args.emotion is None else label_of(args.emotion)
    if label is not None:
        place = find_model("codegan")
        refuse_unlearnt(f"--emotion {args.emotion}", args.emotion, learnt_emotions(place), place)
    share = None if args.flatten is None else share_of(args.flatten)
    folder = args.output or Path(f"{args.file.stem}-voices")
    refuse_full_folder(folder, args.force)
    stale = voices_in(folder)
    refuse_own_recording(args.file, folder, [*stale, *(target_of(folder, i) for i in range(args.voices))])
    if args.file.is_file():  # else that is what is told
        refuse_unwritable(folder)
    from affekt.cli.cloning import run_cloning

    return run_cloning(args, label, share, folder, stale)


def target_of(folder: Path, index: int) -> Path:
    """Where a voice's sound goes."""
    return folder / f"voice{index + 1}.wav"


def voices_in(folder: Path) -> list[Path]:
    """The sounds of an earlier run, as the folder's figures name them; none where they are not this command's."""
    from affekt.core.files import read_json

    try:
        told = read_json(folder / FIGURES_NAME)
    except (UserError, OSError):
        return []
    rows = told.get("voices") if isinstance(told, dict) else None
    names = [str(row.get("name")) for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    return [folder / f"{name}.wav" for name in names if re.fullmatch(r"voice\d+", name)]


def refuse_own_recording(source: Path, folder: Path, targets: list[Path]) -> None:
    """UserError when the recording is one of the files that would be written or removed."""
    for target in targets:
        if target.resolve() == source.resolve():
            raise UserError(f"{folder}: {target.name} in it is the recording itself: choose another folder with -o")
        if target.is_dir():
            raise UserError(f"{target} is a folder, and a sound was to go there: choose another place with -o")


def share_of(word: str) -> float | str:
    """A share from 0 to 1, or FAKE_NEUTRAL; UserError for anything else."""
    if word.replace(" ", "-").lower() == FAKE_NEUTRAL:
        return FAKE_NEUTRAL
    try:
        share = float(word)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise UserError(f"--flatten {word}: must be a number from 0 to 1, or {FAKE_NEUTRAL}")
    return share
