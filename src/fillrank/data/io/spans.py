"""Find the records of a delimited text in its bytes, by NumPy, without a Python loop over good lines."""

from __future__ import annotations

import csv
import io
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Spans", "parse_one"]

_QUOTE, _NEWLINE, _RETURN = b'"'[0], b"\n"[0], b"\r"[0]


class Spans(NamedTuple):
    """The records of a text without blank lines. All arrays have one entry per record.

    Attributes:
        buffer: uint8, the whole text.
        starts, ends: record i is ``buffer[starts[i] : ends[i]]``, without the newline.
        lines: the line on which each record begins; the first line is 1.
        n_separators: number of separators outside quotes; -1 if the quotes are unbalanced.
    """

    buffer: NDArray[np.uint8]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    lines: NDArray[np.int64]
    n_separators: NDArray[np.int64]

    @classmethod
    def find(cls, text: bytes, mark: str, *, quotes: bool, n_fields: int | None = None) -> Spans:
        """Find the records of ``text``.

        Args:
            text: in UTF-8.
            mark: the separator, a single byte.
            quotes: whether ``"`` encloses fields.
            n_fields: number of fields of a record; None: as many as the first has.
        """
        buffer = np.frombuffer(text, dtype=np.uint8)
        newlines = np.flatnonzero(buffer == _NEWLINE)
        starts = np.concatenate([[0], newlines + 1])
        ends = np.concatenate([newlines, [len(buffer)]])
        marks = np.flatnonzero(buffer == ord(mark))
        counts = np.diff(np.searchsorted(marks, ends), prepend=0)
        keep = ends > starts
        keep[keep] = ~((ends - starts == 1)[keep] & (buffer[starts[keep]] == _RETURN))
        spans = cls(buffer, starts, ends, np.arange(1, len(starts) + 1), counts)
        quote_places = np.flatnonzero(buffer == _QUOTE) if quotes else newlines[:0]
        if len(quote_places) and keep.any():
            counts, ends, inner = _join_quoted(spans, marks, quote_places, mark, (int(np.argmax(keep)), n_fields))
            spans, keep = spans._replace(n_separators=counts, ends=ends), keep & ~inner
        return cls(buffer, *(column[keep] for column in spans[1:]))

    def join(self, chosen: NDArray[np.bool_]) -> bytes:
        """The text of the chosen records, with newlines between them."""
        if chosen.all() and len(self.starts) == self.lines[-1] and not len(self.buffer) > self.ends[-1] + 1:
            return bytes(self.buffer)  # all records are chosen
        edges = np.zeros(len(self.buffer) + 2, dtype=np.int8)
        edges[self.starts[chosen]] += 1
        edges[self.ends[chosen] + 1] -= 1
        inside = np.cumsum(edges, dtype=np.int8)[: len(self.buffer)].astype(bool)
        return bytes(self.buffer[inside])

    def text(self, first: int, last: int | None = None) -> str:
        """The text of record ``first``, or of the records from ``first`` to ``last``."""
        return bytes(self.buffer[self.starts[first] : self.ends[first if last is None else last]]).decode()

    def quoted(self) -> NDArray[np.bool_]:
        """Which records contain a quote."""
        places = np.flatnonzero(self.buffer == _QUOTE)
        return np.searchsorted(places, self.starts) < np.searchsorted(places, self.ends)


def parse_one(text: str, mark: str, n_fields: int | None = None) -> list[str] | None:
    """The fields of one record by the rules of CSV; None if the text is not exactly one record (of ``n_fields``)."""
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=mark, strict=True))
    except csv.Error:
        return None
    return rows[0] if len(rows) == 1 and n_fields in {None, len(rows[0])} else None


def _join_quoted(
    spans: Spans, marks: NDArray[np.int64], quotes: NDArray[np.int64], mark: str, shape: tuple[int, int | None]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Count the separators outside quotes, and join the lines of a quoted field that spans several lines.

    A line with an odd number of quotes opens or closes such a field, or is damaged. It is joined with the lines up to
    the next such line only under two conditions: together they are one record with as many fields as the first, and
    most lines between do not look like records of their own. So a stray quote costs only its own line.

    Args:
        spans: of the lines.
        marks, quotes: positions of separators and quotes.
        mark: the separator.
        shape: the first line that is not blank, and the number of fields if it is known.

    Returns:
        For each line: its separators outside quotes, its end, and whether it is the inner line of a record.
    """
    before = np.searchsorted(quotes, spans.starts)  # number of quotes before each line
    n_quotes = np.searchsorted(quotes, spans.ends) - before
    line_of = np.searchsorted(spans.ends, marks)
    outside = (np.searchsorted(quotes, marks) - before[line_of]) % 2 == 0
    counts = np.bincount(line_of[outside], minlength=len(spans.starts))
    ends, inner = spans.ends.copy(), np.zeros(len(counts), dtype=bool)
    odd = np.flatnonzero(n_quotes % 2)
    first, known = shape
    n_fields = known or int(counts[first]) + 1
    if known is None and len(odd) > 1 and odd[0] == first:  # the first record itself spans several lines
        n_fields = len(parse_one(spans.text(first, int(odd[1])), mark) or "") or n_fields
    record_like = np.concatenate([[0], np.cumsum((n_quotes == 0) & (spans.n_separators == n_fields - 1))])
    counts[odd] = -1
    place = 0
    while place + 1 < len(odd):
        opens, closes = int(odd[place]), int(odd[place + 1])
        place += 1
        n_inner, n_alike = closes - opens - 1, record_like[closes] - record_like[opens + 1]
        if n_inner and 2 * n_alike >= n_inner:
            continue
        if parse_one(spans.text(opens, closes), mark, n_fields) is not None:
            counts[opens], ends[opens] = n_fields - 1, spans.ends[closes]
            inner[opens + 1 : closes + 1] = True
            place += 1
    return counts, ends, inner
