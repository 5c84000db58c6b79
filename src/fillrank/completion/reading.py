"""What the readers of wide and of long tables share: what is missing, what is a number, and the way back."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from fillrank.completion.table import Table
from fillrank.completion.text import plain
from fillrank.errors import BadRowsError
from fillrank.solvers.dense.cells import Array

__all__ = ["Grid", "Layout", "Reading", "is_number", "read_numbers", "usual"]

Layout = Literal["auto", "wide", "long"]

_MISSING = frozenset({"", "na", "n/a", "nan", "null", "none"})
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
_SHOWN = 5  # bad fields that an error names


@dataclass(frozen=True)
class Reading:
    """How to read a file; what is None is told from what stands there.

    Attributes:
        layout: ``"wide"``, ``"long"``, or ``"auto"``: long if the header is like ``user,item,rating``.
        header: whether the first line is a header.
        row_ids: whether the first column of a wide table is the rows' ids. A long table always has them.
        missing: what else stands for a missing value, besides nothing, ``NA``, ``N/A``, ``NaN``, ``null`` and ``None``;
            upper and lower case alike.
        all_pairs: of a long table, also fill the pairs that no line mentions, and add a line for each.

    Example:
        >>> reading = Reading(missing=("?",))
        >>> [reading.is_missing(field) for field in ("", ' "" ', "na", "?", "0", "-")]
        [True, True, True, True, False, False]
    """

    layout: Layout = "auto"
    header: bool | None = None
    row_ids: bool | None = None
    missing: tuple[str, ...] = ()
    all_pairs: bool = False

    def is_missing(self, field: str) -> bool:
        """Whether a field stands for a missing value."""
        said = plain(field).casefold()
        return said in _MISSING or said in {word.casefold() for word in self.missing}

    def is_name(self, field: str) -> bool:
        """Whether a field is neither missing nor a number."""
        return not is_number(field) and not self.is_missing(field)


@dataclass(frozen=True, eq=False)
class Grid:
    """The numbers of a text, and the way back.

    Attributes:
        layout: the one that was found.
        header: whether there is a header.
        row_ids: whether there are ids of rows.
        table: ``[m, n]``.
        write: takes a full table ``[m, n]`` and a way to write a number, puts the numbers into the holes of the text,
            and says how many those were.
    """

    layout: Layout
    header: bool
    row_ids: bool
    table: Table
    write: Callable[[Array, Callable[[float], str]], int]


def is_number(field: str) -> bool:
    """Whether a field is a number written with digits; ``inf`` is none."""
    return _NUMBER.fullmatch(plain(field)) is not None


def usual(name: str) -> str:
    """A name as lists of usual names have it: small letters, no blanks, no underscores, no hyphens.

    Example:
        >>> usual(' "User_ID" ')
        'userid'
    """
    return re.sub(r"[\s_-]", "", plain(name)).casefold()


def read_numbers(
    fields: Sequence[Sequence[str]], lines: Sequence[int], names: Sequence[str], reading: Reading
) -> Table:
    """Fields ``[m, n]`` as a table; ``lines [m]`` and ``names [n]`` are for messages.

    Raises:
        BadRowsError: some are neither finite numbers nor missing.
    """
    values = np.full((len(fields), len(names)), np.nan)
    bad: list[str] = []
    for i, row in enumerate(fields):
        for j, field in enumerate(row):
            if is_number(field) and np.isfinite(value := float(plain(field))):
                values[i, j] = value
            elif not reading.is_missing(field):
                bad.append(f"line {lines[i]}, column {plain(names[j])!r}: {plain(field)[:40]!r}")
    if bad:
        more = f" and {len(bad) - _SHOWN:,} more" if len(bad) > _SHOWN else ""
        raise BadRowsError(
            f"{len(bad):,} fields are no finite numbers: {'; '.join(bad[:_SHOWN])}{more}; mend them, or name what "
            "stands for a missing value (--missing)"
        )
    return Table(values, ~np.isnan(values))
