"""What the estimators are given, as plain arrays: the table, which cells are known, and the scale of the values."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from fillrank.errors import DataError
from fillrank.solvers.dense import Cells
from fillrank.solvers.dense.cells import Array

__all__ = ["Scale", "Table", "as_array", "in_the_form_of", "observed_cells", "row_weights"]


_LARGEST = 1e150  # in size; squares of larger values, or sums of such squares, may be infinite


class Table(NamedTuple):
    """A table in the units of the data.

    Attributes:
        values: float64 or float32 ``[m, n]``; what stands in a hole does not matter.
        observed: bool ``[m, n]``.
    """

    values: Array
    observed: Array

    def rows(self, chosen: Array) -> Table:
        return Table(self.values[chosen], self.observed[chosen])


@dataclass(frozen=True)
class Scale:
    """How the values are made unit-free for the solvers: ``(value - offset) / spread``.

    Attributes:
        offset: the weighted mean of the known cells; 0 without biases.
        spread: the root of their weighted mean square about the offset; 0 if they are all the same, and then the offset
            is all that any cell can be.
    """

    offset: float
    spread: float

    @classmethod
    def of(cls, table: Table, weights: Array, *, centre: bool) -> Scale:
        """The scale of the known cells; ``weights [m]`` are those of the rows."""
        known = table.values[table.observed].astype(np.float64)
        weight = np.broadcast_to(weights[:, None], table.observed.shape)[table.observed]
        share, largest = weight / weight.sum(), float(np.abs(known).max()) or 1.0
        offset = 0.0
        if centre:  # a mean may leave the range of the values by a rounding error
            offset = float(np.clip(share @ known, known.min(), known.max()))
        spread = largest * float(np.sqrt(share @ np.square((known - offset) / largest)))
        return cls(offset, spread if spread > 1e-12 * largest else 0.0)  # less is rounding

    def cells(self, table: Table, weights: Array | None = None) -> Cells:
        """The table for a solver; ``weights [m]`` of the rows come out with mean 1 over the known cells."""
        values = (table.values.astype(np.float64) - self.offset) / (self.spread or 1.0)
        each = table.observed.astype(np.float64)
        if weights is not None:
            each *= weights[:, None]
            each *= table.observed.sum() / each.sum()
        return Cells(np.where(table.observed, values, 0.0), each)

    def restore(self, values: Array) -> Array:
        """Back to the units of the data."""
        return self.offset + self.spread * values


def as_array(X: Any) -> Any:
    """A PyTorch tensor as an array; all else as it came."""
    return X.detach().cpu().numpy() if _is_tensor(X) else X


def in_the_form_of(X: Any, filled: Array) -> Any:
    """A tensor like ``X`` if that is one, or else the array."""
    if not _is_tensor(X):
        return filled
    import torch

    return torch.from_numpy(filled).to(X.device)


def _is_tensor(X: Any) -> bool:
    torch = sys.modules.get("torch")  # who holds a tensor has imported it
    return torch is not None and isinstance(X, torch.Tensor)


def observed_cells(values: Array, mask: Any) -> Array:
    """Which cells are known: those that are not NaN and, with a mask, those where it is true.

    Raises:
        DataError: the mask has another shape or holds other things than true and false, or a known cell is infinite or
            too large to be squared.
    """
    observed: Array = ~np.isnan(values)
    if mask is not None:
        observed &= _as_mask(mask, values.shape)
    infinite = np.argwhere(observed & np.isinf(values))
    if len(infinite):
        row, column = infinite[0].tolist()
        raise DataError(
            f"{len(infinite)} cells are infinite, the first in row {row}, column {column}; "
            "put NaN where a value is missing"
        )
    largest = float(np.abs(values[observed]).max(initial=0.0))
    if largest > _LARGEST:
        raise DataError(f"the largest value is {largest:g}, too large to be squared; divide the values by that")
    return observed


def _as_mask(mask: Any, shape: tuple[int, ...]) -> Array:
    given = np.asarray(as_array(mask))
    if given.shape != shape:
        raise DataError(f"mask has the shape {given.shape} where X has {shape}; give one entry for each cell")
    if given.dtype != bool and not np.isin(given, (0, 1)).all():
        raise DataError("mask must hold only true (known) and false (missing), or 1 and 0")
    return given.astype(bool)


def row_weights(sample_weight: Any, n_rows: int) -> Array:
    """The weight of each row, ``[n_rows]``: ones where none are given.

    Raises:
        DataError: not one number of 0 or more for each row, or none above 0.
    """
    if sample_weight is None:
        return np.ones(n_rows)
    weights = np.asarray(as_array(sample_weight), dtype=np.float64)
    if weights.shape != (n_rows,):
        raise DataError(f"sample_weight has the shape {weights.shape} where X has {n_rows} rows; give one for each row")
    if not (np.isfinite(weights) & (weights >= 0)).all():
        raise DataError("sample_weight must hold finite numbers of 0 or more")
    if not weights.any():
        raise DataError("every sample_weight is zero; give at least one row some weight")
    return weights
