"""``Categories``: what categories each row of a table has, any number of them, as one boolean matrix."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
import polars as pl
import scipy.sparse as sp
from numpy.typing import NDArray

from fillrank.arguments import shown
from fillrank.data.id_values import is_missing
from fillrank.errors import DataError

__all__ = ["Categories", "Category", "cell_values"]

Category = str | int | float | bool


@dataclass(frozen=True, eq=False)
class Categories:
    """The categories of each row.

    Attributes:
        values: the categories, in order.
        of_rows: bool ``[n_rows, n_values]``; what is stored in row i are the categories of row i.

    Example:
        >>> Categories.of_cells([["War", "Drama"], None, "War"], "genre").of_rows.toarray().astype(int)
        array([[1, 1],
               [0, 0],
               [0, 1]])
    """

    values: tuple[Category, ...]
    of_rows: sp.csr_array[Any]

    @classmethod
    def of_cells(cls, cells: Sequence[Any], name: str, separator: str | None = None) -> Self:
        """Read the cells of a column; a cell that is missing or empty has no category.

        Args:
            cells: a single value each, or a list of them.
            name: of the column, for messages.
            separator: between the categories of one cell of text; None: a text is one category.

        Raises:
            DataError: a cell is neither a single value nor a list of such.
        """
        found = {row: list(cell_values(name, cell, separator)) for row, cell in enumerate(cells)}
        return cls.of(found, len(cells))

    @classmethod
    def of(cls, found: Mapping[int, Iterable[Category]], n_rows: int) -> Self:
        """The categories of each row; a row that is not named has none.

        Example:
            >>> Categories.of({0: ["war", "crime"], 2: ["war"]}, 3).of_rows.toarray().astype(int).tolist()
            [[1, 1], [0, 0], [0, 1]]
        """
        pairs = [(row, value) for row, own in found.items() for value in own]
        values = tuple(sorted({value for _, value in pairs}, key=lambda value: (isinstance(value, str), value)))
        codes = {value: code for code, value in enumerate(values)}
        places = [row for row, _ in pairs], [codes[value] for _, value in pairs]
        matrix = sp.coo_array((np.ones(len(pairs)), places), (n_rows, len(values)))
        return cls(values, matrix.tocsr().astype(np.bool_))

    @property
    def n_rows(self) -> int:
        return int(self.of_rows.shape[0])

    @cached_property
    def places(self) -> dict[Category, int]:
        """Where each category stands in :attr:`values`."""
        return {value: place for place, value in enumerate(self.values)}

    def take(self, rows: NDArray[np.int64]) -> Self:
        """The rows at ``rows``, in that order; -1 gives a row without a category."""
        known = np.flatnonzero(rows >= 0)
        counts = np.zeros(len(rows), dtype=np.int64)
        chosen = self.of_rows[rows[known]]
        counts[known] = np.diff(chosen.indptr)
        indptr = np.concatenate([[0], np.cumsum(counts)])
        matrix = sp.csr_array((chosen.data, chosen.indices, indptr), shape=(len(rows), len(self.values)))
        return type(self)(self.values, matrix)

    def followed_by(self, other: Any, name: str) -> Self:
        """These rows and then those of another column; categories that are new follow the others.

        Raises:
            DataError: the other column holds no categories.
        """
        if not isinstance(other, Categories):
            raise DataError(f"column {name!r} holds categories, and the new rows have none there")
        values = (*self.values, *(value for value in other.values if value not in self.places))
        indptr = np.concatenate([self.of_rows.indptr, other.of_rows.indptr[1:] + self.of_rows.nnz])
        wide = type(self)(values, sp.csr_array((len(values), len(values)), dtype=np.bool_))
        moved = np.array([wide.places[value] for value in other.values], dtype=np.int64)
        indices = np.concatenate([self.of_rows.indices, moved[other.of_rows.indices]])
        shape = (self.n_rows + other.n_rows, len(values))
        return type(self)(values, sp.csr_array((np.ones(len(indices), dtype=np.bool_), indices, indptr), shape=shape))


def cell_values(name: str, cell: Any, separator: str | None) -> Iterable[Category]:
    """The categories in one cell; none where it is empty.

    Raises:
        DataError: a value is no text, number or truth value.
    """
    if isinstance(cell, str) and separator:
        cell = [part.strip() for part in cell.split(separator)]
    if isinstance(cell, pl.Series | np.ndarray):
        cell = cell.tolist() if isinstance(cell, np.ndarray) else cell.to_list()
    listed = cell if isinstance(cell, list | tuple | set | frozenset) else [cell]
    for value in listed:
        if is_missing(value) or value == "":
            continue
        plain = value.item() if isinstance(value, np.generic) else value
        if not isinstance(plain, str | int | float):
            raise DataError(f"column {name!r} of the table holds {shown(value)}; give texts, numbers or truth values")
        yield plain
