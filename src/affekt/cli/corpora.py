"""List the corpora: licence, size, and what of them is here.

Facts and splits of a corpus lie in data/corpora/NAME, in git; its sound does not. The pipeline fetches (or makes) and
prepares the one that params.yaml names; `affekt preset NAME` changes which."""

import argparse
import csv
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from affekt.cli.project import PARAMS_NAME, find_root
from affekt.cli.tables import format_table

if TYPE_CHECKING:
    from affekt.core.params import Params

EXAMPLES = """\
examples:
  affekt corpora
  affekt preset ravdess && dvc repro     fetch and prepare another one, and train on it"""

FETCHED, PREPARED = Path("data/raw"), Path("data/prepared/clips.parquet")


@dataclass(frozen=True)
class Facts:
    """What is known of a corpus without having it."""

    content: str
    licence: str
    source: str


CORPORA = {
    "demo": Facts(
        content="eSpeak NG with published prosody rules of emotion, 8 emotions, English",
        licence="none needed: made here; the rules' sources are in data/corpora/demo",
        source="synthesised by the stage `fetch`, no network",
    ),
    "ravdess": Facts(
        content="24 actors, 2 statements, 8 emotions, 2 intensities, English",
        licence="CC BY-NC-SA 4.0 (not for commercial use; cite Livingstone & Russo 2018)",
        source="https://doi.org/10.5281/zenodo.1188976, or a copy: AFFEKT_MIRROR",
    ),
}


def configure(parser: argparse.ArgumentParser) -> None:
    """The command takes no arguments."""


def run(args: argparse.Namespace) -> int:
    """Print every corpus, then what each one is."""
    from affekt.core.params import load_params

    root = find_root()
    params = load_params(root / PARAMS_NAME)
    rows = [
        [
            name,
            "yes" if name == params.corpus.name else "",
            f"{count_clips(name, root, params)}",
            "yes" if is_fetched(name, root) else "no",
            describe_prepared(name, root),
        ]
        for name in CORPORA
    ]
    print(format_table(["corpus", "chosen", "clips", "fetched", "prepared"], rows))
    for name, facts in CORPORA.items():
        print(f"\n{name}: {facts.content}\n  licence: {facts.licence}\n  source: {facts.source}")
    return 0


def count_clips(name: str, root: Path, params: "Params") -> int:
    """Clips that the corpus has when it is complete."""
    facts = root / "data" / "corpora" / name
    if name == "demo":
        from affekt.corpora.demo import design, load_design

        voices, _, statements = load_design(facts, params.demo)
        return sum(1 for _ in design(voices, statements, params.demo.repetitions))
    with open(facts / "manifest.csv", newline="", encoding="utf-8") as file:
        return sum(1 for _ in csv.DictReader(file))


def is_fetched(name: str, root: Path) -> bool:
    """Whether the last `fetch` was of this corpus, by dvc.lock: its files may carry another corpus's names."""
    from affekt.core.graph import flatten
    from affekt.core.params import read_yaml

    lock = root / "dvc.lock"
    if not ((root / FETCHED).is_dir() and lock.is_file()):
        return False
    # DVC writes the key as it is declared: `corpus.name`, or the section `corpus`; flattened, both read the same.
    return flatten(read_yaml(lock)).get("stages.fetch.params.params.yaml.corpus.name") == name


def describe_prepared(name: str, root: Path) -> str:
    """Clips, speakers and hours of the corpus in data/prepared; `no` when another or none is there."""
    from affekt.core.files import load_table

    if not (root / PREPARED).is_file():
        return "no"
    table = load_table(root / PREPARED)
    clips = table[table["corpus"] == name]
    if clips.empty:
        return "no"
    hours = (clips["frames"] / clips["rate"]).sum() / 3600
    return f"{len(clips)} clips, {clips['speaker'].nunique()} speakers, {hours:.2f} h"
