"""What a claim about a run is."""

from dataclasses import dataclass

STATEMENT_KEPT = 0.9  # of the statements that are recognised in the recordings


@dataclass(frozen=True)
class Claim:
    """A sentence, the figures that decide it, and the verdict."""

    text: str
    figures: str
    met: bool
