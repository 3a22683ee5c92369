"""What a stage leaves where a corpus does not allow what it measures: no figure, and the reason for the report."""

from typing import TYPE_CHECKING

from affekt.core.files import write_json

if TYPE_CHECKING:
    from affekt.core.stage import Stage


def write_reason(stage: "Stage", name: str, reason: str) -> None:
    """Write an empty `<name>.json`, and `<name>/index.json` with the reason and no examples."""
    write_json(stage.out(f"{name}.json"), {})
    parts = stage.out(name)
    write_json(parts / "index.json", {"reason": reason, "examples": []})
    stage.artifact(parts)
