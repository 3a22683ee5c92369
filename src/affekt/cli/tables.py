"""Plain tables for a terminal or a pipe."""

from collections.abc import Sequence

GAP = "  "


def format_table(heads: Sequence[str], rows: Sequence[Sequence[str]], numeric: bool = False) -> str:
    """Columns as wide as their widest cell, under their heads; `numeric` sets all but the first right."""
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    rule = ["-" * width for width in widths]
    lines = []
    for cells in (heads, rule, *rows):
        padded = [
            cell.rjust(width) if numeric and column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        lines.append(GAP.join(padded).rstrip())
    return "\n".join(lines)
