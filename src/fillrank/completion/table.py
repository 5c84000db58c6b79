"""The input of the estimators as arrays: the table, its known cells, and the scale of its values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from fillrank.arguments import naming, shown
from fillrank.completion.containers import as_array, as_numbers
from fillrank.completion.frames import column_names
from fillrank.errors import DataError, FillrankError
from fillrank.runtime.rng import numpy_stream
from fillrank.solvers.dense import Cells
from fillrank.solvers.dense.cells import Array

__all__ = ["Scale", "Table", "hidden_parts", "in_units", "observed_cells", "row_weights"]


_FARTHEST = 1e140  # error in units of a column; the squares of larger ones would be infinite
_LARGEST = 1e150  # in size; squares of larger values, or sums of such squares, may be infinite


class Table(NamedTuple):
    """A table in the units of the data.

    Attributes:
        values: float64 or float32 ``[m, n]``; values in missing cells do not matter.
        observed: bool ``[m, n]``.
    """

    values: Array
    observed: Array

    def rows(self, chosen: Array) -> Table:
        return Table(self.values[chosen], self.observed[chosen])


@dataclass(frozen=True)
class Scale:
    """How values are scaled for the solvers: ``(value - offset) / spread``.

    Attributes:
        offset: the weighted mean of the known cells; 0 without biases. A number for the whole table, or ``[n]``, one
            for each column.
        spread: the root of their weighted mean square about the offset, of the same shape; 0 if they are all equal, and
            then every prediction is the offset.
    """

    offset: float | Array
    spread: float | Array

    @classmethod
    def of(cls, table: Table, weights: Array, *, centre: bool, by_column: bool = False) -> Scale:
        """The scale of the known cells; ``weights [m]`` are those of the rows.

        A column without a known cell gets the scale of the whole table.
        """
        known = table.values[table.observed].astype(np.float64)
        weight = np.broadcast_to(weights[:, None], table.observed.shape)[table.observed]
        share, largest = weight / weight.sum(), float(np.abs(known).max()) or 1.0
        offset = 0.0
        if centre:  # a mean may leave the range of the values by a rounding error
            offset = float(np.clip(share @ known, known.min(), known.max()))
        spread = largest * float(np.sqrt(share @ np.square((known - offset) / largest)))
        whole = cls(offset, spread if spread > 1e-12 * largest else 0.0)  # less is rounding
        return whole._of_columns(table, weights, centre=centre) if by_column else whole

    def _of_columns(self, table: Table, weights: Array, *, centre: bool) -> Scale:
        """A scale for each column; this one for columns without known cells."""
        each = np.where(table.observed, weights[:, None], 0.0)
        values = np.where(each > 0, table.values, 0.0).astype(np.float64)
        total, largest = each.sum(axis=0), np.abs(values).max(axis=0, initial=0.0)
        share, unit = each / np.where(total > 0, total, 1.0), np.where(largest > 0, largest, 1.0)
        offset = np.zeros(len(total))
        if centre:
            inside = np.where(each > 0, values, np.inf).min(axis=0), np.where(each > 0, values, -np.inf).max(axis=0)
            offset = np.where(total > 0, np.clip((share * values).sum(axis=0), *inside), self.offset)
        spread = unit * np.sqrt((share * np.square((values - offset) / unit)).sum(axis=0))
        spread = np.where(spread > 1e-12 * unit, spread, 0.0)
        return Scale(offset, np.where(total > 0, spread, self.spread))

    def cells(self, table: Table, weights: Array | None = None) -> Cells:
        """The table for a solver; ``weights [m]`` of the rows come out with mean 1 over the known cells."""
        known = np.where(table.observed, table.values.astype(np.float64) - self.offset, 0.0)
        values = known / np.where(self.spread == 0, 1.0, self.spread)
        each = table.observed.astype(np.float64)
        if weights is not None:
            each *= weights[:, None]
            each *= table.observed.sum() / each.sum()
        return Cells(values, each)

    def restore(self, values: Array) -> Array:
        """Convert scaled values back to the units of the data."""
        return self.offset + self.spread * values


def in_units(errors: Array, units: float | Array) -> Array:
    """Errors ``[…, n]`` divided by the spread of their columns; 0 in a column without a spread."""
    spread = np.broadcast_to(np.asarray(units, dtype=np.float64), errors.shape)
    with np.errstate(over="ignore"):
        counted = np.divide(errors, spread, out=np.zeros(errors.shape), where=spread > 0)
    return np.clip(counted, -_FARTHEST, _FARTHEST)


def observed_cells(values: Array, mask: Any, names: Sequence[Any] | None = None) -> Array:
    """Which cells are known: those that are not NaN and, if there is a mask, are True in it.

    Args:
        values: ``[m, n]``.
        mask: ``[m, n]`` or None.
        names: of the columns, for messages; and a mask with names must have these.

    Raises:
        DataError: the mask has another shape, other columns, or other values than true and false; or a known cell is
            infinite or too large to be squared.
    """
    observed: Array = ~np.isnan(values)
    if mask is not None:
        observed &= _as_mask(mask, values.shape, names)
    infinite = np.argwhere(observed & np.isinf(values))
    if len(infinite):
        counted = "1 cell is" if len(infinite) == 1 else f"{len(infinite)} cells are"
        raise DataError(
            f"{counted} infinite, the first in {_place(infinite[0], names)}; put NaN where a value is missing"
        )
    sizes = np.abs(np.where(observed, values, 0.0))
    if float(sizes.max(initial=0.0)) > _LARGEST:
        worst = np.unravel_index(sizes.argmax(), sizes.shape)
        raise DataError(
            f"the largest value, in {_place(worst, names)}, is {values[worst]:g}, too large to be squared; divide the "
            "values by that"
        )
    return observed


def _array_of(given: Any, make: Callable[[Any], Array]) -> Array:
    """Convert to a NumPy array, or raise a ``DataError`` that says what was given."""
    if isinstance(given, str | bytes):
        raise DataError(f"must be an array, got {shown(given)}")
    try:
        return make(given)
    except FillrankError:
        raise
    except (TypeError, ValueError, OverflowError) as error:
        raise DataError(f"must be an array of numbers, got {shown(given)}; {error}") from error


def _place(cell: Any, names: Sequence[Any] | None) -> str:
    row, column = (int(place) for place in cell)
    return f"row {row}, column {column}" + (f" ({names[column]!r})" if names is not None else "")


def _as_mask(mask: Any, shape: tuple[int, ...], names: Sequence[Any] | None) -> Array:
    own = column_names(mask)
    if own is not None and names is not None and own != list(names) and len(own) == len(names):
        raise DataError("the columns of mask are not those of X, or in another order; give it the same columns")
    with naming("mask"):
        given = _array_of(mask, lambda mask: np.asarray(as_numbers(as_array(mask))))
    if given.shape != shape:
        raise DataError(f"mask has the shape {given.shape} where X has {shape}; give one entry for each cell")
    if given.dtype != bool and not np.isin(given, (0, 1)).all():
        raise DataError("mask must hold only true (known) and false (missing), or 1 and 0")
    return given.astype(bool)


def hidden_parts(observed: Array, n_parts: int = 5) -> Array:
    """Divide known cells into folds, row by row: int ``[m, n]``, -1 for missing cells.

    Each row's cells are divided evenly, in a pseudo-random order of the columns that is the same for all rows. So the
    folds of a row do not depend on the other rows.

    Example:
        >>> parts = hidden_parts(np.array([[True, True, False, True], [True, True, True, True]]), 2)
        >>> [np.bincount(row[row >= 0]).tolist() for row in parts]
        [[2, 1], [2, 2]]
    """
    order = numpy_stream(0, "score").permutation(observed.shape[1])
    parts = np.full(observed.shape, -1)
    parts[:, order] = np.where(observed[:, order], (np.cumsum(observed[:, order], axis=1) - 1) % n_parts, -1)
    return parts


def row_weights(sample_weight: Any, n_rows: int) -> Array:
    """The weight of each row, ``[n_rows]``; ones if none are given.

    Raises:
        DataError: there is not one number of 0 or more for each row, or no number is above 0.
    """
    if sample_weight is None:
        return np.ones(n_rows)
    with naming("sample_weight"):
        weights = _array_of(sample_weight, lambda given: np.asarray(as_array(given), dtype=np.float64))
    if weights.shape != (n_rows,):
        raise DataError(f"sample_weight has the shape {weights.shape} where X has {n_rows} rows; give one for each row")
    if not (np.isfinite(weights) & (weights >= 0)).all():
        raise DataError("sample_weight must hold finite numbers of 0 or more")
    if not weights.any():
        raise DataError("every sample_weight is zero; give at least one row some weight")
    return weights
