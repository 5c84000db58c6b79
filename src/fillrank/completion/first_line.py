"""Decide whether the first line of a wide table is a header."""

from __future__ import annotations

from itertools import pairwise

from fillrank.completion.reading import Reading
from fillrank.completion.text import Record, plain
from fillrank.data.io.names import is_id_name
from fillrank.errors import DataError

__all__ = ["header_lines", "is_header"]


def is_header(rows: list[Record], reading: Reading) -> bool:
    """Whether the first of these rows names the columns.

    It does if it has names and no numbers, if its first field is a usual name for ids, or if its first field is empty
    and there are names below it.

    Raises:
        DataError: it cannot be inferred; the message says what is odd.

    Example:
        >>> lines = [Record(["who", "a", "b"], "", 1), Record(["ann", "1.5", "2"], "", 2)]
        >>> is_header(lines, Reading()), is_header(lines[1:], Reading())
        (True, False)
    """
    first, body = rows[0], rows[1:]
    corner, *rest = first.fields
    if not rest:
        return reading.is_name(corner)
    names = [field for field in rest if reading.is_name(field)]
    numbers = [field for field in first.fields if reading.number(field) is not None]
    is_id = reading.number(corner) is None and bool(plain(corner)) and is_id_name(plain(corner))
    if names:
        said = {plain(field) for row in body for field in row.fields[1:]}
        years = _rises(numbers) and reading.number(corner) is None  # beside a word such as "total"
        if is_id or ((not numbers or years) and not any(plain(name) in said for name in names)):
            return True
        raise _cannot_tell(first, names[0])
    if reading.number(corner) is not None:
        return False
    if is_id and (len(numbers) < 2 or _rises(numbers)):
        return True
    if reading.is_name(corner) and len(numbers) == len(rest) and _are_years(numbers):
        return True
    if not plain(corner) and any(reading.is_name(row.fields[0]) for row in body):
        return True
    if is_id or (len(numbers) == len(rest) and _rises(numbers)):
        raise DataError(
            f"cannot tell whether line {first.line} is a header of numbers or a row of values; "
            "say so: header=True or False (--header or --no-header)"
        )
    return False


def header_lines(rows: list[Record], reading: Reading) -> int:
    """The number of header rows if the first row is one: rows of units or of further names belong to it.

    A line below the header belongs to it if all its fields contain letters, none is a number or missing, and none
    appears again below: it could not be a row of values.

    Example:
        >>> lines = [Record(fields, "", 1) for fields in (["height", "weight"], ["(m)", "(kg)"], ["1.8", "70"])]
        >>> header_lines(lines, Reading())
        2
    """
    n = 1
    while n < len(rows) - 1 and len(rows[n].fields) > 1:
        fields = rows[n].fields[1:]
        below = {plain(field) for row in rows[n + 1 :] for field in row.fields[1:]}
        corner = rows[n].fields[0]
        named = all(_has_letter(field) and reading.is_name(field) and plain(field) not in below for field in fields)
        if not named or reading.number(corner) is not None:
            break
        n += 1
    return n


def _has_letter(field: str) -> bool:
    return any(letter.isalpha() for letter in field)


def _cannot_tell(first: Record, odd: str) -> DataError:
    place = first.fields.index(odd) + 1
    return DataError(
        f"line {first.line}, column '{place}': {plain(odd)[:40]!r} may be the name of a column, or no number; say "
        f"whether line {first.line} is a header (--header or --no-header), or name what stands for a missing value "
        "(--missing)"
    )


def _rises(fields: list[str]) -> bool:
    """Whether these are ascending whole numbers, as numbered columns have."""
    said = [plain(field) for field in fields]
    return len(said) > 1 and all(map(str.isdecimal, said)) and all(int(a) < int(b) for a, b in pairwise(said))


def _are_years(fields: list[str]) -> bool:
    return _rises(fields) and all(1800 <= int(plain(field)) < 2200 for field in fields)
