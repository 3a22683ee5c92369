"""Splits by speaker: folds for cross-validation, and two halves, one to train on and one for the judge."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from affekt.core.errors import UserError
from affekt.core.files import read_json
from affekt.corpora.table import HALVES


@dataclass(frozen=True)
class Splits:
    """Which fold (0-based) and which half ("a", "b") each speaker belongs to."""

    fold: dict[str, int]
    half: dict[str, str]


def load_splits(path: Path, speakers: Iterable[str]) -> Splits:
    """Read splits.json and check that every speaker is in exactly one fold and in exactly one half.

    Speakers that the corpus at hand lacks may be named (a smaller demo uses fewer voices), but each fold and
    each half must have at least one speaker at hand.
    """
    value = read_json(path)
    if not (
        isinstance(value, dict)
        and set(value) == {"folds", "halves"}
        and isinstance(value["folds"], list)
        and isinstance(value["halves"], dict)
        and set(value["halves"]) == set(HALVES)
    ):
        raise UserError(f'{path}: must be {{"folds": [[speakers], …], "halves": {{"a": […], "b": […]}}}}')
    at_hand = sorted(set(speakers))
    fold = _assign(path, "fold", list(enumerate(value["folds"])), at_hand)
    half = _assign(path, "half", [(name, value["halves"][name]) for name in HALVES], at_hand)
    return Splits(fold, half)


def _assign(path: Path, what: str, groups: list[tuple[Any, Any]], speakers: list[str]) -> dict[str, Any]:
    """Map speakers at hand to the name of their one group."""
    for name, members in groups:
        if not isinstance(members, list) or not all(isinstance(member, str) for member in members):
            raise UserError(f"{path}: {what} {name} must be a list of speakers, found {members!r}")
    times = Counter(member for _, members in groups for member in members)
    twice = sorted(member for member, count in times.items() if count > 1)
    if twice:
        raise UserError(f"{path}: speaker {twice[0]} is named {times[twice[0]]} times in the {what}s; keep one")
    missing = [speaker for speaker in speakers if speaker not in times]
    if missing:
        raise UserError(f"{path}: speaker {missing[0]} is in no {what}; add it to one")
    group_of = {member: name for name, members in groups for member in members}
    for name, _ in groups:
        if not any(group_of[speaker] == name for speaker in speakers):
            raise UserError(f"{path}: {what} {name} has no speaker of this corpus; name at least one")
    return {speaker: group_of[speaker] for speaker in speakers}
