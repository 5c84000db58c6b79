"""Weights between items with room for more items, to which no known one leads yet."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import numpy as np
import scipy.sparse as sp
from torch.nn.functional import pad

from fillrank.factors.dual_weights import DualWeights
from fillrank.factors.weights import Csr, DenseWeights, SparseWeights, Weights

__all__ = ["wider_weights"]


def wider_weights(weights: Weights, n_items: int) -> Weights:
    """The same weights ``[n_items, n_items]``: those from and to the new items, which are the last, are 0."""
    more = n_items - weights.shape[1]
    if isinstance(weights, DenseWeights):
        return DenseWeights(pad(weights.table, (0, more, 0, more)))
    if isinstance(weights, DualWeights):
        sides = {name: pad(getattr(weights, name), (0, more)) for name in ("gains", "scale")}
        return replace(weights, known=_resized(weights.known, weights.known.shape[0], n_items), **sides)
    return SparseWeights(_resized(cast("SparseWeights", weights).matrix, n_items, n_items))


def _resized(matrix: Csr, n_rows: int, n_columns: int) -> Csr:
    """A copy of a sparse matrix with empty rows and columns after the others."""
    indptr = np.append(matrix.indptr, np.full(n_rows - matrix.shape[0], matrix.indptr[-1], dtype=matrix.indptr.dtype))
    return sp.csr_array((matrix.data, matrix.indices, indptr), shape=(n_rows, n_columns))
