"""One side of a factorization given the other: the step that every dense solver shares.

A table is modelled as ``ẑ_ij = u_i·v_j + b_i + c_j``. With the columns' side (v, c) held fixed, the rows are
independent of each other and each is a small ridge regression. That one step is the half-step of alternating least
squares, the way new rows are folded in, and the last step of every solver, so that a row gets the same answer in
training and after it.
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
_SWEEPS = 500  # of coordinate descent, when rows of numbers ≥ 0 are solved for on their own
_SETTLED = 1e-10  # largest change, relative to the largest entry, at which such sweeps end


@dataclass(frozen=True, eq=False)
class FactorSide:
    """The rows', or the columns', part of a factorization: ``factors [m, r]``; ``bias [m]``, zeros where none is."""

    factors: Array
    bias: Array

    def design(self, *, with_bias: bool) -> Array:
        """What the other side's unknowns are multiplied with, ``[m, q]``: the factors and, for its bias, a one."""
        return np.column_stack([self.factors, np.ones(len(self.factors))]) if with_bias else self.factors


@dataclass(frozen=True)
class RowRidge:
    """How a row is solved for.

    The row minimises ``Σ_j w_ij (z_ij - ẑ_ij)² + p_i (|u_i|² + b_i²)`` with ``p_i = per_weight · Σ_j w_ij + constant``.

    Attributes:
        per_weight: of the penalty, for each unit of the row's weight (the "weighted λ" of Zhou et al. 2008).
        constant: of the penalty, however much of the row is known.
        bias: whether rows and columns have biases.
        nonnegative: whether factors must be 0 or more. Goes without biases.
    """

    per_weight: float = 0.0
    constant: float = 0.0
    bias: bool = True
    nonnegative: bool = False

    def penalty(self, cells: Cells) -> Array:
        """``p_i`` of each row, ``[m]``; 1 for a row without a cell, which is then solved by zeros."""
        weight = cells.weights.sum(axis=1)
        return np.where(weight > 0, self.per_weight * weight + self.constant, 1.0)


def product(rows: FactorSide, columns: FactorSide) -> Array:
    """The table that two sides stand for, ``[m, n]``."""
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
    """``d_j d_jᵀ`` of each row of ``design [n, q]``, laid out flat: ``[n, q²]``."""
    n, q = design.shape
    return (design[:, :, None] * design[:, None, :]).reshape(n, q * q)


def solve_rows(
    columns: FactorSide, cells: Cells, ridge: RowRidge, *, start: Array | None = None, sweeps: int | None = None
) -> FactorSide:
    """The rows' side, given the columns'.

    Args:
        columns: the side that is held fixed.
        cells: ``[m, n]``.
        ridge: the penalty. Where it is 0 and a row is not determined, the shortest of its answers is taken.
        start, sweeps: for non-negative factors, where coordinate descent begins and how often it goes round; by default
            at zero, until it settles.
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
    else:  # perhaps singular; the cut-off is far above rounding and far below what matters
        solved = np.linalg.pinv(grams, rcond=1e-12, hermitian=True) @ targets[:, :, None]
    return solved[:, :, 0]


def _nonnegative(grams: Array, targets: Array, start: Array, sweeps: int | None) -> Array:
    """Coordinate descent on ``½ xᵀGx - hᵀx`` over ``x ≥ 0``, all rows at once; no step raises it."""
    x = start.copy()
    curvature = np.einsum("iqq->iq", grams)
    for _ in range(_SWEEPS if sweeps is None else sweeps):
        change = 0.0
        for k in range(x.shape[1]):
            slope = np.einsum("iq,iq->i", grams[:, k], x) - targets[:, k]
            steepest = np.where(curvature[:, k] > 0, curvature[:, k], 1.0)  # no curvature: no slope either
            moved = np.maximum(x[:, k] - slope / steepest, 0.0)
            change = max(change, float(np.abs(moved - x[:, k]).max(initial=0.0)))
            x[:, k] = moved
        if change <= _SETTLED * float(x.max(initial=0.0)):
            break
    return x


class Answer(NamedTuple):
    """What a solution says of some rows: their side, and the whole table ``[m, n]``."""

    rows: FactorSide
    table: Array


@dataclass(frozen=True, eq=False)
class PointSolution:
    """What a solver found, with which it can answer for any rows over the same columns.

    Attributes:
        columns: the columns' side.
        ridge: how rows follow from it.
        losses: the solver's objective after each round.
        converged: whether it settled before it ran out of rounds.
    """

    columns: FactorSide
    ridge: RowRidge
    losses: tuple[float, ...]
    converged: bool

    def answer(self, cells: Cells) -> Answer:
        """For the rows of ``cells [m, n]``: those learned from, or new ones."""
        rows = solve_rows(self.columns, cells, self.ridge)
        return Answer(rows, product(rows, self.columns))
