"""The candidates of a search as a readable table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["tried_in_words"]

_APART = {"model", "seconds", "note"}


def tried_in_words(rows: Sequence[Mapping[str, Any]]) -> str:
    """The table in aligned columns: the model, its seconds, its metrics, and a note.

    Example:
        >>> rows = [{"model": "ease", "seconds": 1.26, "ndcg@20": 0.31}, {"model": "als", "note": "left out"}]
        >>> print(tried_in_words(rows))
        model  seconds  ndcg@20
        ease       1.3   0.3100
        als                      left out
    """
    metrics = list(dict.fromkeys(name for row in rows for name in row if name not in _APART))
    lines = [["model", "seconds", *metrics, ""]]
    for row in rows:
        seconds = f"{row['seconds']:.1f}" if "seconds" in row else ""
        numbers = [f"{row[name]:.4f}" if name in row else "" for name in metrics]
        lines.append([row["model"], seconds, *numbers, row.get("note", "")])
    widths = [max(len(line[n]) for line in lines) for n in range(len(lines[0]))]
    return "\n".join(_aligned(line, widths) for line in lines)


def _aligned(line: Sequence[str], widths: Sequence[int]) -> str:
    name, *numbers, note = line
    cells = (number.rjust(width) for number, width in zip(numbers, widths[1:-1], strict=True))
    return "  ".join([name.ljust(widths[0]), *cells, note]).rstrip()
