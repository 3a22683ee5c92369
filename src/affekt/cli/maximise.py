"""Search the mel GAN for the voice that sounds most like an emotion, or bring a recording to an emotion.

Without FILE, latents of the GAN climb until the recogniser names the wanted emotion, for each seed one. With FILE that
recording is edited: by a smooth mask of bounded energy on its spectrogram (--how mask), which keeps everything else as
it is, or in the GAN (--how latent), which speaks the recording anew with its content kept within a bound. Sounds before
and after are written as WAV and as mel pictures, and scores.json tells what the recogniser (which was climbed) and the
judge (which was not: believe this one) make of them, and for recordings which of the corpus's statements they are
nearest to: content networks know those alone, and what they say of other sentences is a guess. It uses the models of
the pipeline's last run; what is not given is as in the sections of params.yaml."""

import argparse
from pathlib import Path

from affekt.core.errors import UserError

EXAMPLES = """\
examples:
  affekt maximise --emotion happy                         4 voices into maximised-happy/
  affekt maximise --emotion sad --seeds 20 --steps 300    more of them, climbed for longer
  affekt maximise --emotion angry --seed 7 -o angry7      other voices, another folder
  affekt maximise --emotion calm --prior cgan             from the prior that is told the emotion
  affekt maximise --emotion sad --recogniser audio_lstm   as a recogniser of waveforms hears it
  affekt maximise me.wav --emotion happy                  a mask on a recording: into me-happy/
  affekt maximise me.wav --emotion sad --rms-db 4         one of less energy
  affekt maximise me.wav --emotion sad --how latent       the recording spoken anew by the GAN"""

HOWS = ("mask", "latent")
LOUDEST_DB = 60.0
PRIORS = ("gan", "cgan")
RECOGNISERS = ("mel_cnn", "mel_wavenet", "mel_lstm", "audio_wavenet", "audio_lstm")
SEEDS = 4  # voices that a person listens to in one go


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("file", nargs="?", type=Path, metavar="FILE", help="a recording of up to a minute to be edited")
    parser.add_argument("--emotion", required=True, metavar="E", help="the emotion wanted, such as happy")
    parser.add_argument("--seeds", type=int, metavar="N", help=f"voices, without FILE (default: {SEEDS})")
    parser.add_argument("--prior", choices=PRIORS, help=f"without FILE: what is searched (default: {PRIORS[0]})")
    parser.add_argument(
        "--recogniser",
        nargs="+",
        choices=RECOGNISERS,
        metavar="R",
        help=f"without FILE: who is climbed, of {', '.join(RECOGNISERS)}; several of one domain are believed together "
        f"(default: {RECOGNISERS[0]})",
    )
    parser.add_argument("--steps", type=int, metavar="N", help="steps of the climb (default: as in params.yaml)")
    parser.add_argument("--seed", type=int, metavar="S", help="of all that is random (default: seed of params.yaml)")
    parser.add_argument("--how", choices=HOWS, help=f"with FILE (default: {HOWS[0]})")
    parser.add_argument("--rms-db", type=float, metavar="X", help="energy of the mask (default: the largest studied)")
    parser.add_argument(
        "-o", "--output", type=Path, metavar="DIR", help="default: maximised-EMOTION or FILE-EMOTION, here"
    )
    parser.add_argument("--force", action="store_true", help="write into a folder that is not empty")


def run(args: argparse.Namespace) -> int:
    """Optimise, write sounds, pictures and scores, and print the scores."""
    label = label_of(args.emotion)
    check_words(args)
    folder = args.output or Path(
        f"maximised-{args.emotion}" if args.file is None else f"{args.file.stem}-{args.emotion}"
    )
    refuse_full_folder(folder, args.force)
    if args.file is not None:
        from affekt.cli.editing import run_edit

        return run_edit(args, label, folder)
    from affekt.cli.voices import run_search

    return run_search(args, label, folder)


def check_words(args: argparse.Namespace) -> None:
    """UserError for what does not go with a recording, or not without one, and for impossible numbers."""
    for flag, value in (("--seeds", args.seeds), ("--prior", args.prior), ("--recogniser", args.recogniser)):
        if args.file is not None and value is not None:
            raise UserError(f"{flag} goes without FILE: it is about voices from a prior, not about a recording")
    for flag, value in (("--how", args.how), ("--rms-db", args.rms_db)):
        if value is not None and args.file is None:
            raise UserError(f"{flag} needs a FILE: a recording that is edited")
    if args.rms_db is not None and args.how == "latent":
        raise UserError("--rms-db is of --how mask; --how latent has no mask")
    if args.rms_db is not None and not 0 < args.rms_db <= LOUDEST_DB:
        raise UserError(f"--rms-db {args.rms_db:g}: must be above 0, up to {LOUDEST_DB:g}")
    for flag, value in (("--seeds", args.seeds), ("--steps", args.steps)):
        if value is not None and value < 1:
            raise UserError(f"{flag} {value}: must be at least 1")
    args.how = args.how or HOWS[0]


def label_of(emotion: str) -> int:
    """The index of an emotion; UserError that lists them."""
    from affekt.corpora.table import EMOTIONS

    if emotion not in EMOTIONS:
        raise UserError(f"--emotion {emotion}: known are {', '.join(EMOTIONS)}")
    return EMOTIONS.index(emotion)


def refuse_full_folder(folder: Path, force: bool) -> None:
    """UserError when the place is a file, or a folder with something in it and no `force`."""
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder} is no folder: choose another with -o")
    if folder.is_dir() and any(folder.iterdir()) and not force:
        raise UserError(f"{folder} is not empty: choose another folder with -o, or write into it with --force")
