"""The common part of the readers of wide and long tables: missing cells, numbers, and writing back."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np

from fillrank.completion.numbers import Notation, looks_like_a_number
from fillrank.completion.table import Table
from fillrank.completion.text import plain
from fillrank.data.io.missing import MISSING_WORDS
from fillrank.errors import BadRowsError
from fillrank.solvers.dense.cells import Array

__all__ = ["Layout", "Reading", "TextCells", "read_numbers"]

Layout = Literal["auto", "wide", "long"]

_SHOWN = 5  # bad fields that an error names


@dataclass(frozen=True)
class Reading:
    """How to read a file; options that are None are inferred from the file.

    Attributes:
        layout: ``"wide"``, ``"long"``, or ``"auto"``: long if the header is like ``user,item,rating``.
        separator: one character between fields.
        header: whether the first line is a header.
        row_ids: whether the first column of a wide table is the rows' ids. A long table always has them.
        missing: further words for a missing value, besides those of :data:`fillrank.data.io.missing.MISSING_WORDS`
            (nothing, ``NA``, ``NaN``, ``null`` …); upper and lower case alike. A number includes all equal numbers:
            ``"99"`` also means ``99.0``.
        all_pairs: for a long table: also fill the pairs without a line, and add a line for each.
        ignore: columns of a wide table that are left as they are, by name or by position (from 1).
        notation: how numbers are written.

    Example:
        >>> reading = Reading(missing=("?", "99"))
        >>> [reading.is_missing(field) for field in ("", ' "" ', "na", "?", "99.0", "0", "-")]
        [True, True, True, True, True, False, False]
    """

    layout: Layout = "auto"
    separator: str | None = None
    header: bool | None = None
    row_ids: bool | None = None
    missing: tuple[str, ...] = ()
    all_pairs: bool = False
    ignore: tuple[str, ...] = ()
    notation: Notation = field(default_factory=Notation)

    @cached_property
    def _words(self) -> frozenset[str]:
        return MISSING_WORDS | {plain(word).casefold() for word in self.missing}

    @cached_property
    def _codes(self) -> frozenset[float]:
        """The numbers given for missing values, in the file's notation or in the usual one."""
        read = [notation.value(word) for word in self.missing for notation in (self.notation, Notation())]
        return frozenset(number for number in read if number is not None)

    def number(self, field: str) -> float | None:
        """The number in a field, even if it means a missing value; None if there is none."""
        return self.notation.value(field)

    def is_missing(self, field: str) -> bool:
        """Whether a field means a missing value."""
        return plain(field).casefold() in self._words or (bool(self._codes) and self.number(field) in self._codes)

    def means(self, field: str) -> bool:
        """Whether a field is one of :attr:`missing`, the usual words aside."""
        said = {plain(word).casefold() for word in self.missing}
        return plain(field).casefold() in said or (bool(self._codes) and self.number(field) in self._codes)

    def is_name(self, field: str) -> bool:
        """Whether a field can name a row or a column: it has a letter or a digit, is no number and not missing."""
        said = plain(field)
        return (
            any(letter.isalnum() for letter in said)
            and self.number(field) is None
            and not looks_like_a_number(field)
            and not self.is_missing(field)
        )


@dataclass(frozen=True, eq=False)
class TextCells:
    """The numbers of a text, and a function that writes them back.

    Attributes:
        layout: the layout that was found.
        header: whether there is a header.
        row_ids: whether there are ids of rows.
        table: ``[m, n]``.
        write: takes a full table ``[m, n]`` and a function that formats a number, writes the numbers into the missing
            cells of the text, and returns how many it has written.
        notes: notes on how the file was read.
    """

    layout: Layout
    header: bool
    row_ids: bool
    table: Table
    write: Callable[[Array, Callable[[float], str]], int]
    notes: tuple[str, ...] = ()


def read_numbers(
    fields: Sequence[Sequence[str]], lines: Sequence[int], names: Sequence[str], reading: Reading
) -> Table:
    """Fields ``[m, n]`` as a table; ``lines [m]`` and ``names [n]`` are for messages.

    Raises:
        BadRowsError: some are neither finite numbers nor missing.
    """
    values = np.full((len(fields), len(names)), np.nan)
    bad: list[tuple[str, str, int]] = []
    for i, row in enumerate(fields):
        for j, written in enumerate(row):
            if reading.is_missing(written):
                continue
            if (number := reading.number(written)) is not None:
                values[i, j] = number
            else:
                where = f"line {lines[i]}, column {plain(names[j])!r}: {plain(written)[:40]!r}"
                bad.append((plain(written), where, j))
    if bad:
        more = f" and {len(bad) - _SHOWN:,} more" if len(bad) > _SHOWN else ""
        shown = "; ".join(where for _, where, _ in bad[:_SHOWN])
        counted = "1 field is no finite number" if len(bad) == 1 else f"{len(bad):,} fields are no finite numbers"
        raise BadRowsError(f"{counted}: {shown}{more}; {_what_to_do(bad, values, names, reading)}")
    return Table(values, ~np.isnan(values))


_NOTATIONS = (
    (Notation(decimal=","), "--decimal , for a decimal comma"),
    (Notation(thousands=","), "--thousands , for 1,234"),
    (Notation(decimal=",", thousands="."), "--decimal , --thousands . for 1.234,5"),
    (Notation(thousands="'"), "--thousands \"'\" for 1'234"),
    (Notation(thousands=" "), "--thousands ' ' for 1 234"),
    (Notation(unit="%"), "--unit % for a sign behind the numbers"),
)


def _what_to_do(bad: list[tuple[str, str, int]], values: Array, names: Sequence[str], reading: Reading) -> str:
    """Advice for fields that are not numbers: ``--ignore`` for columns of text, other options for other fields."""
    known = (~np.isnan(values)).sum(axis=0)
    text = {
        column
        for column in {column for _, _, column in bad}
        if not known[column] and all(reading.is_name(said) for said, _, place in bad if place == column)
    }
    rest = [said for said, _, column in bad if column not in text]
    if not text or len(text) == len(names):
        return _advice([said for said, _, _ in bad], reading)
    ignored = " ".join(f"--ignore {shlex.quote(plain(names[column]))}" for column in sorted(text))
    said = f"columns of text are left as they are with {ignored}"
    return f"{said}; of the others: {_advice(rest, reading)}" if rest else said


def _advice(bad: list[str], reading: Reading) -> str:
    """Options that may help with such fields."""
    fitting = [
        said
        for notation, said in _NOTATIONS
        if reading.notation == Notation() and all(notation.value(field) is not None for field in bad)
    ]
    if fitting:
        return " or ".join(fitting[:2])
    if len(set(bad)) == 1 and not any(letter.isdigit() for letter in bad[0]):
        return f"if that means a missing value: --missing={shlex.quote(bad[0])}"
    return (
        "fix them, or name the words for missing values (--missing), columns to leave as they are (--ignore), or "
        "say that the first column names the rows (--row-ids)"
    )
