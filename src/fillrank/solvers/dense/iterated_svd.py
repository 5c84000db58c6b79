"""Filling the holes, decomposing, and filling them again: iterated SVD and soft-impute.

Both minimise ``Σ ω_ij (z_ij - a_ij - L_ij)²`` plus a penalty on the low-rank part L, with ω the weights divided by the
largest and ``a_ij = b_i + c_j`` the biases. A round replaces the table by ``F = L + ω (z - a - L)``, which in a hole is
the present answer, and takes the best L for it. F makes a bound of the objective that touches it at the present L, so no
round raises the objective.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.sparse.linalg import svds

from fillrank.solvers.dense.cells import Array, Cells, Progress, Stop
from fillrank.solvers.dense.sides import PointSolution, Ridge, Side

__all__ = ["Triplets", "fill_and_decompose", "iterated_svd", "top_triplets"]

_DENSE = 300  # smaller side up to which all singular vectors are computed


class Triplets(NamedTuple):
    """Singular triplets: ``U [m, r]``, ``s [r]`` in falling order, ``V [n, r]``."""

    U: Array
    s: Array
    V: Array

    @property
    def table(self) -> Array:
        return (self.U * self.s) @ self.V.T


def top_triplets(table: Array, rank: int) -> Triplets:
    """The ``rank`` largest singular triplets of a dense table."""
    smallest = min(table.shape)
    if smallest <= _DENSE or rank > smallest // 4:
        U, s, Vt = np.linalg.svd(table, full_matrices=False)
        return Triplets(U[:, :rank], s[:rank], Vt[:rank].T)
    start = np.ones(smallest)  # ARPACK's own choice would come from the global random state
    U, s, Vt = svds(table, k=rank, v0=start)
    order = np.argsort(-s, kind="stable")
    return Triplets(U[:, order], s[order], Vt[order].T)


class State(NamedTuple):
    """Where the iteration stands: the low-rank part and the biases."""

    low_rank: Triplets
    row_bias: Array
    column_bias: Array


def empty_state(cells: Cells) -> State:
    """The low-rank part and the biases all zero."""
    m, n = cells.values.shape
    return State(Triplets(np.zeros((m, 0)), np.zeros(0), np.zeros((n, 0))), np.zeros(m), np.zeros(n))


def fill_and_decompose(
    cells: Cells, state: State, shrink: Callable[[Array], Triplets], bias_penalty: float | None, progress: Progress
) -> State:
    """Go round until ``progress`` says it is enough.

    Args:
        cells: ``[m, n]``; weights at most 1.
        state: where to begin.
        shrink: the best low-rank part for a full table.
        bias_penalty: of the squared biases, or None: there are none.
        progress: is told the squared error plus the penalties of each round, per unit of weight.
    """
    while True:
        low_rank, row_bias, column_bias = state
        fitted = low_rank.table
        if bias_penalty is not None:
            column_bias = _bias(cells.transposed, (fitted + row_bias[:, None]).T, bias_penalty)
            row_bias = _bias(cells, fitted + column_bias, bias_penalty)
        left_over = cells.values - fitted - row_bias[:, None] - column_bias
        low_rank = shrink(fitted + cells.weights * left_over)
        state = State(low_rank, row_bias, column_bias)
        if progress.done(_objective(cells, state, shrink, bias_penalty or 0.0)):
            return state


def _bias(cells: Cells, without: Array, penalty: float) -> Array:
    """The best bias of each row, all else fixed; 0 for a row without a cell."""
    left = (cells.weights * (cells.values - without)).sum(axis=1)
    weight = cells.weights.sum(axis=1) + penalty
    return np.divide(left, weight, out=np.zeros_like(left), where=weight > 0)
