"""Notes on suspicious values in a table, such as 999 for missing. The values are not changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from fillrank.completion.reading import Reading
from fillrank.completion.table import Table
from fillrank.completion.text import plain
from fillrank.solvers.dense.cells import Array

__all__ = ["likely_codes", "notes_on_codes", "notes_on_columns", "notes_on_ids", "notes_on_words"]

_SHOWN = 5
_FEWEST = 5  # other values beside a likely code
_NEGATIVE = frozenset(map(float, (-1, -7, -8, -9, -77, -88, -99, -777, -888, -999, -7777, -8888, -9999, -99999)))
_NINES = frozenset(map(float, (9, 99, 999, 9999, 99999, 999999)))


def likely_codes(values: Array) -> Mapping[float, int]:
    """Numbers of a column that may mean a missing value, with their counts.

    Such a code is far from all other values: the only negative value, or 9, 99, 999 …, whose distance to the largest
    other value is at least the range of the other values.

    Example:
        >>> likely_codes(np.array([1, 5, 3, 2, 4, 999, 999])), likely_codes(np.array([1.0, 5, 3, 2, 4, 9, 6]))
        ({999.0: 2}, {})
    """
    known = values[~np.isnan(values)]
    found: dict[float, int] = {}
    for code in sorted(_NEGATIVE | _NINES):
        n = int((known == code).sum())
        if not n:
            continue
        others = known[(known != code) & ~np.isin(known, list(found))]
        if len(others) < _FEWEST or len(np.unique(others)) < 2:
            continue
        low, high = float(others.min()), float(others.max())
        if (low >= 0) if code < 0 else (code - high >= high - low):
            found[code] = n
    return found


def notes_on_codes(table: Table, names: Sequence[str]) -> list[str]:
    """A note for each number that may mean a missing value, with its columns."""
    where: dict[float, list[tuple[str, int]]] = {}
    for name, column, observed in zip(names, table.values.T, table.observed.T, strict=True):
        for code, n in likely_codes(np.where(observed, column, np.nan)).items():
            where.setdefault(code, []).append((name, n))
    return [
        f"{code:g} appears {sum(n for _, n in columns):,}× in {_listed([name for name, _ in columns], 'column')}, "
        f"far from all other values there, and is read as a value; if it means a missing one: --missing={code:g}"
        for code, columns in where.items()
    ]


def notes_on_columns(table: Table, names: Sequence[str], lines: Sequence[int]) -> list[str]:
    """Notes on columns and rows without a known value; the values that are filled in there mean little."""
    columns = [name for name, known in zip(names, _any(table.observed.T), strict=True) if not known]
    rows = [str(line) for line, known in zip(lines, _any(table.observed), strict=True) if not known]
    notes = []
    if columns:
        notes.append(f"no value at all in {_listed(columns, 'column')}: filled with the usual value of each row")
    if rows and len(names) > 1:  # in a single column every hole is such a row
        notes.append(
            f"no value at all in {_listed(rows, 'line', quoted=False)}: filled with the usual value of each column"
        )
    return notes


def notes_on_words(fields: Sequence[Sequence[str]], table: Table, reading: Reading) -> list[str]:
    """A note on each word that was said to mean a missing value, and that no cell holds."""
    if not reading.missing:
        return []
    gone = {plain(fields[i][j]).casefold() for i, j in np.argwhere(~table.observed).tolist()}
    idle = [
        word for word in reading.missing if not any(replace(reading, missing=(word,)).means(field) for field in gone)
    ]
    listed = " or ".join(repr(word) for word in idle)
    return [f"no cell holds {listed} (--missing)"] if idle else []


def notes_on_ids(ids: Sequence[str], lines: Sequence[int]) -> list[str]:
    """A note on ids that several lines have; each line stays a separate row."""
    times = Counter(one for one in ids if one)
    twice = [one for one, n in times.items() if n > 1]
    if not twice:
        return []
    first = next(str(line) for one, line in zip(ids, lines, strict=True) if one == twice[0])
    more = f" and {len(twice) - 1:,} others" if len(twice) > 1 else ""
    return [
        f"the id {twice[0]!r} (first in line {first}){more} appear{'s' if not more else ''} in several lines; each "
        "line is filled as a separate row"
    ]


def _any(known: Array) -> list[bool]:
    return [bool(row.any()) for row in known]


def _listed(names: Sequence[str], noun: str, *, quoted: bool = True) -> str:
    shown = ", ".join(repr(name) if quoted else name for name in names[:_SHOWN])
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    return f"{noun}{'s' if len(names) > 1 else ''} {shown}{more}"
