"""Read and write wide tables: a text with a line for each row, perhaps with a header and ids."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np

from fillrank.completion.first_line import header_lines, is_header
from fillrank.completion.oddities import notes_on_codes, notes_on_columns, notes_on_ids, notes_on_words
from fillrank.completion.reading import Reading, TextCells, read_numbers
from fillrank.completion.text import Record, Text, plain
from fillrank.data.io.names import USUAL_NAMES, is_id_name, plain_name
from fillrank.errors import BadRowsError, DataError, SettingsError
from fillrank.solvers.dense.cells import Array

__all__ = ["read_wide"]

_FEWEST_CELLS = 6
_TIMES = frozenset({"year", "years", "month", "week", "day", "hour", "quarter"})


def read_wide(text: Text, reading: Reading) -> TextCells:
    """Read the numbers of a wide table.

    Unless the reading says otherwise, there is a header if the first line has names and no numbers; and there are ids
    if most fields of the first column are names, or the header says that they are ids. A last column without a name and
    without values comes from separators at the ends of lines, and is not a column of the table.

    Raises:
        BadRowsError: a field is neither a number nor missing.
        DataError: it is unclear whether the first line is a header; a column to ignore does not exist; or there are no
            cells.
        SettingsError: the reading asks for all pairs, which is for long tables.
    """
    if reading.all_pairs:
        raise SettingsError("a wide table has all pairs already; leave that out, or say that the layout is long")
    rows = text.rows
    if text.has_short_header:
        header, first_fields = True, ["", *rows[0].fields]
    else:
        header = is_header(rows, reading) if reading.header is None else reading.header
        first_fields = rows[0].fields
    n_above = header_lines(rows, reading) if header else 0
    body = rows[n_above:]
    width = len(first_fields)
    names = [plain(name) for name in first_fields] if header else [str(place + 1) for place in range(width)]
    left = _ignored(names, reading)
    first = next((place for place in range(width) if place not in left), 0)
    name = names[first] if header else None
    ids = _has_ids(name, first, body, reading) if reading.row_ids is None else reading.row_ids
    columns = [place for place in range(width) if place not in left and not (ids and place == first)]
    if columns[1:] and _is_no_column(columns[-1], body, names if header else ()):
        columns.pop()
    if not body or not columns:
        raise DataError("the table has no cells besides its header and ids; there is nothing to complete")
    fields = [[row.fields[place] for place in columns] for row in body]
    lines, called = [row.line for row in body], [names[place] for place in columns]
    try:
        table = read_numbers(fields, lines, called, reading)
    except BadRowsError as error:
        if not _may_be_long(body):
            raise
        raise BadRowsError(f"{error}; or, as no pair of its first two columns is there twice: --layout long") from error

    def write(full: Array, form: Callable[[float], str]) -> int:
        holes = np.argwhere(~table.observed).tolist()
        for i, j in holes:
            body[i].fields[columns[j]] = text.field(form(full[i, j]))
        return len(holes)

    notes = [f"lines {rows[0].line} to {rows[n_above - 1].line} are read as the header"] if n_above > 1 else []
    if reading.row_ids is None:
        notes += _on_the_first_column(first, name, body, reading, is_ids=ids)
    notes += notes_on_ids([plain(row.fields[first]) for row in body], lines) if ids else []
    notes += notes_on_columns(table, called, lines) + notes_on_codes(table, called)
    notes += notes_on_words(fields, table, reading)
    if reading.layout == "auto" and table.observed.all() and _may_be_long(body):
        notes.append(
            "three columns, and no pair of the first two is there twice: if each line is a cell (row, column, value), "
            "it is a long table: --layout long"
        )
    return TextCells("wide", header, ids, table, write, tuple(notes))


def _ignored(names: Sequence[str], reading: Reading) -> set[int]:
    """The positions of the columns that are left as they are."""
    places: set[int] = set()
    for wanted in reading.ignore:
        found = {place for place, name in enumerate(names) if name == wanted}
        if not found and wanted.isdecimal() and 1 <= int(wanted) <= len(names):
            found = {int(wanted) - 1}
        if not found:
            listed = ", ".join(map(repr, names[:20]))
            raise DataError(f"there is no column {wanted!r} to leave as it is (--ignore); the columns are {listed}")
        places |= found
    return places


def _has_ids(name: str | None, place: int, body: list[Record], reading: Reading) -> bool:
    """Whether the first column names the rows. A single word among numbers is not enough for that."""
    fields = [row.fields[place] for row in body]
    n_names = sum(reading.is_name(field) for field in fields)
    if 2 * n_names > sum(not reading.is_missing(field) for field in fields):
        return True
    if name is None or not body or len(body[0].fields) == 1:
        return False
    return not name or is_id_name(name) or _is_time(name, fields, reading)


def _is_time(name: str, fields: list[str], reading: Reading) -> bool:
    """Whether a column has a usual name of times, and different values in all rows."""
    called = plain_name(name) in USUAL_NAMES["time"] | _TIMES
    return called and len(set(map(plain, fields))) == len(fields) and not any(map(reading.is_missing, fields))


def _on_the_first_column(
    place: int, name: str | None, body: list[Record], reading: Reading, *, is_ids: bool
) -> list[str]:
    """Notes if the role of the first column is uncertain."""
    fields = [plain(row.fields[place]) for row in body]
    called = repr(name) if name else "1"
    if is_ids:
        if name and _is_time(name, fields, reading) and all(reading.number(field) is not None for field in fields):
            return [f"column {called} is read as the times of the rows, not as values; if it has values: --no-row-ids"]
        return []
    if len(fields) > 2 and all(map(str.isdecimal, fields)) and {int(b) - int(a) for a, b in pairwise(fields)} == {1}:
        return [
            f"column {called} counts from {fields[0]} to {fields[-1]} and is read as values like the others; if it "
            "numbers the rows: --row-ids"
        ]
    return []


def _may_be_long(body: list[Record]) -> bool:
    """Whether three columns look like a long table: the first two repeat their values, but no pair is there twice."""
    if len(body) < _FEWEST_CELLS or any(len(row.fields) != 3 for row in body):
        return False
    sides = [[plain(row.fields[side]) for row in body] for side in (0, 1)]
    again = all(len(set(side)) <= len(body) / 2 for side in sides)
    return again and len(set(zip(*sides, strict=True))) == len(body)


def _is_no_column(place: int, body: list[Record], names: Sequence[str]) -> bool:
    return not (names and names[place]) and not any(plain(row.fields[place]) for row in body)
