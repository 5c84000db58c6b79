"""The columns of features: categories, numbers and vectors, one entry for each row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal, Self, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fillrank.arguments import shown
from fillrank.data.categories import Categories
from fillrank.data.id_values import is_missing
from fillrank.data.ids import shown_id
from fillrank.errors import DataError

__all__ = ["FeatureColumn", "Kind", "NumberColumn", "VectorColumn", "column_of", "is_list", "usual_kind"]

Kind = Literal["category", "tags", "number", "vector", "skip"]
_DAY = 86400.0
_FEW = 20
"""Up to so many rows, texts that all differ are still categories."""


@dataclass(frozen=True, eq=False)
class NumberColumn:
    """A number for each row: float64 ``[n]``, NaN where it is missing."""

    values: NDArray[np.float64]

    @property
    def n_rows(self) -> int:
        return len(self.values)

    def followed_by(self, other: Any, name: str) -> Self:
        """These rows and then those of another column of the same kind."""
        if not isinstance(other, NumberColumn):
            raise DataError(f"column {name!r} holds numbers, and the new rows have none there")
        return type(self)(np.concatenate([self.values, other.values]))

    def take(self, rows: NDArray[np.int64]) -> Self:
        """The rows at ``rows``, in that order; -1 gives a row whose number is missing."""
        return type(self)(np.where(rows >= 0, np.append(self.values, np.nan)[rows], np.nan))


@dataclass(frozen=True, eq=False)
class VectorColumn:
    """A vector for each row: float32 ``[n, width]``, zeros where it is missing."""

    values: NDArray[np.float32]

    @property
    def n_rows(self) -> int:
        return len(self.values)

    def followed_by(self, other: Any, name: str) -> Self:
        """These rows and then those of another column of the same kind."""
        if not isinstance(other, VectorColumn) or other.values.shape[1] != self.values.shape[1]:
            raise DataError(f"column {name!r} holds vectors of {self.values.shape[1]}, and the new rows do not")
        return type(self)(np.concatenate([self.values, other.values]))

    def take(self, rows: NDArray[np.int64]) -> Self:
        """The rows at ``rows``, in that order; -1 gives zeros."""
        nothing = np.zeros((1, self.values.shape[1]), dtype=np.float32)
        return type(self)(np.concatenate([self.values, nothing])[rows])


FeatureColumn: TypeAlias = Categories | NumberColumn | VectorColumn


def usual_kind(cells: Sequence[Any], separator: str | None) -> Kind:
    """What the cells of a column are, where nobody has said it.

    Numbers, dates and moments are numbers; truth values and texts are categories; texts with the separator, and lists,
    are tags; lists of decimal numbers, all of one length, are vectors. Texts of which most are there only once, such as
    titles, say nothing of any other row, and are skipped.
    """
    known = [cell for cell in cells if is_list(cell) or not is_missing(cell)]
    if not known:
        return "skip"
    if any(is_list(cell) for cell in known):
        return "vector" if _are_vectors(known) else "tags"
    if all(isinstance(cell, int | float | np.number | date) and not isinstance(cell, bool) for cell in known):
        return "number"
    texts = [cell for cell in known if isinstance(cell, str)]
    if separator and any(separator in text for text in texts):
        return "tags"
    mostly_once = len(known) > _FEW and len(set(map(str, known))) > len(known) / 2
    return "skip" if mostly_once else "category"


def column_of(name: str, cells: Sequence[Any], kind: Kind, ids: Sequence[Any], separator: str | None) -> FeatureColumn:
    """A column of the kind that was asked for.

    Args:
        name, ids: of the column, and of its rows, for messages.
        cells: one for each row.
        kind: not ``"skip"``.
        separator: of tags within a text.

    Raises:
        DataError: a cell is of another kind; says which row.
    """
    if kind == "number":
        return NumberColumn(np.array([_number(name, cell, one) for cell, one in zip(cells, ids, strict=True)]))
    if kind == "vector":
        return VectorColumn(_vectors(name, cells, ids))
    return Categories.of_cells(cells, name, separator if kind == "tags" else None)


def is_list(cell: Any) -> bool:
    """Whether a cell holds several values."""
    return isinstance(cell, list | tuple | set | frozenset | np.ndarray | pl.Series)


def _are_vectors(known: Sequence[Any]) -> bool:
    lists = [list(cell) if is_list(cell) else [cell] for cell in known]
    return len({len(one) for one in lists}) == 1 and all(
        isinstance(value, float | np.floating) for one in lists for value in one
    )


def _number(name: str, cell: Any, row: Any) -> float:
    if is_missing(cell) or cell == "":
        return np.nan
    if isinstance(cell, datetime):
        return cell.timestamp() / _DAY
    if isinstance(cell, date):
        return float(cell.toordinal())
    try:
        number = float(cell)
    except (TypeError, ValueError, OverflowError):
        number = np.inf
    if not np.isfinite(number):
        raise DataError(
            f"column {name!r} has {shown(cell)} for {shown_id(row)}, and a finite number was wanted; leave the cell "
            f"empty where it is missing, or say kinds={{{name!r}: 'category'}}"
        )
    return number


def _vectors(name: str, cells: Sequence[Any], ids: Sequence[Any]) -> NDArray[np.float32]:
    known = [cell for cell in cells if is_list(cell)]
    width = len(known[0]) if known else 0
    table = np.zeros((len(cells), width), dtype=np.float32)
    for place, (cell, row) in enumerate(zip(cells, ids, strict=True)):
        if not is_list(cell) and is_missing(cell):
            continue
        try:
            numbers = np.array(list(cell), dtype=np.float32)
        except (TypeError, ValueError):
            numbers = np.zeros(0, dtype=np.float32)
        if numbers.shape != (width,) or not np.isfinite(numbers).all():
            raise DataError(
                f"column {name!r} has {shown(cell)} for {shown_id(row)}, and {width} finite numbers were wanted, as in "
                "the first row that has some"
            )
        table[place] = numbers
    return table
