"""Gradient methods (gd, sgd, adam) for the objective of alternating least squares.

Biases are two more factors: with rows ``[u, b, 1]`` and columns ``[v, 1, c]`` the model is one product; the ones are
not changed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from fillrank.arguments import Own, checked
from fillrank.errors import TrainingError
from fillrank.solvers.dense.asked import check_asked
from fillrank.solvers.dense.cells import Array, Cells, LossCurve, Stop
from fillrank.solvers.dense.sides import FactorSide, PointSolution, RowRidge, weighted_loss
from fillrank.solvers.dense.start import spectral_start

__all__ = ["LEARNING_RATES", "Method", "descend"]

Method = Literal["gd", "sgd", "adam"]

LEARNING_RATES: dict[Method, float] = {"gd": 0.5, "sgd": 0.02, "adam": 0.05}
"""Default learning rates, for values with standard deviation 1."""

_START = 0.3  # length of the initial factors: small, so that biases are learned first; zero would be a saddle point
_GROWTH = 1.2  # growth of gd's step after a successful step
_SMALLEST = 1e-12  # if gd's step becomes smaller than this, it has converged


class _Pair(NamedTuple):
    """Arrays of rows and columns: the current factors, a gradient, or a moment of Adam."""

    rows: Array
    columns: Array

    def sides(self, *, bias: bool) -> tuple[FactorSide, FactorSide]:
        if not bias:
            return FactorSide(self.rows, np.zeros(len(self.rows))), FactorSide(
                self.columns, np.zeros(len(self.columns))
            )
        return FactorSide(self.rows[:, :-2], self.rows[:, -2]), FactorSide(self.columns[:, :-2], self.columns[:, -1])


@dataclass(frozen=True, eq=False)
class _MaskedProblem:
    """The objective and its gradient.

    The gradient is divided by twice the weight of its row or column, so that one step size fits rows with few and with
    many cells. This changes the path, but not the minimum.
    """

    cells: Cells
    regularization: float
    bias: bool

    def start(self, rank: int, rng: np.random.Generator) -> _Pair:
        m, n = self.cells.values.shape
        rows, columns = (_START * side.factors for side in spectral_start(self.cells, rank, rng))
        if not self.bias:
            return _Pair(rows, columns)
        return _Pair(
            np.column_stack([rows, np.zeros(m), np.ones(m)]), np.column_stack([columns, np.ones(n), np.zeros(n)])
        )

    def free(self, width: int) -> _Pair:
        """1 for factors that are updated, 0 for the constant ones beside the biases; each ``[width]``."""
        rows, columns = np.ones(width), np.ones(width)
        if self.bias:
            rows[-1] = columns[-2] = 0.0
        return _Pair(rows, columns)

    def loss(self, at: _Pair) -> float:
        return weighted_loss(self.cells, *at.sides(bias=self.bias), self.regularization)

    def gradient(self, at: _Pair) -> _Pair:
        weights = self.cells.weights
        error = weights * (at.rows @ at.columns.T - self.cells.values)
        per_row, per_column = (np.maximum(weights.sum(axis=axis), 1e-12)[:, None] for axis in (1, 0))
        free = self.free(at.rows.shape[1])
        return _Pair(
            (error @ at.columns / per_row + self.regularization * at.rows) * free.rows,
            (error.T @ at.rows / per_column + self.regularization * at.columns) * free.columns,
        )


@checked
def descend(
    cells: Cells,
    rank: int,
    *,
    method: Method,
    regularization: float = 0.1,
    learning_rate: Own[float | None] = None,
    bias: bool = True,
    stop: Stop | None = None,
    rng: np.random.Generator,
) -> PointSolution:
    """Gradient methods on :func:`~fillrank.solvers.dense.sides.weighted_loss`.

    * ``gd`` uses the full gradient. The step is halved if it would increase the objective, and grows again afterwards,
      so the objective never increases.
    * ``sgd`` goes through the cells one by one, in a new random order in each iteration (compiled).
    * ``adam`` is Adam (Kingma & Ba 2015) with the full gradient.

    Args:
        cells: ``[m, n]``, best centred and of unit spread.
        rank: number of factors.
        method: which of the three.
        regularization: λ of the objective.
        learning_rate: length of a step (for ``gd``, of the first one); by default that of ``LEARNING_RATES``.
        bias: whether rows and columns have biases.
        stop: when to end; an iteration is a step, or for ``sgd`` one pass over the cells.
        rng: for a small random part of the initial factors, and for the order of the cells.

    Raises:
        TrainingError: the steps are too long and the objective is no longer finite.
        SettingsError: there is no such method, the rank is below 1, the regularization below 0, or the learning rate
            not above 0.
    """
    check_asked(cells, rank, regularization=regularization, learning_rate=learning_rate)
    rate = LEARNING_RATES[method] if learning_rate is None else learning_rate
    problem = _MaskedProblem(cells, regularization, bias)
    progress = LossCurve(stop or Stop(), advice=f"try learning_rate={rate / 4:g}")
    start = problem.start(rank, rng)
    with np.errstate(over="ignore", invalid="ignore"):  # ``progress`` finds both, and its error gives advice
        if method == "gd":
            end = _gd(problem, start, rate, progress)
        elif method == "adam":
            end = _adam(problem, start, rate, progress)
        else:
            end = _sgd(problem, start, rate, progress, rng)
    _, columns = end.sides(bias=bias)
    ridge = RowRidge(per_weight=regularization, bias=bias)
    return PointSolution(columns, ridge, tuple(progress.losses), progress.converged)


def _gd(problem: _MaskedProblem, at: _Pair, step: float, progress: LossCurve) -> _Pair:
    loss, done = problem.loss(at), False
    while not done:
        slope = problem.gradient(at)
        while step > _SMALLEST:
            ahead = _Pair(at.rows - step * slope.rows, at.columns - step * slope.columns)
            if (new_loss := problem.loss(ahead)) <= loss:
                at, loss, step = ahead, new_loss, step * _GROWTH
                break
            step /= 2
        done = progress.done(loss) or step <= _SMALLEST
    return at


def _adam(problem: _MaskedProblem, at: _Pair, rate: float, progress: LossCurve) -> _Pair:
    decay, decay_square, tiny = 0.9, 0.999, 1e-8
    means = [np.zeros_like(part) for part in at]
    squares = [np.zeros_like(part) for part in at]
    step, done = 0, False
    while not done:
        step += 1
        for part, slope, mean, square in zip(at, problem.gradient(at), means, squares, strict=True):
            mean += (1 - decay) * (slope - mean)
            square += (1 - decay_square) * (slope * slope - square)
            unbiased = np.sqrt(square / (1 - decay_square**step)) + tiny
            part -= rate * mean / (1 - decay**step) / unbiased
        done = progress.done(problem.loss(at))
    return at


def _sgd(problem: _MaskedProblem, at: _Pair, rate: float, progress: LossCurve, rng: np.random.Generator) -> _Pair:
    from fillrank.solvers.dense.sgd_kernel import pass_over_cells  # imported late, because it needs numba

    rows, columns = np.nonzero(problem.cells.weights)
    values, weights = (part[rows, columns] for part in problem.cells)
    free, done = problem.free(at.rows.shape[1]), False
    while not done:
        order = rng.permutation(len(values))
        log = (rows[order], columns[order], values[order], weights[order])
        pass_over_cells(at.rows, at.columns, free.rows, free.columns, log, rate, problem.regularization)
        _check_finite(at, len(progress.losses) + 1, progress.advice)
        done = progress.done(problem.loss(at))
    return at


def _check_finite(at: _Pair, number: int, advice: str) -> None:
    if not all(np.isfinite(part).all() for part in at):
        raise TrainingError(f"the factors are no longer finite after round {number}; {advice}")
