"""Write results/<preset>.json: every metric of the last run in one flat file, to be committed and compared.

It holds reports/metrics/summary.json, where the figures come from (commit, hardware, seconds of each stage)
and, when given, how fast the vocoders speak. With --stages only what these stages measured is put in the place of
their old figures, with a provenance of their own. The README's tables are made from these files."""

import argparse
import json
import platform
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from affekt.cli.preset import find_preset, plan_changes, preset_paths, read_yaml
from affekt.cli.project import PARAMS_NAME, find_root
from affekt.core.errors import UserError

if TYPE_CHECKING:
    from affekt.core.graph import StageSpec

EXAMPLES = """\
examples:
  affekt results                                        which preset ran is seen from params.yaml
  affekt results --bench bench/results/vocoder.json     with the vocoders' speed
  affekt results --stages hearing gender_recognition dream   after `dvc repro` of these alone
  affekt compare results/demo.json results/ravdess.json"""

SPEED_KEY = "x_realtime"
SUMMARY = "summary"  # the stage that joins all metrics
README_PRESET = "ravdess"  # whose results the README shows
# First words of keys that one stage measures alone.
WHOLE = (
    "gender", "ablation", "content", "dream", "tradeoff", "content_fixed", "mask", "convert", "disentangle", "voices",
)  # fmt: skip
# Second words of `recognise/…` that the stage `recognition` measures, beside those of climbed recognisers; the others
# are of the stage `hearing`.
CLIMBED = "recogniser_"
HALVES = ("chance", "judge", "mfcc_svm_a", "mfcc_svm_b", "majority")


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--preset", metavar="NAME", help="the preset that ran (default: the one params.yaml equals)")
    parser.add_argument("--stages", nargs="+", metavar="STAGE", help="evaluations that ran alone, such as hearing")
    parser.add_argument(
        "--bench",
        type=Path,
        action="append",
        default=[],
        metavar="JSON",
        help=f"take the vocoder/*/{SPEED_KEY} figures of a benchmark too; may be given more than once",
    )


def run(args: argparse.Namespace) -> int:
    """Join metrics, provenance and speeds into one file."""
    from affekt.cli.freshness import check_fresh
    from affekt.core.files import write_json
    from affekt.report.readme import write_results

    root = find_root()
    name = matching_preset(root, args.preset)
    target = root / "results" / f"{name}.json"
    if args.stages:
        results = replace_stages(root, target, args.stages)
    else:
        behind = check_fresh(root, [SUMMARY])
        results = read_metrics(root, behind[SUMMARY], "run `make repro`")
        results |= provenance(root, "provenance", behind)
    for path in args.bench:
        results |= read_speeds(path)
    write_json(target, results)
    print(f"{target.relative_to(root)}: {len(results)} values")
    if name == README_PRESET:
        write_results(root / "README.md", results)
        print("README.md: its tables follow them")
    return 0


def matching_preset(root: Path, wanted: str | None) -> str:
    """The preset whose values params.yaml has; UserError when it is not the wanted one, none, or not the only one."""
    params = read_yaml(root / PARAMS_NAME)
    paths = [find_preset(root, wanted)] if wanted else preset_paths(root)
    differing = {path.stem: plan_changes(read_yaml(path), params, path) for path in paths}
    equal = [name for name, changes in differing.items() if not changes]
    if len(equal) > 1:
        raise UserError(f"{PARAMS_NAME} has the values of several presets: --preset {' or '.join(equal)}")
    if equal:
        return equal[0]
    closest, changes = min(differing.items(), key=lambda item: len(item[1]), default=("", []))
    shown = ", ".join(f"{key} is {now}, not {preset}" for key, now, preset in changes[:3])
    raise UserError(f"{PARAMS_NAME} does not have the values of preset {closest} ({shown}): `affekt preset {closest}`")


def replace_stages(root: Path, target: Path, stages: list[str]) -> dict[str, Any]:
    """The results that there are, with these stages' figures in the place of all that they measured before."""
    from affekt.cli.freshness import check_fresh

    results = read_flat(target) if target.is_file() else {}
    behind = check_fresh(root, stages)
    for stage in stages:
        metrics = read_metrics(root, behind[stage], f"`dvc repro {stage}`")
        owners = {owner_of(key) for key in metrics}
        results = {key: value for key, value in results.items() if owner_of(key) not in owners} | metrics
    return without_provenance(results, stages) | provenance(root, f"provenance/{'+'.join(stages)}", behind)


