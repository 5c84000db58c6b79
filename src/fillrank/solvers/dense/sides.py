"""Solve for one side of a factorization given the other: the step that all dense solvers share.

A table is modelled as ``ẑ_ij = u_i·v_j + b_i + c_j``. With the columns' side (v, c) held fixed, the rows are
independent, and each is a small ridge regression. This step is used in alternating least squares, to fold new rows in,
and as the last step of every solver. So a row gets the same result in training and after it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from fillrank.solvers.dense.cells import Array, Cells

__all__ = [
    "Answer",
    "FactorSide",
    "PointSolution",
    "RowRidge",
    "normal_equations",
    "outer_products",
    "product",
    "row_blocks",
    "solve_rows",
    "weighted_loss",
]

_BLOCK = 1 << 22  # numbers in a block of Gram matrices: 32 MB
_SWEEPS = 500  # largest number of passes of coordinate descent for non-negative rows
_SETTLED = 1e-10  # these passes end when the largest change, relative to the largest entry, is below this


@dataclass(frozen=True, eq=False)
class FactorSide:
    """The rows' (or columns') part of a factorization: ``factors [m, r]`` and ``bias [m]`` (zeros without biases)."""

    factors: Array
    bias: Array

    def design(self, *, with_bias: bool) -> Array:
        """The design matrix for the other side's unknowns, ``[m, q]``: the factors, and a one for its bias."""
        return np.column_stack([self.factors, np.ones(len(self.factors))]) if with_bias else self.factors


@dataclass(frozen=True)
class RowRidge:
    """The ridge regression of a row.

    A row minimises ``Σ_j w_ij (z_ij - ẑ_ij)² + p_i (|u_i|² + b_i²)`` with ``p_i = per_weight · Σ_j w_ij + constant``.

    Attributes:
        per_weight: penalty for each unit of the row's weight (the "weighted λ" of Zhou et al. 2008).
        constant: penalty that does not depend on the row's weight.
        bias: whether rows and columns have biases.
        nonnegative: whether factors must be 0 or more; only without biases.
    """

    per_weight: float = 0.0
    constant: float = 0.0
    bias: bool = True
    nonnegative: bool = False

    def penalty(self, cells: Cells) -> Array:
        """``p_i`` of each row, ``[m]``; 1 for a row without cells, so that its solution is zero."""
        weight = cells.weights.sum(axis=1)
        return np.where(weight > 0, self.per_weight * weight + self.constant, 1.0)


def product(rows: FactorSide, columns: FactorSide) -> Array:
    """The table of two sides, ``[m, n]``: products plus biases."""
    return rows.factors @ columns.factors.T + rows.bias[:, None] + columns.bias


def weighted_loss(cells: Cells, rows: FactorSide, columns: FactorSide, regularization: float) -> float:
    """The objective of als, gd, sgd, adam and nmf, per unit of weight.

    ``[Σ w_ij (z_ij - ẑ_ij)² + λ Σ_i w_i (|u_i|² + b_i²) + λ Σ_j w_j (|v_j|² + c_j²)] / Σ w_ij`` with ``w_i``, ``w_j``
    the weights of a row and of a column.
    """
    error = cells.squared_error(product(rows, columns))
    penalty = sum(
        float(weight @ (np.square(side.factors).sum(axis=1) + np.square(side.bias)))
        for side, weight in ((rows, cells.weights.sum(axis=1)), (columns, cells.weights.sum(axis=0)))
    )
    return (error + regularization * penalty) / cells.total_weight


