"""Long tables in a text: a line ``row,column,value`` for each cell."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from fillrank.completion.reading import Grid, Reading, read_numbers, usual
from fillrank.completion.table import Table
from fillrank.completion.text import Record, Text, plain
from fillrank.errors import DataError, DuplicateError, SettingsError
from fillrank.solvers.dense.cells import Array

__all__ = ["looks_long", "read_long"]

_ROWS = frozenset({"row", "rows", "rowid", "user", "users", "userid", "uid", "customer", "customerid"})
_COLUMNS = frozenset(
    {
        "column",
        "columns",
        "columnid",
        "item",
        "items",
        "itemid",
        "iid",
        "movie",
        "movieid",
        "film",
        "product",
        "productid",
    }
)
_VALUES = frozenset({"value", "values", "rating", "ratings", "score", "stars"})
_LARGEST = 50_000_000  # cells of a dense table: 400 MB for each copy


def looks_long(text: Text) -> bool:
    """Whether the first line is a header such as ``user,item,rating``; the first two may change places."""
    names = [usual(field) for field in text.rows[0].fields]
    if len(names) != 3 or names[2] not in _VALUES:
        return False
    return (names[0] in _ROWS and names[1] in _COLUMNS) or (names[0] in _COLUMNS and names[1] in _ROWS)


def read_long(text: Text, reading: Reading) -> Grid:
    """The numbers of a long table; rows and columns stand in the order in which the lines first name them.

    A line without a value is a hole. So is every pair that no line mentions, but those are only filled where the
    reading asks for all pairs.

    Raises:
        BadRowsError: a value is neither a number nor missing.
        DataError: there are not three columns, no cells, or too many for a table in memory.
        DuplicateError: a pair stands twice.
        SettingsError: ids of rows are ruled out, which a long table must have.
    """
    rows = text.rows
    if len(rows[0].fields) != 3:
        raise DataError(f"a long table has three columns (row, column, value), and this one has {len(rows[0].fields)}")
    if reading.row_ids is False:
        raise SettingsError("a long table names its rows; leave row_ids (--no-row-ids) out")
    header = reading.is_name(rows[0].fields[2]) if reading.header is None else reading.header
    body = rows[1:] if header else rows
    if not body:
        raise DataError("the table has no cells besides its header; there is nothing to complete")
    places = tuple(_places([plain(row.fields[side]) for row in body]) for side in (0, 1))
    shape = (max(places[0]) + 1, max(places[1]) + 1)
    _check_size(shape)
    _check_pairs(body, places)
    listed = read_numbers([row.fields[2:] for row in body], [row.line for row in body], rows[0].fields[2:], reading)
    table = Table(np.full(shape, np.nan), np.zeros(shape, dtype=bool))
    table.values[places], table.observed[places] = listed.values[:, 0], listed.observed[:, 0]

    def write(full: Array, form: Callable[[float], str]) -> int:
        holes = [place for place, known in enumerate(listed.observed[:, 0]) if not known]
        for place in holes:
            body[place].fields[2] = form(full[places[0][place], places[1][place]])
        added = _unmentioned(body, places, shape) if reading.all_pairs else []
        _append(text, [[*ids, form(full[cell])] for cell, ids in added])
        return len(holes) + len(added)

    return Grid("long", header, True, table, write)


def _places(ids: list[str]) -> list[int]:
    """The place of each id in the order of first appearance."""
    order: dict[str, int] = {}
    return [order.setdefault(one, len(order)) for one in ids]


def _check_size(shape: tuple[int, int]) -> None:
    if shape[0] * shape[1] > _LARGEST:
        raise DataError(
            f"{shape[0]:,} rows × {shape[1]:,} columns are too many for a table in memory (at most {_LARGEST:,} "
            "cells); train a model on the log instead: fillrank fit"
        )


def _check_pairs(body: list[Record], places: Sequence[list[int]]) -> None:
    first: dict[tuple[int, int], int] = {}
    for record, i, j in zip(body, *places, strict=True):
        if (earlier := first.setdefault((i, j), record.line)) != record.line:
            row, column = plain(record.fields[0]), plain(record.fields[1])
            raise DuplicateError(
                f"the pair ({row!r}, {column!r}) stands in line {earlier} and again in line {record.line}; keep one"
            )


def _unmentioned(
    body: list[Record], places: Sequence[list[int]], shape: tuple[int, int]
) -> list[tuple[tuple[int, int], list[str]]]:
    """Each cell that no line mentions, with its ids as they are first written."""
    absent = np.ones(shape, dtype=bool)
    absent[tuple(places)] = False
    written: tuple[dict[int, str], dict[int, str]] = ({}, {})
    for side in (0, 1):
        for place, record in zip(places[side], body, strict=True):
            written[side].setdefault(place, record.fields[side])
    return [((i, j), [written[0][i], written[1][j]]) for i, j in np.argwhere(absent).tolist()]


def _append(text: Text, rows: list[list[str]]) -> None:
    if rows:
        last, end = text.records[-1], text.records[0].end or "\n"
        last.end = last.end or end
        text.records += [Record(fields, end, last.line) for fields in rows]
