"""Read and write long tables: a text with a row, a column and a value on each line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from fillrank.completion.oddities import notes_on_codes, notes_on_words
from fillrank.completion.reading import Reading, TextCells, read_numbers
from fillrank.completion.table import Table
from fillrank.completion.text import Record, Text, plain
from fillrank.data.io.names import LESS_USUAL_NAMES, USUAL_NAMES, plain_name
from fillrank.errors import BadRowsError, DataError, DuplicateError, SettingsError
from fillrank.solvers.dense.cells import Array

__all__ = ["looks_long", "read_long"]

_NAMES = {
    "row": USUAL_NAMES["user"] | LESS_USUAL_NAMES["user"] | {"row", "rows", "rowid"},
    "column": USUAL_NAMES["item"] | LESS_USUAL_NAMES["item"] | {"column", "columns", "columnid"},
    "value": USUAL_NAMES["value"] | LESS_USUAL_NAMES["value"],
}
_LARGEST = 50_000_000  # cells of a dense table: 400 MB for each copy
_SHOWN = 5  # lines that an error names


class _Places(NamedTuple):
    """The positions of row, column and value in a line; other fields are left as they are."""

    row: int
    column: int
    value: int


def looks_long(text: Text) -> bool:
    """Whether the first line is a header such as ``user,item,rating``, in any order, perhaps with further names."""
    return _places(text.rows[0].fields) is not None


def read_long(text: Text, reading: Reading) -> TextCells:
    """Read the numbers of a long table; rows and columns are in the order of their first occurrence.

    A line without a value is a missing cell. So is every pair without a line, but these are filled only if the reading
    asks for all pairs.

    Raises:
        BadRowsError: a value is neither a number nor missing, or a line has no row or no column.
        DataError: the columns cannot be recognised; or there are no cells, or too many for a table in memory.
        DuplicateError: a pair has two lines.
        SettingsError: the reading says that there are no ids of rows, or that columns are to be ignored; both are for
            wide tables.
    """
    rows = text.rows
    named = _places(rows[0].fields) if reading.header is not False else None
    if named is None and len(rows[0].fields) != 3:
        raise DataError(
            f"a long table has three columns (row, column, value), and this one has {len(rows[0].fields)} without "
            "names such as user, item and rating"
        )
    if reading.row_ids is False:
        raise SettingsError("a long table names its rows; leave row_ids (--no-row-ids) out")
    if reading.ignore:
        raise SettingsError("a long table has no columns to ignore: all but row, column and value stay; leave it out")
    places = named or _Places(0, 1, 2)
    header = _has_header(rows, places, reading) if reading.header is None else reading.header
    body = rows[1:] if header else rows
    if not body:
        raise DataError("the table has no cells besides its header; there is nothing to complete")
    _check_ids(body, places)
    cells = tuple(_numbered([plain(row.fields[side]) for row in body]) for side in places[:2])
    shape = (max(cells[0]) + 1, max(cells[1]) + 1)
    _check_size(shape)
    _check_pairs(body, places, cells)
    value_name = rows[0].fields[places.value] if header else str(places.value + 1)
    values = [[row.fields[places.value]] for row in body]
    listed = read_numbers(values, [row.line for row in body], [value_name], reading)
    table = Table(np.full(shape, np.nan), np.zeros(shape, dtype=bool))
    table.values[cells], table.observed[cells] = listed.values[:, 0], listed.observed[:, 0]

    def write(full: Array, form: Callable[[float], str]) -> int:
        holes = [line for line, known in enumerate(listed.observed[:, 0]) if not known]
        for line in holes:
            body[line].fields[places.value] = text.field(form(full[cells[0][line], cells[1][line]]))
        added = _unmentioned(body, places, cells, shape) if reading.all_pairs else []
        for cell, fields in added:
            fields[places.value] = text.field(form(full[cell]))
        text.append([fields for _, fields in added])
        return len(holes) + len(added)

    notes = notes_on_codes(listed, [plain(value_name)]) + notes_on_words(values, listed, reading)
    return TextCells("long", header, True, table, write, tuple(notes))


def _places(header: Sequence[str]) -> _Places | None:
    """The positions of the names of row, column and value in a header; None if one is missing or is there twice."""
    plainly = [plain_name(plain(name)) for name in header]
    found = [[place for place, name in enumerate(plainly) if name in names] for names in _NAMES.values()]
    return _Places(*(places[0] for places in found)) if all(len(places) == 1 for places in found) else None


def _has_header(rows: list[Record], places: _Places, reading: Reading) -> bool:
    """Whether the first line is a header: its value is a word that no other line has as a value."""
    said = rows[0].fields[places.value]
    again = any(plain(row.fields[places.value]) == plain(said) for row in rows[1:])
    return reading.is_name(said) and not again


def _numbered(ids: list[str]) -> list[int]:
    """The number of each id in the order of first appearance."""
    order: dict[str, int] = {}
    return [order.setdefault(one, len(order)) for one in ids]


def _check_ids(body: list[Record], places: _Places) -> None:
    without = [row.line for row in body if not plain(row.fields[places.row]) or not plain(row.fields[places.column])]
    if without:
        more = f" and {len(without) - _SHOWN:,} more" if len(without) > _SHOWN else ""
        shown = ", ".join(map(str, without[:_SHOWN]))
        raise BadRowsError(
            f"line {shown}{more}: the row or the column has no name; give each cell both, or leave it out"
        )


def _check_size(shape: tuple[int, int]) -> None:
    if shape[0] * shape[1] > _LARGEST:
        raise DataError(
            f"{shape[0]:,} rows × {shape[1]:,} columns are too many for a table in memory (at most {_LARGEST:,} "
            "cells); train a model on the log instead: fillrank fit"
        )


def _check_pairs(body: list[Record], places: _Places, cells: Sequence[list[int]]) -> None:
    first: dict[tuple[int, int], int] = {}
    for record, i, j in zip(body, *cells, strict=True):
        if (earlier := first.setdefault((i, j), record.line)) != record.line:
            row, column = plain(record.fields[places.row]), plain(record.fields[places.column])
            raise DuplicateError(
                f"the pair ({row!r}, {column!r}) is in line {earlier} and again in line {record.line}; keep one"
            )


def _unmentioned(
    body: list[Record], places: _Places, cells: Sequence[list[int]], shape: tuple[int, int]
) -> list[tuple[tuple[int, int], list[str]]]:
    """Each cell without a line, with a new line for it: ids as first written, other fields empty."""
    absent = np.ones(shape, dtype=bool)
    absent[tuple(cells)] = False
    written: tuple[dict[int, str], dict[int, str]] = ({}, {})
    for side in (0, 1):
        for number, record in zip(cells[side], body, strict=True):
            written[side].setdefault(number, record.fields[places[side]])
    added = []
    for i, j in np.argwhere(absent).tolist():
        fields = [""] * len(body[0].fields)
        fields[places.row], fields[places.column] = written[0][i], written[1][j]
        added.append(((i, j), fields))
    return added
