"""A matrix that rows of numbers are multiplied with: sparse, or dense. What item-to-item scorers are made of.

Shapes: ``B`` rows, ``m`` sources (what a row is made of), ``n`` targets (what is scored).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol, TypeAlias, cast

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import embedding_bag

from fillrank.arguments import shown
from fillrank.errors import DataError, TrainingError

__all__ = ["Csr", "DenseWeights", "SparseWeights", "Weights", "as_weights", "below", "csr_from_parts", "csr_parts"]

Csr: TypeAlias = "sp.csr_array[Any]"
_ADVICE = "raise the regularization"


class Weights(Protocol):
    """A matrix ``[m, n]`` of float32."""

    @property
    def shape(self) -> tuple[int, int]: ...

    @property
    def largest(self) -> float:
        """The largest size of a weight."""
        ...

    def times(self, rows: Csr) -> Tensor:
        """``rows [B, m]`` times the matrix: float32 ``[B, n]``; of each row the same bits, whatever the others are."""
        ...

    def cells(self, sources: NDArray[np.int64], targets: NDArray[np.int64]) -> NDArray[np.float32]:
        """Single weights: ``[B]``, ``[B]`` → ``[B]``."""
        ...

    def row(self, source: int) -> Tensor:
        """The weights of one source, float32 ``[n]``; -inf where none is stored."""
        ...

    def tensors(self) -> dict[str, Tensor]: ...


@dataclass(frozen=True, eq=False)
class DenseWeights:
    """All ``m · n`` of them, in memory."""

    table: Tensor

    def __post_init__(self) -> None:
        if self.table.dim() != 2 or self.table.dtype != torch.float32:
            raise DataError(f"weights must be float32 [m, n], got {self.table.dtype} {list(self.table.shape)}")
        if not bool(torch.isfinite(self.table.sum())):  # one pass that copies nothing, as there may be gigabytes
            raise TrainingError(f"weights are NaN or infinite, or so large that their sum is; {_ADVICE}")

    @property
    def shape(self) -> tuple[int, int]:
        return int(self.table.shape[0]), int(self.table.shape[1])

    @cached_property
    def largest(self) -> float:
        """See :class:`Weights`."""
        return max(abs(float(self.table.amin())), abs(float(self.table.amax()))) if self.table.numel() else 0.0

    def times(self, rows: Csr) -> Tensor:
        """See :class:`Weights`: a sum of rows of the table, of which no others are read."""
        if not rows.nnz:
            return torch.zeros(rows.shape[0], self.shape[1])
        places, starts = (torch.from_numpy(part.astype(np.int64)) for part in (rows.indices, rows.indptr))
        amounts = torch.from_numpy(rows.data.astype(np.float32))
        return embedding_bag(
            places, self.table, starts, mode="sum", per_sample_weights=amounts, include_last_offset=True
        )

    def cells(self, sources: NDArray[np.int64], targets: NDArray[np.int64]) -> NDArray[np.float32]:
        """See :class:`Weights`."""
        found: NDArray[np.float32] = self.table.numpy()[sources, targets]
        return found

    def row(self, source: int) -> Tensor:
        """See :class:`Weights`."""
        return self.table[source].clone()

    def tensors(self) -> dict[str, Tensor]:
        """See :class:`Weights`."""
        return {"table": self.table}


@dataclass(frozen=True, eq=False)
class SparseWeights:
    """Those that are not zero, by rows."""

    matrix: Csr

    def __post_init__(self) -> None:
        matrix = self.matrix
        if matrix.dtype != np.float32 or not matrix.has_sorted_indices:
            object.__setattr__(self, "matrix", matrix.astype(np.float32).sorted_indices())
        if bad := int((~np.isfinite(self.matrix.data)).sum()):
            raise TrainingError(f"{bad} of {self.matrix.nnz} weights are NaN or infinite; {_ADVICE}")

    @property
    def shape(self) -> tuple[int, int]:
        return int(self.matrix.shape[0]), int(self.matrix.shape[1])

    @cached_property
    def largest(self) -> float:
        """See :class:`Weights`."""
        return float(np.abs(self.matrix.data).max(initial=0.0))

    def times(self, rows: Csr) -> Tensor:
        """See :class:`Weights`."""
        return torch.from_numpy((rows.astype(np.float32, copy=False) @ self.matrix).toarray())

    def cells(self, sources: NDArray[np.int64], targets: NDArray[np.int64]) -> NDArray[np.float32]:
        """See :class:`Weights`."""
        if not len(sources):
            return np.zeros(0, dtype=np.float32)
        return np.asarray(self.matrix[sources, targets], dtype=np.float32).ravel()

    def row(self, source: int) -> Tensor:
        """See :class:`Weights`."""
        found = torch.full((self.shape[1],), -torch.inf)
        stored = slice(int(self.matrix.indptr[source]), int(self.matrix.indptr[source + 1]))
        found[torch.from_numpy(self.matrix.indices[stored].astype(np.int64))] = torch.from_numpy(
            self.matrix.data[stored].copy()
        )
        return found

    def tensors(self) -> dict[str, Tensor]:
        """See :class:`Weights`."""
        return csr_parts(self.matrix)


def as_weights(given: Any) -> Weights:
    """Weights out of a sparse matrix of SciPy, an array or a tensor ``[m, n]``.

    Raises:
        DataError: it is none of these.
    """
    if isinstance(given, DenseWeights | SparseWeights):
        return given
    if sp.issparse(given):
        return SparseWeights(sp.csr_array(cast("Any", given)))
    if isinstance(given, np.ndarray):
        try:
            given = torch.from_numpy(np.ascontiguousarray(given, dtype=np.float32))
        except (TypeError, ValueError):
            raise DataError(f"weights must be a matrix of numbers, got {shown(given)}") from None
    if isinstance(given, Tensor) and given.dtype.is_floating_point:
        return DenseWeights(given.detach().to("cpu", torch.float32).contiguous())
    raise DataError(f"weights must be a sparse matrix, an array or a tensor [m, n], got {shown(given)}")


def below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors whose names begin with ``prefix``, without it."""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def csr_parts(matrix: Csr) -> dict[str, Tensor]:
    """A sparse matrix as tensors: a row and a column for each number, in order, and the numbers if not all are 1."""
    rows = np.repeat(np.arange(matrix.shape[0], dtype=np.int32), np.diff(matrix.indptr))
    parts = {"rows": torch.from_numpy(rows), "columns": torch.from_numpy(matrix.indices.astype(np.int32))}
    return parts if (matrix.data == 1).all() else {**parts, "values": torch.from_numpy(matrix.data.copy())}


def csr_from_parts(parts: dict[str, Tensor], shape: tuple[int, int]) -> Csr:
    """The inverse of :func:`csr_parts`.

    Raises:
        DataError: the tensors are no matrix of that shape.
    """
    rows, columns = (parts[name].numpy() for name in ("rows", "columns"))
    values = parts["values"].numpy() if "values" in parts else np.ones(len(rows), dtype=np.float32)
    if not len(rows) == len(columns) == len(values) or any(part.ndim != 1 for part in (rows, columns, values)):
        raise DataError(f"a sparse matrix has {len(rows)} rows, {len(columns)} columns and {len(values)} values")
    for name, places, n in (("rows", rows, shape[0]), ("columns", columns, shape[1])):
        if places.dtype != np.int32 or (len(places) and not 0 <= places.min() <= places.max() < n):
            raise DataError(f"the {name} of a sparse matrix must be int32 from 0 to {n - 1}")
    if (np.diff(rows.astype(np.int64) * shape[1] + columns) <= 0).any():
        raise DataError("the cells of a sparse matrix must be in order, each of them once")
    indptr = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=shape[0]))])
    return sp.csr_array((values, columns, indptr), shape=shape)
