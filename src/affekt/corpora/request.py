"""What a corpus is given to fetch itself."""

from dataclasses import dataclass
from pathlib import Path

from affekt.core.params import DemoParams, ReadingParams
from affekt.core.progress import Progress, quiet


@dataclass(frozen=True)
class FetchRequest:
    """Where facts lie, where files go, and what they come from."""

    facts: Path  # data/corpora/<name>
    out: Path  # the published files go here
    work: Path  # scratch; survives an interruption
    downloads: Path  # survives success too: what came over the network, by its checksum or its corpus
    mirror: str | None  # AFFEKT_MIRROR: a folder or URL in the publisher's place
    size: DemoParams | ReadingParams  # of a corpus that is spoken here; a published one comes whole
    seed: int
    progress: Progress = quiet
