"""Tables of plain text."""

from __future__ import annotations

import math
from collections.abc import Sequence

__all__ = ["number", "table"]


def number(value: float | None, *, signed: bool = False) -> str:
    """A metric as text: four decimals, fewer for large values, a dash for None.

    >>> number(0.04163), number(1234.5678), number(None), number(0.5, signed=True)
    ('0.0416', '1,234.6', '–', '+0.5000')
    """
    if value is None or math.isnan(value):
        return "–"
    return format(value, ("+" if signed else "") + (".4f" if abs(value) < 100 else ",.1f"))


def table(rows: Sequence[Sequence[str]]) -> str:
    """A table of rows with equal length; the first column is aligned to the left, the others to the right.

    >>> print(table([["", "@10"], ["recall", "0.1"]]))
            @10
    recall  0.1
    """
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join([row[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True))])
        for row in rows
    ]
    return "\n".join(line.rstrip() for line in lines)
