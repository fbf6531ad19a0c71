"""Aligned tables for a terminal, as wide as their content.

Knows: columns and rows of text.  Does not know: what they mean.
Invariant: no line ends in blanks, and columns are separated by at least two, so that `awk` and `grep` work.
"""

import unicodedata
from collections.abc import Iterable, Sequence

GAP = "  "


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """The lines of a table, its head first, ending with a newline.  None shows as `-`."""
    lines = [list(head), *([_cell(value) for value in row] for row in rows)]
    widths = [max(width(line[column]) for line in lines) for column in range(len(head))]
    return "".join(_line(line, widths) for line in lines)


def width(text: str) -> int:
    """Columns a text takes on a terminal: wide characters take two, combining ones none."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def shown(text: str) -> str:
    """The text on one line, with what would move the cursor spelt out: names come from strangers."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _cell(value: object) -> str:
    return "-" if value is None or value == "" else shown(str(value))


def _line(cells: list[str], widths: list[int]) -> str:
    padded = [cell + " " * (wide - width(cell)) for cell, wide in zip(cells, widths, strict=True)]
    return GAP.join(padded).rstrip() + "\n"
