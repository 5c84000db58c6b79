"""Wide tables in a text: a line for each row, a field for each column, perhaps a header and ids."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from fillrank.completion.reading import Grid, Reading, is_number, read_numbers, usual
from fillrank.completion.text import Record, Text, plain
from fillrank.errors import DataError, SettingsError
from fillrank.solvers.dense.cells import Array

__all__ = ["read_wide"]

_ID_NAMES = frozenset({"", "id", "ids", "key", "index", "name", "row", "rowid", "user", "userid"})


def read_wide(text: Text, reading: Reading) -> Grid:
    """The numbers of a wide table.

    Without word of it, there is a header if a field after the first is a name; there are ids if the first field of any
    row is a name, or the header calls them ids.

    Raises:
        BadRowsError: a field is neither a number nor missing.
        DataError: it cannot be told whether the first line is a header, or there are no cells.
        SettingsError: all pairs are asked for.
    """
    if reading.all_pairs:
        raise SettingsError("a wide table has all pairs already; leave that out, or say that the layout is long")
    rows = text.rows
    header = _has_header(rows, reading) if reading.header is None else reading.header
    body = rows[1:] if header else rows
    ids = _has_ids(rows[0] if header else None, body, reading) if reading.row_ids is None else reading.row_ids
    names = rows[0].fields if header else [str(place) for place in range(1, len(rows[0].fields) + 1)]
    if not body or not names[ids:]:
        raise DataError("the table has no cells besides its header and ids; there is nothing to complete")
    table = read_numbers([row.fields[ids:] for row in body], [row.line for row in body], names[ids:], reading)

    def write(full: Array, form: Callable[[float], str]) -> int:
        holes = np.argwhere(~table.observed).tolist()
        for i, j in holes:
            body[i].fields[ids + j] = form(full[i, j])
        return len(holes)

    return Grid("wide", header, ids, table, write)


def _has_header(rows: list[Record], reading: Reading) -> bool:
    corner, *rest = rows[0].fields
    if any(reading.is_name(field) for field in rest or [corner]):
        return True
    if not rest or is_number(corner):
        return False
    if usual(corner) in _ID_NAMES - {""}:
        return True
    if reading.is_missing(corner) and any(reading.is_name(row.fields[0]) for row in rows[1:]):
        return True  # an empty corner above names
    if _rises(rest):
        raise DataError(
            f"cannot tell whether line {rows[0].line} is a header of numbers or a row of values; "
            "say so: header=True or False (--header or --no-header)"
        )
    return False


def _rises(fields: list[str]) -> bool:
    """Whether these are several whole numbers in rising order, as numbered columns are."""
    return (
        len(fields) > 1
        and all(plain(field).isdecimal() for field in fields)
        and all(int(plain(a)) < int(plain(b)) for a, b in pairwise(fields))
    )


def _has_ids(header: Record | None, body: list[Record], reading: Reading) -> bool:
    if any(reading.is_name(row.fields[0]) for row in body):
        return True
    return header is not None and len(header.fields) > 1 and usual(header.fields[0]) in _ID_NAMES
