"""Where the records of a delimited text stand in its bytes: found by NumPy, without a loop over healthy lines."""

from __future__ import annotations

import csv
import io
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Spans", "parse_one"]

_QUOTE, _NEWLINE, _RETURN = b'"'[0], b"\n"[0], b"\r"[0]


class Spans(NamedTuple):
    """The records of a text, blank lines left out; the arrays are of one length.

    Attributes:
        buffer: uint8, the whole text.
        starts, ends: record i is ``buffer[starts[i] : ends[i]]``, its line end left out.
        lines: the line that each record begins on; the first line is 1.
        n_separators: separators outside quotes; -1 where quotes do not fit together.
    """

    buffer: NDArray[np.uint8]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    lines: NDArray[np.int64]
    n_separators: NDArray[np.int64]

    @classmethod
    def find(cls, text: bytes, mark: str, *, quotes: bool, n_fields: int | None = None) -> Spans:
        """The spans of ``text``, whose fields are separated by the single byte ``mark``.

        Args:
            text: in UTF-8.
            mark: the separator.
            quotes: whether ``"`` encloses fields.
            n_fields: how many fields a record has; None: as many as the first.
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
        """The text of the chosen records, with a newline between one and the next."""
        if chosen.all() and len(self.starts) == self.lines[-1] and not len(self.buffer) > self.ends[-1] + 1:
            return bytes(self.buffer)  # nothing to leave out
        edges = np.zeros(len(self.buffer) + 2, dtype=np.int8)
        edges[self.starts[chosen]] += 1
        edges[self.ends[chosen] + 1] -= 1
        inside = np.cumsum(edges, dtype=np.int8)[: len(self.buffer)].astype(bool)
        return bytes(self.buffer[inside])

    def text(self, first: int, last: int | None = None) -> str:
        """The text of one record, or of all from ``first`` to ``last``."""
        return bytes(self.buffer[self.starts[first] : self.ends[first if last is None else last]]).decode()

    def quoted(self) -> NDArray[np.bool_]:
        """Which records hold a quote."""
        places = np.flatnonzero(self.buffer == _QUOTE)
        return np.searchsorted(places, self.starts) < np.searchsorted(places, self.ends)


def parse_one(text: str, mark: str, n_fields: int | None = None) -> list[str] | None:
    """The fields of one record by the rules of CSV, or None if it is not one record (of ``n_fields``)."""
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=mark, strict=True))
    except csv.Error:
        return None
    return rows[0] if len(rows) == 1 and n_fields in {None, len(rows[0])} else None


def _join_quoted(
    spans: Spans, marks: NDArray[np.int64], quotes: NDArray[np.int64], mark: str, shape: tuple[int, int | None]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Read the quotes: count separators outside them, and join the lines of a field that spans several.

    A line with an odd number of quotes either opens or closes such a field, or is damaged. It is joined with the lines
    up to the next odd one only if together they are one record with as many fields as the first, and most lines between
    do not look like records of their own: so a stray quote costs its own line, and does not swallow others.

    Args:
        spans: of lines.
        marks, quotes: where separators and quotes stand.
        mark: the separator.
        shape: the first line that is not blank, and the number of fields, where it is known.

    Returns:
        For each line: its separators outside quotes, its end, and whether it is the inner line of a record.
    """
    before = np.searchsorted(quotes, spans.starts)  # quotes before each line
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
