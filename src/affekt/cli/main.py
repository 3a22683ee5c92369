"""The command `affekt`: finds the sub-command, runs it, and turns faults into one line and an exit code.

A sub-command is a module of this folder with `configure(parser)` and `run(args) -> exit code`. Only the
module that was asked for is imported, and it imports torch, MLflow and the like in its functions,
so that help is instant.
"""

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

from affekt.cli.faults import report_fault
from affekt.core.errors import UserError

HELP_WIDTH = 110  # characters; the examples are written for it
EXIT_INTERRUPTED = 130  # 128 + SIGINT, as shells report it
EXIT_BROKEN_PIPE = 141  # 128 + SIGPIPE

COMMANDS = {
    "recognise": "name the emotion in recordings of your own",
    "maximise": "search the mel GAN for the voice of an emotion, or bring a recording to one",
    "dream": "change recordings until a layer of a network responds most",
    "translate": "say a recording in another emotion, or in all of them",
    "clone": "say a recording in voices of nobody, flatter or in another emotion if wished",
    "vocode": "turn recordings or mels into audio with a vocoder",
    "compare": "set two states of the pipeline side by side: parameters and metrics",
    "corpora": "list the corpora: licence, size, what is here",
    "preset": "list the presets, or write one into params.yaml",
    "results": "write results/<preset>.json from the last run of the pipeline",
}

DESCRIPTION = """\
A reproducible laboratory for emotional speech.

The pipeline (`make repro`, or `dvc repro`) builds corpora, features, models and reports/index.html.
These commands use what the last run built, on recordings of your own, and compare runs."""

EXAMPLES = """\
examples:
  affekt recognise me.wav                    which emotion is heard, with probabilities
  affekt maximise --emotion happy            optimised voices: audio, mel pictures, scores
  affekt dream me.wav -l block5              what the gender network would rather hear
  affekt translate me.wav --to happy         the recording as a happy speaker would say it
  affekt clone me.wav --voices 4             the recording in four voices of nobody
  affekt vocode me.wav                       through mel and vocoder and back: me.vocoded.wav
  affekt preset ravdess && dvc repro         the same pipeline on real speech
  affekt compare                             what the last change of params.yaml did

`affekt COMMAND --help` says more. Exit codes: 0 done, 2 a fault that the message names, 130 interrupted."""


def format_help(prog: str) -> argparse.HelpFormatter:
    """Help whose examples keep their lines."""
    return argparse.RawDescriptionHelpFormatter(prog, max_help_position=28, width=HELP_WIDTH)


def build_parser(chosen: str | None) -> argparse.ArgumentParser:
    """The parser of all commands; only the chosen one has its arguments, and only its module is loaded."""
    parser = argparse.ArgumentParser(
        prog="affekt",
        usage="affekt [-h] COMMAND ...",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=format_help,
    )
    listing = "\n".join(f"{name:12}{summary}" for name, summary in COMMANDS.items())
    commands = parser.add_subparsers(
        title="commands", prog="affekt", description=listing, metavar="COMMAND", required=True, help=argparse.SUPPRESS
    )
    for name in COMMANDS:
        if name == chosen:
            module = importlib.import_module(f"affekt.cli.{name}")
            command = commands.add_parser(
                name,
                description=module.__doc__,
                epilog=module.EXAMPLES,
                formatter_class=format_help,
            )
            module.configure(command)
            command.set_defaults(run=module.run)
        else:
            commands.add_parser(name)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; 0 is success, see EXAMPLES for the other exit codes."""
    words = list(sys.argv[1:] if argv is None else argv)
    chosen = words[0] if words and words[0] in COMMANDS else None
    try:
        args = build_parser(chosen).parse_args(words)
        code: int = args.run(args)
        sys.stdout.flush()  # a closed pipe shows here, inside the try, not at exit
        return code
    except UserError as error:
        return report_fault(str(error))
    except BrokenPipeError:
        # The reader (head, less) has gone; what is still buffered must not raise again when Python exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_BROKEN_PIPE
    except OSError as error:
        if error.strerror is None:
            raise
        return report_fault(f"{error.filename}: {error.strerror}" if error.filename else error.strerror)
    except KeyboardInterrupt:
        print("affekt: interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
