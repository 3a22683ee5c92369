"""Name the emotion, or the voice's gender, in recordings of your own.

Any format that libsndfile reads (WAV, FLAC, OGG, MP3), any sample rate, mono or stereo, from half a second on.
Silence at both ends is cut as it was for training. A long recording is heard in windows, and its emotion is the
mean over the windows that hold sound. The recogniser knows only the kind of speech that it was trained on: see its
accuracy on unseen speakers in reports/index.html."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from affekt.cli.faults import EXIT_FAULT, report_fault
from affekt.cli.project import PARAMS_NAME, find_model, find_root
from affekt.cli.tables import format_table
from affekt.core.errors import UserError

if TYPE_CHECKING:
    from affekt.cli.hearing import Verdict

DEFAULT = "recogniser_mel_cnn"  # of the recognisers that are climbed the one that hears best
TOP = 3  # classes shown
BAR = 30  # characters of a probability of 1

EXAMPLES = """\
examples:
  affekt recognise me.wav                     the three likeliest emotions
  affekt recognise takes/*.flac               one line per file
  affekt recognise me.wav --network gender_fast   the voice's gender instead
  affekt recognise talk.wav --json | jq .     everything, for programs

A file that cannot be used gets one line on stderr; the others are still heard, and the exit code is 2."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="recordings")
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--network",
        metavar="NAME",
        help="a recogniser of the benchmark, trained on all speakers but those of fold 1; or gender_fast, gender_slow, "
        "trained on the readers",
    )
    which.add_argument("--model-dir", type=Path, metavar="DIR", help=f"the recogniser (default: models/{DEFAULT})")
    parser.add_argument("--json", action="store_true", help="print JSON: all probabilities, windows, errors")


def run(args: argparse.Namespace) -> int:
    """Hear every file; 0 when all could be heard, else 2."""
    from tqdm import tqdm

    from affekt.cli.hearing import hear
    from affekt.cli.networks import open_model
    from affekt.core.devices import set_up
    from affekt.core.params import load_params
    from affekt.models.judge import RecurrentRecogniser
    from affekt.models.registry import NETWORKS, spec_of

    params = load_params(find_root() / PARAMS_NAME)
    if args.network is not None and args.network not in NETWORKS:
        raise UserError(f"--network {args.network}: known are {', '.join(NETWORKS)}")
    folder = find_model(args.network or DEFAULT, args.model_dir)
    device = set_up(params.compute.device, params.compute.threads)
    model = open_model(folder, device)
    if spec_of(model) is None and not isinstance(model, RecurrentRecogniser):
        raise UserError(f"{folder}: holds no recogniser: give models/{DEFAULT}, models/judge or one by --network")
    verdicts, faults = [], []
    for path in tqdm(args.files, desc="hearing", disable=None, leave=False):
        try:
            verdicts.append(hear(path, model, params.prepare, device))
        except UserError as error:
            faults.append({"file": str(path), "error": str(error)})
            report_fault(str(error))
    if args.json:
        print(json.dumps([as_json(verdict) for verdict in verdicts] + faults, indent=1))
    elif verdicts:
        print(describe(verdicts[0]) if len(args.files) == 1 else tabulate(verdicts))
    return EXIT_FAULT if faults else 0


def as_json(verdict: "Verdict") -> dict[str, Any]:
    """A verdict as plain data; a silent window has no probabilities."""
    return {
        "file": verdict.path,
        "seconds": round(verdict.seconds, 3),
        verdict.kind: verdict.likeliest,
        "probabilities": verdict.probabilities,
        "windows": [
            {
                "start_s": round(window.start_s, 3),
                "end_s": round(window.end_s, 3),
                verdict.kind: window.likeliest,
                "probabilities": window.probabilities,
            }
            for window in verdict.windows
        ],
    }


def describe(verdict: "Verdict") -> str:
    """One recording for a terminal: the likeliest classes as bars, then the windows."""
    from affekt.cli.hearing import ranked

    lines = [f"{verdict.path}: {verdict.likeliest} ({verdict.seconds:.1f} s of sound)"]
    for name, probability in ranked(verdict.probabilities)[:TOP]:
        lines.append(f"  {name:10} {percent(probability):>5} {'█' * round(BAR * probability)}".rstrip())
    if len(verdict.windows) > 1:
        rows = [
            [f"{window.start_s:.1f}-{window.end_s:.1f} s", window.likeliest, top_share(window.probabilities)]
            for window in verdict.windows
        ]
        lines += ["", format_table(["time", verdict.kind, "probability"], rows)]
    return "\n".join(lines)


def tabulate(verdicts: list["Verdict"]) -> str:
    """Many recordings, one row each, with the likeliest classes."""
    from affekt.cli.hearing import ranked

    rows = []
    for verdict in verdicts:
        shown = [f"{name} {percent(share)}" for name, share in ranked(verdict.probabilities)[:TOP]]
        rows.append([verdict.path, f"{verdict.seconds:.1f} s", *shown])
    heads = ["file", "sound", verdicts[0].kind, "second", "third"]
    return format_table(heads[: len(rows[0])], rows)  # of genders there is no third


def top_share(probabilities: dict[str, float]) -> str:
    """The highest probability as text, nothing for silence."""
    return percent(max(probabilities.values())) if probabilities else ""


def percent(share: float) -> str:
    """A share as whole percent."""
    return f"{100 * share:.0f} %"
