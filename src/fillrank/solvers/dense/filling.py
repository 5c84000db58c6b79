"""The common part of iterated SVD and soft-impute: fill the missing cells, decompose, and fill them again.

Both minimise ``Σ ω_ij (z_ij - b_i - c_j - L_ij)² + λ (|b|² + |c|²)`` plus a penalty on the singular values of the
low-rank part L, with ω the weights divided by the largest. An iteration forms the full table
``F = L + ω (z - b - c - L)``, which equals the current L in missing cells, and computes the best L for F. Up to a
constant, ``|F - L'|²`` is an upper bound of the error of any L', with equality at the current L. So no iteration
increases the objective.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
from scipy.sparse.linalg import svds

from fillrank.runtime.rng import numpy_stream
from fillrank.solvers.dense.cells import Array, Cells, LossCurve

__all__ = [
    "FillingState",
    "Shrinkage",
    "Triplets",
    "fill_and_decompose",
    "scaled_to_one",
    "start_state",
    "top_triplets",
]

_DENSE = 300  # up to this size of the smaller side, all singular vectors are computed


class Triplets(NamedTuple):
    """Singular triplets: ``U [m, r]``, ``s [r]`` descending, ``V [n, r]``."""

    U: Array
    s: Array
    V: Array

    @property
    def table(self) -> Array:
        table: Array = (self.U * self.s) @ self.V.T
        return table


class Shrinkage(Protocol):
    """The penalty on the low-rank part.

    Attributes:
        strength: λ, also of the biases' penalty.
    """

    @property
    def strength(self) -> float: ...

    def best(self, table: Array) -> Triplets:
        """The L that minimises ``|table - L|²`` plus the penalty."""
        ...

    def penalty(self, s: Array) -> float:
        """The penalty of an L with singular values ``s``."""
        ...


class FillingState(NamedTuple):
    """The state of the iteration: the low-rank part and the biases ``[m]`` and ``[n]``."""

    low_rank: Triplets
    row_bias: Array
    column_bias: Array


def start_state(cells: Cells) -> FillingState:
    """The initial state: zero everywhere."""
    m, n = cells.values.shape
    return FillingState(Triplets(np.zeros((m, 0)), np.zeros(0), np.zeros((n, 0))), np.zeros(m), np.zeros(n))


def scaled_to_one(cells: Cells) -> Cells:
    """The same cells with weights divided by the largest."""
    return cells._replace(weights=cells.weights / cells.weights.max())


def top_triplets(table: Array, rank: int) -> Triplets:
    """The ``rank`` largest singular triplets of a dense table, ``rank`` at most ``min(m, n)``.

    Signs are normalised: the entry of largest size in each column of V is positive.
    """
    smallest = min(table.shape)
    if smallest <= _DENSE or rank > smallest // 4 or not table.any():  # ARPACK fails on zeros
        U, s, Vt = np.linalg.svd(table, full_matrices=False)
    else:
        start = numpy_stream(0, "top_triplets").standard_normal(smallest)
        U, s, Vt = svds(table, k=rank, v0=start)
    order = np.argsort(-s, kind="stable")[:rank]
    U, s, V = U[:, order], s[order], Vt[order].T
    signs = np.where(V[np.abs(V).argmax(axis=0), np.arange(len(s))] < 0, -1.0, 1.0)
    return Triplets(U * signs, s, V * signs)


def fill_and_decompose(
    cells: Cells, state: FillingState, shrinkage: Shrinkage, *, bias: bool, progress: LossCurve
) -> FillingState:
    """Iterate from ``state`` until ``progress`` ends it, which gets the objective per unit of weight.

    ``cells`` has weights of at most 1.
    """
    while True:
        low_rank, row_bias, column_bias = state
        fitted = low_rank.table
        if bias:
            column_bias = _best_bias(cells.transposed, (fitted + row_bias[:, None]).T, shrinkage.strength)
            row_bias = _best_bias(cells, fitted + column_bias, shrinkage.strength)
        left_over = cells.values - fitted - row_bias[:, None] - column_bias
        state = FillingState(shrinkage.best(fitted + cells.weights * left_over), row_bias, column_bias)
        if progress.done(_objective(cells, state, shrinkage)):
            return state


def _best_bias(cells: Cells, others: Array, penalty: float) -> Array:
    """The best bias of each row, given the other terms ``others [m, n]``; 0 for a row without cells."""
    left = (cells.weights * (cells.values - others)).sum(axis=1)
    weight = cells.weights.sum(axis=1) + penalty
    best: Array = np.divide(left, weight, out=np.zeros_like(left), where=weight > 0)
    return best


def _objective(cells: Cells, state: FillingState, shrinkage: Shrinkage) -> float:
    low_rank, row_bias, column_bias = state
    error = cells.squared_error(low_rank.table + row_bias[:, None] + column_bias)
    on_biases = shrinkage.strength * float(row_bias @ row_bias + column_bias @ column_bias)
    return (error + on_biases + shrinkage.penalty(low_rank.s)) / cells.total_weight
