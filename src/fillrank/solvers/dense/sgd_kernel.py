"""One pass of stochastic gradient descent over the known cells, compiled, and the same in plain Python."""

from __future__ import annotations

from numba import njit

from fillrank.solvers.dense.cells import Array

__all__ = ["pass_over_cells", "plain_pass_over_cells"]

Log = tuple[Array, Array, Array, Array]  # rows, columns, values and weights of the cells, in the order to take them


def plain_pass_over_cells(
    rows: Array, columns: Array, free_rows: Array, free_columns: Array, log: Log, rate: float, regularization: float
) -> None:
    """The readable twin of :func:`pass_over_cells`."""
    for i, j, value, weight in zip(*log, strict=True):
        u, v = rows[i].copy(), columns[j].copy()
        error = value - u @ v
        rows[i] += rate * weight * free_rows * (error * v - regularization * u)
        columns[j] += rate * weight * free_columns * (error * u - regularization * v)


@njit(cache=False)
def pass_over_cells(
    rows: Array, columns: Array, free_rows: Array, free_columns: Array, log: Log, rate: float, regularization: float
) -> None:
    """For one cell after another, step along half the gradient of ``w·(z - u·v)² + λ·w·(|u|² + |v|²)``, in place.

    Summed over the cells, this is the objective in which the penalty of a row is multiplied by the row's weight.

    Args:
        rows, columns: float64 ``[m, q]`` and ``[n, q]``; changed in place.
        free_rows, free_columns: ``[q]``, 1 for a factor that is updated and 0 for one that is not.
        log: the cells as ``(rows, columns, values, weights)``, each ``[nnz]``, in the order to take them.
        rate: of learning.
        regularization: λ.
    """
    i_of, j_of, values, weights = log
    width = rows.shape[1]
    for cell in range(len(values)):
        i, j = i_of[cell], j_of[cell]
        error = values[cell]
        for k in range(width):
            error -= rows[i, k] * columns[j, k]
        step = rate * weights[cell]
        for k in range(width):
            u, v = rows[i, k], columns[j, k]
            rows[i, k] += step * free_rows[k] * (error * v - regularization * u)
            columns[j, k] += step * free_columns[k] * (error * u - regularization * v)
