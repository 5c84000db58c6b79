"""Delimited text as columns of strings, with true line numbers and damaged records set aside.

A text is looked at twice. First :mod:`fillrank.data.spans` finds the records in the raw bytes: that gives each its
line number and its number of fields, so that one with too few or too many is found for certain. Then polars reads the
records that are whole.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fillrank.data.spans import Spans, parse_one
from fillrank.errors import BadRowsError, DataError

__all__ = ["Records", "as_utf8", "read_records", "table"]

_FIELD = "\x1f"  # the unit separator: stands for separators of more than one character


class Records(NamedTuple):
    """The records of a text.

    Attributes:
        fields: one String column for each field, named ``"0", "1", …``; an empty field is null or empty.
        lines: for each row of ``fields``, the line it begins on (the first line is 1).
        ragged: the lines that begin a record with another number of fields than the first record.
    """

    fields: pl.DataFrame
    lines: NDArray[np.int64]
    ragged: NDArray[np.int64]


def read_records(text: bytes, separator: str, *, quotes: bool = True) -> Records:
    """The records of delimited text, the first of which says how many fields there are.

    Args:
        text: as :func:`as_utf8` gives it. Blank lines are passed over.
        separator: of one character or more; a single blank stands for any run of blanks and tabs.
        quotes: whether ``"`` encloses fields that hold a separator or a line end.

    Raises:
        DataError: the first line opens a quote and does not close it, so that the number of fields is not known.

    Example:
        >>> records = read_records(b'who,what\\n\\nann,"Heat, 1995"\\nbob\\n', ",")
        >>> records.fields.rows(), records.lines.tolist(), records.ragged.tolist()
        ([('who', 'what'), ('ann', 'Heat, 1995')], [1, 3], [4])
    """
    text, mark = _with_single_separator(text, separator)
    spans = Spans.find(text, mark, quotes=quotes)
    if not len(spans.lines):
        return Records(pl.DataFrame(), spans.lines, spans.lines)
    if spans.n_separators[0] < 0:
        raise DataError(f"the quotes in line {spans.lines[0]} do not fit together; mend it")
    whole = spans.n_separators == spans.n_separators[0]
    n_fields = int(spans.n_separators[0]) + 1
    try:
        fields = _parse(spans.join(whole), mark, n_fields, quotes=quotes)
    except pl.exceptions.PolarsError:  # a quote stands where none should
        fields = pl.DataFrame()
    if len(fields) != whole.sum():
        fields, whole = _parse_quoted_apart(spans, whole, mark, n_fields)
    return Records(fields, spans.lines[whole], spans.lines[~whole])


def table(data: bytes, separator: str, *, quotes: bool = False) -> pl.DataFrame:
    """The fields of a text file that is known to be regular.

    Raises:
        BadRowsError: some lines have another number of fields than the first.
    """
    records = read_records(as_utf8(data), separator, quotes=quotes)
    if len(records.ragged):
        raise BadRowsError(
            f"{len(records.ragged)} lines have another number of fields than the first line, the first of them is line "
            f"{records.ragged[0]}; get the file anew"
        )
    return records.fields


def as_utf8(data: bytes) -> bytes:
    """The same text in UTF-8 without a byte-order mark, its lines ended by a newline.

    Text that is neither UTF-16 with its mark nor valid UTF-8 is taken as Latin-1.
    """
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        data = data.decode("utf-16").encode()
    data = data.removeprefix(b"\xef\xbb\xbf")
    if not data.isascii():
        try:
            data.decode("utf-8")
        except UnicodeDecodeError:
            data = data.decode("latin-1").encode()
    return data if b"\n" in data else data.replace(b"\r", b"\n")


def _with_single_separator(text: bytes, separator: str) -> tuple[bytes, str]:
    if separator == " ":
        trimmed = re.sub(rb"(?m)^[ \t]+|[ \t]+(?=\r?$)", b"", text)
        return re.sub(rb"[ \t]+", _FIELD.encode(), trimmed), _FIELD
    if len(separator.encode()) > 1:
        return text.replace(separator.encode(), _FIELD.encode()), _FIELD
    return text, separator


def _parse(text: bytes, mark: str, n_fields: int, *, quotes: bool) -> pl.DataFrame:
    schema = {str(i): pl.String() for i in range(n_fields)}
    header = (
        mark.join(schema).encode() + b"\n"
    )  # of our own: without one polars guesses the columns from the first line
    quote = '"' if quotes else None
    return pl.read_csv(header + text, separator=mark, quote_char=quote, schema=schema, raise_if_empty=False)


def _parse_quoted_apart(
    spans: Spans, whole: NDArray[np.bool_], mark: str, n_fields: int
) -> tuple[pl.DataFrame, NDArray[np.bool_]]:
    """The slow way: every record that holds a quote is read on its own, and is ragged if that fails."""
    quoted = spans.quoted() & whole
    parsed = {int(i): parse_one(spans.text(int(i)), mark, n_fields) for i in np.flatnonzero(quoted)}
    apart = {i: row for i, row in parsed.items() if row is not None}
    plain = np.flatnonzero(whole & ~quoted)
    fields = _parse(spans.join(whole & ~quoted), mark, n_fields, quotes=False)
    frames = [fields, pl.DataFrame(list(apart.values()), schema=fields.schema, orient="row")]
    places = np.concatenate([plain, np.array(list(apart), dtype=np.int64)])
    good = np.zeros(len(whole), dtype=bool)
    good[places] = True
    return pl.concat(frames)[np.argsort(places)], good