def row_blocks(cells: Cells, width: int) -> Iterator[tuple[slice, Cells]]:
    """The rows in blocks whose Gram matrices ``[·, width, width]`` fit into a fixed amount of memory."""
    step = max(1, _BLOCK // max(1, width * width))
    for start in range(0, len(cells.values), step):
        rows = slice(start, start + step)
        yield rows, Cells(cells.values[rows], cells.weights[rows])


def normal_equations(design: Array, cells: Cells) -> tuple[Array, Array]:
    """``G_i = Σ_j w_ij d_j d_jᵀ`` and ``h_i = Σ_j w_ij z_ij d_j`` of every row: ``[m, q, q]`` and ``[m, q]``."""
    q = design.shape[1]
    grams = (cells.weights @ outer_products(design)).reshape(-1, q, q)
    return grams, (cells.weights * cells.values) @ design


def outer_products(design: Array) -> Array:
    """``d_j d_jᵀ`` of each row of ``design [n, q]``, flattened: ``[n, q²]``."""
    n, q = design.shape
    return (design[:, :, None] * design[:, None, :]).reshape(n, q * q)


def solve_rows(
    columns: FactorSide, cells: Cells, ridge: RowRidge, *, start: Array | None = None, sweeps: int | None = None
) -> FactorSide:
    """The rows' side, given the columns'.

    Args:
        columns: the side that is held fixed.
        cells: ``[m, n]``.
        ridge: the penalty. If it is 0 and a row has no unique solution, the shortest one is taken.
        start, sweeps: for non-negative factors: the initial values and the number of passes of coordinate descent; by
            default zero, and until convergence.
    """
    design = columns.design(with_bias=ridge.bias)
    answers = np.zeros((len(cells.values), design.shape[1]))
    for rows, block in row_blocks(Cells(cells.values - columns.bias, cells.weights), design.shape[1]):
        grams, targets = normal_equations(design, block)
        penalty = ridge.penalty(block)
        if ridge.nonnegative:
            _add_to_diagonals(grams, penalty)
            begin = answers[rows] if start is None else start[rows]
            answers[rows] = _nonnegative(grams, targets, begin, sweeps)
        else:
            answers[rows] = _unconstrained(grams, targets, penalty)
    return FactorSide(answers[:, :-1], answers[:, -1]) if ridge.bias else FactorSide(answers, np.zeros(len(answers)))


def _add_to_diagonals(grams: Array, penalty: Array) -> None:
    np.einsum("iqq->iq", grams)[...] += penalty[:, None]


def _unconstrained(grams: Array, targets: Array, penalty: Array) -> Array:
    _add_to_diagonals(grams, penalty)
    if (penalty > 0).all():
        solved: Array = np.linalg.solve(grams, targets[:, :, None])
    else:  # perhaps singular; the cut-off is far above rounding errors and far below relevant values
        solved = np.linalg.pinv(grams, rcond=1e-12, hermitian=True) @ targets[:, :, None]
    return solved[:, :, 0]


def _nonnegative(grams: Array, targets: Array, start: Array, sweeps: int | None) -> Array:
    """Coordinate descent on ``½ xᵀGx - hᵀx`` over ``x ≥ 0``, for all rows at once; no step increases it."""
    x = start.copy()
    curvature = np.einsum("iqq->iq", grams)
    for _ in range(_SWEEPS if sweeps is None else sweeps):
        change = 0.0
        for k in range(x.shape[1]):
            slope = np.einsum("iq,iq->i", grams[:, k], x) - targets[:, k]
            steepest = np.where(curvature[:, k] > 0, curvature[:, k], 1.0)  # without curvature the slope is 0 too
            moved = np.maximum(x[:, k] - slope / steepest, 0.0)
            change = max(change, float(np.abs(moved - x[:, k]).max(initial=0.0)))
            x[:, k] = moved
        if change <= _SETTLED * float(x.max(initial=0.0)):
            break
    return x


class Answer(NamedTuple):
    """The completion of some rows: their side, and the whole table ``[m, n]``."""

    rows: FactorSide
    table: Array


@dataclass(frozen=True, eq=False)
class PointSolution:
    """The result of a solver, which can complete any rows over the same columns.

    Attributes:
        columns: the columns' side.
        ridge: the ridge regression of the rows.
        losses: the solver's objective after each iteration.
        converged: whether the solver converged before the last iteration.
    """

    columns: FactorSide
    ridge: RowRidge
    losses: tuple[float, ...]
    converged: bool

    def answer(self, cells: Cells) -> Answer:
        """Complete the rows of ``cells [m, n]``, from training or new ones."""
        rows = solve_rows(self.columns, cells, self.ridge)
        return Answer(rows, product(rows, self.columns))