def read_metrics(root: Path, spec: "StageSpec", remedy: str) -> dict[str, Any]:
    """The flat metrics of a stage's last run; UserError for a stage that measures nothing or has not been run."""
    paths = [root / out for out in spec.outs if out.startswith("reports/metrics/")]
    if not paths:
        raise UserError(f"--stages {spec.name}: it makes no file in reports/metrics")
    metrics: dict[str, Any] = {}
    for path in paths:
        if not path.is_file():
            raise UserError(f"no metrics in {path}: {remedy} first")
        metrics |= read_flat(path)
    return metrics


def without_provenance(results: Mapping[str, Any], stages: list[str]) -> dict[str, Any]:
    """The results without what is said of where these stages' old figures came from."""
    kept: dict[str, Any] = {}
    for key, value in results.items():
        head, *rest = key.split("/")
        if head == "provenance" and len(rest) > 1:
            others = [stage for stage in rest[0].split("+") if stage not in stages]
            if not others:
                continue
            key = "/".join([head, "+".join(others), *rest[1:]])
        kept[key] = value
    return kept


def owner_of(key: str) -> str:
    """A name for what is measured together with a figure: without this, rows of models that are gone would stay."""
    head, *rest = key.split("/")
    if head == "recognise":
        return "halves" if rest[:1] and (rest[0] in HALVES or rest[0].startswith(CLIMBED)) else "folds"
    return head if head in WHOLE else key.rpartition("/")[0]


def read_speeds(path: Path) -> dict[str, float]:
    """The figures vocoder/<name>/x_realtime of a benchmark's JSON; UserError when it has none."""
    speeds = {key: value for key, value in read_flat(path).items() if is_speed(key)}
    if not speeds:
        raise UserError(f"{path} has no vocoder/<name>/{SPEED_KEY}: give the file that bench/ wrote for the vocoders")
    return speeds


def is_speed(key: str) -> bool:
    """Whether a key is vocoder/<name>/x_realtime."""
    return key.startswith("vocoder/") and key.endswith(f"/{SPEED_KEY}")


def read_flat(path: Path) -> dict[str, Any]:
    """A JSON object of slash-named keys to numbers or text; UserError for anything else."""
    from affekt.core.files import read_json

    results = read_json(path)
    if not isinstance(results, dict):
        raise UserError(f"{path} must hold one JSON object of names to numbers")
    for key, value in results.items():
        if not isinstance(value, int | float | str):
            raise UserError(f"{path}: {key} must be a number or text, not {json.dumps(value)[:40]}")
    return results


def provenance(root: Path, prefix: str, behind: "Mapping[str, StageSpec]") -> dict[str, str]:
    """What figures come from, as text: commit, hardware, versions; no clock, path or host name."""
    import torch

    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    return {
        f"{prefix}/commit": commit_of(root),
        f"{prefix}/hardware": f"{cpu_model()}, {gpu}",
        f"{prefix}/seconds": describe_seconds(root, behind),
        f"{prefix}/versions": f"Python {platform.python_version()}, torch {torch.__version__}",
    }


def describe_seconds(root: Path, behind: "Mapping[str, StageSpec]") -> str:
    """The seconds that these stages took, as text; `unknown` for those whose outs no run of MLflow's has made."""
    from affekt.cli.freshness import hash_outs
    from affekt.cli.states import stage_seconds

    try:
        seconds = stage_seconds(root, hash_outs(root, behind))
    except UserError:  # results are worth having without their durations
        seconds = {}
    if not seconds:
        return "unknown"
    told = ", ".join(f"{name} {seconds[name]:.0f}" if name in seconds else f"{name} unknown" for name in behind)
    return f"{sum(seconds.values()):.0f} ({told})"


def commit_of(root: Path) -> str:
    """The git commit of the clone, marked when files differ from it; `unknown` outside git."""

    def git(*words: str) -> str:
        done = subprocess.run(["git", "-C", str(root), *words], capture_output=True, text=True, check=True)
        return done.stdout.strip()

    try:
        commit = git("rev-parse", "HEAD")
        # A preset changes params.yaml; results/ and README.md's tables are what this writes: none makes the code dirty.
        changed = git(
            "status",
            "--porcelain",
            "--untracked-files=no",
            "--",
            ".",
            ":!params.yaml",
            ":!dvc.lock",
            ":!results",
            ":!README.md",
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return f"{commit} (with changes)" if changed else commit


def cpu_model() -> str:
    """The processor's name and the number of cores this process may use."""
    import os

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        models = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        name = models[0].partition(":")[2].strip() if models else name
    return f"{name} x {cores}"
