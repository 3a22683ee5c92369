"""Name the emotion in recordings of your own.

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

TOP = 3  # emotions shown
BAR = 30  # characters of a probability of 1

EXAMPLES = """\
examples:
  affekt recognise me.wav                     the three likeliest emotions
  affekt recognise takes/*.flac               one line per file
  affekt recognise talk.wav --json | jq .     everything, for programs

A file that cannot be used gets one line on stderr; the others are still heard, and the exit code is 2."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="recordings")
    parser.add_argument("--json", action="store_true", help="print JSON: all probabilities, windows, errors")
    parser.add_argument("--model-dir", type=Path, metavar="DIR", help="the recogniser (default: models/recogniser)")


def run(args: argparse.Namespace) -> int:
    """Hear every file; 0 when all could be heard, else 2."""
    from tqdm import tqdm

    from affekt.cli.hearing import hear
    from affekt.cli.networks import open_model
    from affekt.core.devices import set_up
    from affekt.core.params import load_params
    from affekt.models.judge import RecurrentRecogniser
    from affekt.models.recogniser import ConvRecogniser

    params = load_params(find_root() / PARAMS_NAME)
    folder = find_model("recogniser", args.model_dir)
    device = set_up(params.compute.device, params.compute.threads)
    model = open_model(folder, device)
    if not isinstance(model, ConvRecogniser | RecurrentRecogniser):
        raise UserError(f"{folder}: holds no recogniser of emotions: give models/recogniser or models/judge")
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
        "emotion": verdict.emotion,
        "probabilities": verdict.probabilities,
        "windows": [
            {
                "start_s": round(window.start_s, 3),
                "end_s": round(window.end_s, 3),
                "emotion": window.emotion,
                "probabilities": window.probabilities,
            }
            for window in verdict.windows
        ],
    }


def describe(verdict: "Verdict") -> str:
    """One recording for a terminal: the likeliest emotions as bars, then the windows."""
    from affekt.cli.hearing import ranked

    lines = [f"{verdict.path}: {verdict.emotion} ({verdict.seconds:.1f} s of sound)"]
    for emotion, probability in ranked(verdict.probabilities)[:TOP]:
        lines.append(f"  {emotion:10} {percent(probability):>5} {'█' * round(BAR * probability)}".rstrip())
    if len(verdict.windows) > 1:
        rows = [
            [f"{window.start_s:.1f}-{window.end_s:.1f} s", window.emotion, top_share(window.probabilities)]
            for window in verdict.windows
        ]
        lines += ["", format_table(["time", "emotion", "probability"], rows)]
    return "\n".join(lines)


def tabulate(verdicts: list["Verdict"]) -> str:
    """Many recordings, one row each, with the likeliest emotions."""
    from affekt.cli.hearing import ranked

    rows = []
    for verdict in verdicts:
        shown = [f"{emotion} {percent(share)}" for emotion, share in ranked(verdict.probabilities)[:TOP]]
        rows.append([verdict.path, f"{verdict.seconds:.1f} s", *shown])
    return format_table(["file", "sound", "emotion", "second", "third"], rows)


def top_share(probabilities: dict[str, float]) -> str:
    """The highest probability as text, nothing for silence."""
    return percent(max(probabilities.values())) if probabilities else ""


def percent(share: float) -> str:
    """A share as whole percent."""
    return f"{100 * share:.0f} %"
