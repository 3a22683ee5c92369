"""List the corpora: licence, size, and what of them is here.

Facts and splits of a corpus lie in data/corpora/NAME, in git; its sound does not. The pipeline fetches (or makes) and
prepares the two that params.yaml names: one of acted emotions, one of read speech for gender; `affekt preset NAME`
changes which."""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from affekt.cli.project import PARAMS_NAME, find_root
from affekt.cli.tables import format_table

if TYPE_CHECKING:
    from affekt.core.params import Params
    from affekt.corpora.facts import CorpusFacts

EXAMPLES = """\
examples:
  affekt corpora
  affekt preset ravdess && dvc repro     fetch and prepare another one, and train on it"""


@dataclass(frozen=True)
class Role:
    """What a corpus is used for: the key of params.yaml that names it, and where the stages put it."""

    key: str
    fetched: Path
    prepared: Path
    stage: str  # that fetches it


ROLES = (
    Role("corpus.name", Path("data/raw"), Path("data/prepared/clips.parquet"), "fetch"),
    Role("reading.name", Path("data/reading_raw"), Path("data/reading_prepared/clips.parquet"), "reading_fetch"),
)


def configure(parser: argparse.ArgumentParser) -> None:
    """The command takes no arguments."""


def run(args: argparse.Namespace) -> int:
    """Print every corpus, then what each one is."""
    from affekt.core.params import load_params
    from affekt.corpora.facts import load_facts
    from affekt.corpora.registry import CORPORA

    root = find_root()
    params = load_params(root / PARAMS_NAME)
    facts = {name: load_facts(root / "data" / "corpora" / name) for name in CORPORA}
    rows = [
        [
            name,
            "yes" if name in (params.corpus.name, params.reading.name) else "",
            f"{count_clips(name, facts[name], root, params)}",
            "yes" if any(is_fetched(name, role, root) for role in ROLES) else "no",
            describe_prepared(name, root),
        ]
        for name in CORPORA
    ]
    print(format_table(["corpus", "chosen", "clips", "fetched", "prepared"], rows))
    for name, of in facts.items():
        print(f"\n{name}: {of.content}\n  licence: {of.licence}\n  source: {of.source}")
    return 0


def count_clips(name: str, facts: "CorpusFacts", root: Path, params: "Params") -> int:
    """Clips that the corpus has when it is complete."""
    if facts.clips is not None:
        return facts.clips
    folder = root / "data" / "corpora" / name
    if name == "demo":
        from affekt.corpora.demo import design, load_design

        voices, _, statements = load_design(folder, params.demo)
        return sum(1 for _ in design(voices, statements, params.demo.repetitions))
    return params.reading.speakers * params.reading.utterances


def is_fetched(name: str, role: Role, root: Path) -> bool:
    """Whether the last fetch for this role was of this corpus, by dvc.lock: its files may carry another one's names."""
    from affekt.core.graph import flatten
    from affekt.core.params import read_yaml

    lock = root / "dvc.lock"
    if not ((root / role.fetched).is_dir() and lock.is_file()):
        return False
    # DVC writes the key as it is declared: `corpus.name`, or the section `corpus`; flattened, both read the same.
    return flatten(read_yaml(lock)).get(f"stages.{role.stage}.params.params.yaml.{role.key}") == name


def describe_prepared(name: str, root: Path) -> str:
    """Clips, speakers and hours of the corpus where it is prepared; `no` when it is nowhere."""
    from affekt.core.files import load_table

    for role in ROLES:
        if (root / role.prepared).is_file():
            table = load_table(root / role.prepared)
            clips = table[table["corpus"] == name]
            if not clips.empty:
                hours = (clips["frames"] / clips["rate"]).sum() / 3600
                return f"{len(clips)} clips, {clips['speaker'].nunique()} speakers, {hours:.2f} h"
    return "no"
