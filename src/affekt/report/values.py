"""The figures of one run, looked up by their slash-named keys and written for readers."""

import math
from collections.abc import Iterator, Mapping

from affekt.core.errors import UserError

SIGNIFICANT = 0.05  # p-values below it count
THIN = "\u202f"  # a narrow space that no line breaks at: between a number and its unit, and between thousands


class Values(Mapping[str, float]):
    """Metrics by key; a key that is missing or not finite is an error that names it, never a gap in the page."""

    def __init__(self, figures: Mapping[str, float], source: str) -> None:
        self._figures = figures
        self._source = source

    def __getitem__(self, key: str) -> float:
        if key not in self._figures:
            raise UserError(f"{self._source} has no figure `{key}`: rerun the stage that measures it (`dvc repro`)")
        value = self._figures[key]
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise UserError(f"{self._source}: `{key}` is {value!r}, not a finite number")
        return float(value)

    def find(self, key: str) -> float | None:
        """A figure that a run need not have, such as the deviation of a single measurement."""
        if key not in self._figures:
            return None
        return self[key]

    def any_of(self, start: str) -> bool:
        """Whether any key starts so: a run that did not measure it, or from before it was measured, has none."""
        return any(key.startswith(start) for key in self._figures)

    def __contains__(self, key: object) -> bool:
        return key in self._figures

    def __iter__(self) -> Iterator[str]:
        return iter(self._figures)

    def __len__(self) -> int:
        return len(self._figures)


def percent(share: float) -> str:
    """A share of 1 in percent, one decimal, without a trailing zero at both ends of the scale."""
    return f"{100 * share:.{0 if share in (0.0, 1.0) else 1}f}{THIN}%"


def number(value: float, digits: int = 2) -> str:
    """A plain number with a true minus sign and thin groups of thousands."""
    return f"{value:,.{digits}f}".replace(",", THIN).replace("-", "\u2212")


def points(difference: float) -> str:
    """A difference of shares in percentage points, with its sign."""
    sign = "+" if difference > 0 else ""
    return sign + number(100 * difference, 1)


def p_value(p: float) -> str:
    """A p-value as papers print it."""
    if p < 0.001:
        return "< 0.001"
    return f"{p:.3f}" if p < 0.1 else f"{p:.2f}"


def seconds(value: float) -> str:
    """A duration in seconds with two decimals."""
    return f"{value:.2f}{THIN}s"


def hertz(value: float) -> str:
    """A frequency in whole Hz; `none` for a group without a voiced clip."""
    return "none" if math.isnan(value) else f"{value:.0f}{THIN}Hz"


def interval(bounds: tuple[float, float]) -> str:
    """An interval of shares in percent."""
    return f"{100 * bounds[0]:.0f}–{100 * bounds[1]:.0f}{THIN}%"
