"""The figures of exchanged codes: what each moves, and whether it does so more than what stands beside it."""

from collections.abc import Sequence

from affekt.evaluate.disentangling import ASPECTS, CHANGED, OWN, Exchanged
from affekt.evaluate.proportions import holm, mcnemar
from affekt.evaluate.vocoding import summarise


def summarise_pairs(found: Sequence[Exchanged]) -> dict[str, float]:
    """Return `<changed>/<aspect>/<moved|to_a|to_b>`, means where it is defined, others counted; with weigh_codes."""
    means = {
        f"{changed}/{key}": value
        for changed in CHANGED
        for key, value in summarise([one.figures[changed] for one in found]).items()
    }
    return means | weigh_codes(found)


def weigh_codes(found: Sequence[Exchanged]) -> dict[str, float]:
    """Return `<code>/p_value`: does it move its own aspect in more pairs than every other code and changing none do?

    And `<code>/p_value_row`: in more than it moves every other aspect? Each is the greatest p of the tests against one
    of these, all of which have to be passed; `/p_holm` and `/p_holm_row` are adjusted for the number of codes.
    """

    def moved(changed: str, aspect: str) -> list[float | None]:
        return [one.figures[changed][f"{aspect}/moved"] for one in found]

    p: dict[str, list[float]] = {"": [], "_row": []}
    for code, own in OWN.items():
        rivals = {"": [moved(other, own) for other in CHANGED if other != code],
                  "_row": [moved(code, aspect) for aspect in ASPECTS if aspect != own]}  # fmt: skip
        for ending, those in rivals.items():
            p[ending].append(max(more_often(moved(code, own), rival) for rival in those))
    return {
        f"{code}/{name}{ending}": value
        for ending, raw in p.items()
        for name, values in (("p_value", raw), ("p_holm", holm(raw)))
        for code, value in zip(OWN, values, strict=True)
    }


def more_often(moved: Sequence[float | None], rival: Sequence[float | None]) -> float:
    """Return the exact two-sided p of McNemar's test over the pairs that have both; 1 where `moved` is not the more.

    So what is not defined for any pair beats nothing, and nothing beats it.
    """
    both = [(x, y) for x, y in zip(moved, rival, strict=True) if x is not None and y is not None]
    if sum(x for x, _ in both) <= sum(y for _, y in both):
        return 1.0
    return mcnemar([y == 1 for _, y in both], [x == 1 for x, _ in both])
