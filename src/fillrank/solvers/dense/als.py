"""``als``: alternating least squares for a dense table."""

from __future__ import annotations

import numpy as np

from fillrank.arguments import checked
from fillrank.solvers.dense.asked import check_asked
from fillrank.solvers.dense.cells import Cells, LossCurve, Stop
from fillrank.solvers.dense.sides import PointSolution, RowRidge, solve_rows, weighted_loss
from fillrank.solvers.dense.start import spectral_start

__all__ = ["als"]


@checked
def als(
    cells: Cells,
    rank: int,
    *,
    regularization: float = 0.1,
    bias: bool = True,
    stop: Stop | None = None,
    rng: np.random.Generator,
) -> PointSolution:
    """Alternating least squares with weighted-λ regularization (Zhou, Wilkinson, Schreiber & Pan 2008) and biases.

    Rows and columns are updated in turn. Each update is the exact minimiser of
    :func:`~fillrank.solvers.dense.sides.weighted_loss` in one side, biases included, so the objective never increases.

    Args:
        cells: ``[m, n]``, preferably with mean 0 and standard deviation 1.
        rank: number of factors.
        regularization: λ of the objective. With 0, a row or column without a unique solution gets the shortest one.
        bias: whether rows and columns have biases.
        stop: when to end.
        rng: for a small random part of the initial factors; see :func:`~fillrank.solvers.dense.start.spectral_start`.

    Raises:
        SettingsError: the rank is below 1, or the regularization below 0.

    Example:
        >>> table = np.outer([1.0, 2, 3], [1.0, -1, 2])
        >>> table[0, 0] = np.nan
        >>> found = als(Cells.observed(table), 1, regularization=0, bias=False, rng=np.random.default_rng(0))
        >>> float(found.answer(Cells.observed(table)).table[0, 0].round(6))
        1.0
    """
    check_asked(cells, rank, regularization=regularization)
    ridge = RowRidge(per_weight=regularization, bias=bias)
    _, columns = spectral_start(cells, rank, rng)
    progress = LossCurve(stop or Stop())
    while True:
        rows = solve_rows(columns, cells, ridge)
        columns = solve_rows(rows, cells.transposed, ridge)
        if progress.done(weighted_loss(cells, rows, columns, regularization)):
            return PointSolution(columns, ridge, tuple(progress.losses), progress.converged)
