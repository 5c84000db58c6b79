"""``nmf``: non-negative matrix factorization."""

from __future__ import annotations

import numpy as np

from fillrank.arguments import checked
from fillrank.errors import DataError
from fillrank.solvers.dense.asked import check_asked
from fillrank.solvers.dense.cells import Cells, LossCurve, Stop
from fillrank.solvers.dense.sides import FactorSide, PointSolution, RowRidge, solve_rows, weighted_loss

__all__ = ["nmf"]

_SWEEPS = 4  # passes per update: computing the Gram matrices costs more than several passes with them


@checked
def nmf(
    cells: Cells, rank: int, *, regularization: float = 0.05, stop: Stop | None = None, rng: np.random.Generator
) -> PointSolution:
    """Masked non-negative factorization by hierarchical alternating least squares (Cichocki & Phan 2009).

    Each factor of each row, then of each column, is set to its best value ≥ 0 with all others fixed. So the objective
    (:func:`~fillrank.solvers.dense.sides.weighted_loss` without biases) never increases. An update does several passes
    with the same Gram matrices (Gillis & Glineur 2012).

    Args:
        cells: ``[m, n]``, the observed values 0 or more.
        rank: number of factors.
        regularization: λ of the objective.
        stop: when to end.
        rng: for the first factors.

    Raises:
        DataError: an observed value is negative.
        SettingsError: the rank is below 1, or the regularization below 0.
    """
    check_asked(cells, rank, regularization=regularization)
    observed = cells.weights > 0
    if (cells.values[observed] < 0).any():
        raise DataError(
            "Negative values in data: solver 'nmf' takes values of 0 or more; shift them, or take another solver"
        )
    ridge = RowRidge(per_weight=regularization, bias=False, nonnegative=True)
    height = np.sqrt(cells.values[observed].mean() / rank)  # so that the initial product has the mean of the data
    rows, columns = (FactorSide(height * rng.uniform(0.5, 1.5, (n, rank)), np.zeros(n)) for n in cells.values.shape)
    progress = LossCurve(stop or Stop())
    while True:
        rows = solve_rows(columns, cells, ridge, start=rows.factors, sweeps=_SWEEPS)
        columns = solve_rows(rows, cells.transposed, ridge, start=columns.factors, sweeps=_SWEEPS)
        if progress.done(weighted_loss(cells, rows, columns, regularization)):
            return PointSolution(columns, ridge, tuple(progress.losses), progress.converged)
