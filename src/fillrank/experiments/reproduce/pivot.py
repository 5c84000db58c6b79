"""Arrange a study with entries "THIS, THAT" as a grid: rows are the part before the comma, columns that after it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fillrank.errors import DataError
from fillrank.experiments.reproduce.table import StudyRow, rows_of

__all__ = ["Pivot", "number_in", "pivot"]


@dataclass(frozen=True)
class Pivot:
    """A grid of results.

    Attributes:
        lines: what stands before the comma, in the order of the study.
        columns: what stands after it, by the number in it where each has one, else in the order of the study.
        cells: the result of each pair that there is.
    """

    lines: Sequence[str]
    columns: Sequence[str]
    cells: Mapping[tuple[str, str], StudyRow]


def pivot(record: Mapping[str, Any]) -> Pivot:
    """The grid of a record's entries, under the first of its protocols.

    Args:
        record: what :meth:`fillrank.experiments.reproduce.record.StudyRecord.to_dict` gave.

    Raises:
        DataError: an entry has no comma in its name, or no run is finished.
    """
    plain = [name for name in record["entries"] if ", " not in name]
    if plain:
        raise DataError(
            f"a grid wants entries that are called 'THIS, THAT', and {plain[0]!r} of {record['study']} has no comma"
        )
    rows = [row for row in rows_of(record) if row.protocol == record["protocols"][0]]
    if not rows:
        raise DataError(f"no run of the study {record['study']} is finished, so there is no grid; let it run on")
    cells: dict[tuple[str, str], StudyRow] = {}
    for row in rows:
        line, _, column = row.entry.partition(", ")
        cells[line, column] = row
    columns = list(dict.fromkeys(column for _, column in cells))
    numbers = {column: number_in(column) for column in columns}
    if None not in numbers.values():
        columns.sort(key=lambda column: numbers[column] or 0.0)
    return Pivot(list(dict.fromkeys(line for line, _ in cells)), columns, cells)


def number_in(words: str) -> float | None:
    """The first number in a text; None if there is none.

    Example:
        >>> number_in("800 negatives"), number_in("margin 0.7"), number_in("noise view")
        (800.0, 0.7, None)
    """
    found = re.search(r"\d+(?:\.\d+)?", words)
    return None if found is None else float(found[0])
