"""What folding asks of factors, and how it turns their tensors into arrays and back."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray
from torch import Tensor

from fillrank.data.interactions import Interactions

__all__ = [
    "Folding",
    "ItemSide",
    "above_items",
    "as_array",
    "as_double",
    "as_tensor_like",
    "cells_of",
    "counted_by_weight",
    "counted_history",
    "counted_rows",
    "sparse_times",
]


class ItemSide(Protocol):
    """What folding asks of :class:`~fillrank.factors.Factors`: all but the users' side."""

    @property
    def n_items(self) -> int: ...

    @property
    def dim(self) -> int: ...

    @property
    def items(self) -> Tensor: ...

    @property
    def item_vectors(self) -> Tensor: ...

    @property
    def item_bias(self) -> Tensor | None: ...

    @property
    def offset(self) -> float: ...


class Folding(Protocol):
    """Gives new users their vectors and, where the model has user biases, their biases.

    Whether it looks at the values of a history, needs them, or takes each item for one that was liked, is
    :func:`fillrank.factors.fold_in.looks_at_values` and :func:`fillrank.factors.fold_in.needs_values`.
    """

    def solve(self, factors: ItemSide, interactions: Interactions) -> tuple[Tensor, Tensor | None]:
        """From the histories in ``interactions`` to ``([B, d], [B] or None)``."""
        ...

    def shares(self, factors: ItemSide, interactions: Interactions) -> NDArray[np.float64]:
        """What each item of one history brings to its user's vector, float64 ``[h, d]``.

        Args:
            factors: the items' side.
            interactions: a log of one user; the sum of the shares is that user's vector of :meth:`solve`.
        """
        ...


def above_items(factors: ItemSide, interactions: Interactions) -> NDArray[np.float64]:
    """What offset and item biases leave over of each value, float64 ``[nnz]``."""
    left = cells_of(interactions) - factors.offset
    return left if factors.item_bias is None else left - as_array(factors.item_bias)[interactions.items]


def sparse_times(matrix: sp.csr_array[Any], weights: Tensor) -> Tensor:
    """A sparse matrix times dense weights, in the precision of the weights."""
    dense = as_array(weights)
    return as_tensor_like(matrix.astype(dense.dtype) @ dense, weights)


def as_array(tensor: Tensor) -> NDArray[Any]:
    array: NDArray[Any] = tensor.detach().cpu().numpy()
    return array


def as_double(tensor: Tensor) -> NDArray[np.float64]:
    double: NDArray[np.float64] = as_array(tensor).astype(np.float64)
    return double


def counted_rows(interactions: Interactions, positive_from: float | None) -> NDArray[np.bool_]:
    """Which rows of histories have at least the value ``positive_from``; without values, or None: all of them."""
    if positive_from is None or interactions.values is None:
        return np.ones(len(interactions), dtype=np.bool_)
    counted: NDArray[np.bool_] = interactions.values >= positive_from
    return counted


def counted_history(interactions: Interactions, positive_from: float | None) -> Interactions:
    """The rows of histories that :func:`counted_rows` marks; the log itself, without a copy, if no value decides."""
    if positive_from is None or interactions.values is None:
        return interactions
    return interactions.select(counted_rows(interactions, positive_from))


def counted_by_weight(interactions: Interactions, power: float) -> NDArray[np.bool_]:
    """Which rows of histories count, where weights count by this power (0: not at all): those above 0."""
    if not power or interactions.weights is None:
        return np.ones(len(interactions), dtype=np.bool_)
    counted: NDArray[np.bool_] = interactions.weights > 0
    return counted


def cells_of(interactions: Interactions) -> NDArray[np.float64]:
    """What stands in each cell, float64 ``[nnz]``: its value, or a one."""
    cells: NDArray[np.float64] = interactions.csr.data.astype(np.float64)
    return cells


def as_tensor_like(array: NDArray[Any], tensor: Tensor) -> Tensor:
    """As a tensor of the same precision, on the same device."""
    return torch.from_numpy(np.ascontiguousarray(array)).to(tensor)
