"""Read delimited text as columns of strings, with exact line numbers; damaged records are set aside.

If all lines have the same number of separators and no quotes, polars reads the text directly. Any other text is read in
two steps. First :mod:`fillrank.data.io.spans` finds the records in the raw bytes, with their line numbers and numbers
of fields, so that each record with too few or too many fields is found. Then polars reads the whole records.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fillrank.data.io.encoding import Decoder
from fillrank.data.io.guard import no_panic
from fillrank.data.io.spans import Spans, parse_one
from fillrank.errors import BadRowsError, DataError

__all__ = ["Records", "as_utf8", "read_records", "table", "with_single_separator"]

_FIELD = "\x1f"  # the unit separator of ASCII replaces separators of more than one character
_ALL_BYTES = bytes(range(256))


class Records(NamedTuple):
    """The records of a text.

    Attributes:
        fields: one String column for each field, named ``"0", "1", …``; an empty field is null or empty.
        lines: the line on which each row of ``fields`` begins (the first line is 1).
        ragged: the first lines of records with another number of fields than the first record.
        n_comments: number of comment lines that were left out.
    """

    fields: pl.DataFrame
    lines: NDArray[np.int64]
    ragged: NDArray[np.int64]
    n_comments: int = 0


def read_records(
    text: bytes,
    separator: str,
    *,
    quotes: bool = True,
    n_fields: int | None = None,
    wanted: Sequence[int] | None = None,
) -> Records:
    """Read the records of delimited text.

    Args:
        text: UTF-8, with lines that end in newlines. Blank lines are left out, and so are lines that begin with ``#``
            and have another number of fields than the rest.
        separator: one or more characters; a single blank means any run of blanks and tabs.
        quotes: whether ``"`` encloses fields that contain a separator or a newline.
        n_fields: number of fields of a record; None: as many as the first has. Additional empty fields are accepted.
        wanted: which fields to read, in ascending order; None: all.

    Raises:
        DataError: the first line opens a quote and does not close it, so that the number of fields is not known.

    Example:
        >>> records = read_records(b'who,what\\n\\nann,"Heat, 1995"\\nbob\\n', ",")
        >>> records.fields.rows(), records.lines.tolist(), records.ragged.tolist()
        ([('who', 'what'), ('ann', 'Heat, 1995')], [1, 3], [4])
    """
    text, mark = with_single_separator(text, separator, quotes=quotes)
    n_lines = 0 if n_fields is None or (quotes and b'"' in text) else _regular_lines(text, mark, n_fields)
    if n_fields is not None and n_lines:
        fields = _parse(text, mark, n_fields, wanted, quotes=False)
        if len(fields) == n_lines:
            return Records(fields, np.arange(1, n_lines + 1), np.empty(0, dtype=np.int64))
    spans = Spans.find(text, mark, quotes=quotes, n_fields=n_fields)
    if not len(spans.lines):
        return Records(pl.DataFrame(), spans.lines, spans.lines)
    if n_fields is None and spans.n_separators[0] < 0:
        raise DataError(f"the quotes in line {spans.lines[0]} do not fit together; fix it")
    n_fields = n_fields or int(spans.n_separators[0]) + 1
    whole = spans.n_separators == n_fields - 1
    apart, comments = _fixed(spans, whole, mark, n_fields)
    fields = _parse_whole(spans, whole, apart, mark, (n_fields, wanted, quotes))
    good = whole.copy()
    good[list(apart)] = True
    ragged = ~good
    ragged[comments] = False
    return Records(fields, spans.lines[good], spans.lines[ragged], len(comments))


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


def as_utf8(data: bytes, encoding: str | None = None) -> bytes:
    """Convert a text to UTF-8 without a byte-order mark, with lines that end in newlines: see :class:`Decoder`."""
    data = b"".join(Decoder([data], encoding))
    return data if b"\n" in data else data.replace(b"\r", b"\n")


def with_single_separator(text: bytes, separator: str, *, quotes: bool = True) -> tuple[bytes, str]:
    """Replace the separator by a single byte, and return the text and that byte. The lines stay the same."""
    if separator == " ":
        return _without_runs(text, quotes=quotes), _FIELD
    if len(separator.encode()) > 1:
        return text.replace(separator.encode(), _FIELD.encode()), _FIELD
    return text, separator


def _without_runs(text: bytes, *, quotes: bool) -> bytes:
    if quotes and b'"' in text:  # keep blanks within quotes
        trimmed = re.sub(rb"(?m)^[ \t]+|[ \t]+(?=\r?$)", b"", text)
        return re.sub(rb'"[^"\n]*"|[ \t]+', lambda run: run[0] if run[0][:1] == b'"' else _FIELD.encode(), trimmed)
    if not any(odd in text for odd in (b"  ", b"\t", b"\n ", b" \n", b" \r")) and text[:1] != b" ":
        return text.rstrip(b" ").replace(b" ", _FIELD.encode())
    trimmed = re.sub(rb"(?m)^[ \t]+|[ \t]+(?=\r?$)", b"", text)
    return re.sub(rb"[ \t]+", _FIELD.encode(), trimmed)


def _regular_lines(text: bytes, mark: str, n_fields: int) -> int:
    """The number of lines if each has ``n_fields - 1`` separators and none is blank; else 0."""
    if n_fields < 2 or not mark.isascii():
        return 0
    only = text.translate(None, delete=_ALL_BYTES.replace(mark.encode(), b"").replace(b"\n", b""))
    if not text.endswith(b"\n"):
        only += b"\n"
    n_lines = len(only) // n_fields
    return n_lines if only == (mark.encode() * (n_fields - 1) + b"\n") * n_lines else 0


def _parse(text: bytes, mark: str, n_fields: int, wanted: Sequence[int] | None, *, quotes: bool) -> pl.DataFrame:
    schema = {str(i): pl.String() for i in range(n_fields)}
    header = (
        mark.join(schema).encode() + b"\n"
    )  # an explicit schema, because polars would guess the columns from the first line
    return pl.read_csv(
        header + text,
        separator=mark,
        quote_char='"' if quotes else None,
        schema=schema,
        columns=None if wanted is None else [str(place) for place in wanted],
        raise_if_empty=False,
    )


def _fixed(spans: Spans, whole: NDArray[np.bool_], mark: str, n_fields: int) -> tuple[dict[int, list[str]], list[int]]:
    """Among records with another number of fields: those whose last fields are empty, and those that are comments."""
    apart, comments = {}, []
    for record in np.flatnonzero(~whole).tolist():
        said = spans.text(record)
        if said.lstrip().startswith("#"):
            comments.append(record)
        elif spans.n_separators[record] >= n_fields:
            fields = parse_one(said.rstrip("\r"), mark)
            if fields and not any(field.strip() for field in fields[n_fields:]):
                apart[record] = fields[:n_fields]
    return apart, comments


def _parse_whole(
    spans: Spans,
    whole: NDArray[np.bool_],
    apart: dict[int, list[str]],
    mark: str,
    how: tuple[int, Sequence[int] | None, bool],
) -> pl.DataFrame:
    """Parse the whole records and those in ``apart``, in their order; mark those that turn out not to be whole."""
    n_fields, wanted, quotes = how
    try:
        with no_panic():
            fields = _parse(spans.join(whole), mark, n_fields, wanted, quotes=quotes)
    except pl.exceptions.PolarsError:  # a quote in a wrong place
        fields = pl.DataFrame()
    if len(fields) != whole.sum() or not fields.width:  # parse each record with a quote by itself, which is slow
        quoted = spans.quoted() & whole
        for record in np.flatnonzero(quoted).tolist():
            row = parse_one(spans.text(record), mark, n_fields)
            if row is not None:
                apart[record] = row
        whole &= ~quoted
        fields = _parse(spans.join(whole), mark, n_fields, wanted, quotes=False)
    if not apart:
        return fields
    kept = range(n_fields) if wanted is None else wanted
    rows = [[row[place] for place in kept] for row in apart.values()]
    places = np.concatenate([np.flatnonzero(whole), np.array(list(apart), dtype=np.int64)])
    frames = [fields, pl.DataFrame(rows, schema=fields.schema, orient="row")]
    return pl.concat(frames)[np.argsort(places)]
