"""``iterated_svd``: iterated singular value decomposition with a fixed rank."""

from __future__ import annotations

from dataclasses import dataclass

from fillrank.arguments import checked
from fillrank.solvers.dense.asked import check_asked
from fillrank.solvers.dense.cells import Array, Cells, LossCurve, Stop
from fillrank.solvers.dense.filling import Triplets, fill_and_decompose, scaled_to_one, start_state, top_triplets
from fillrank.solvers.dense.sides import FactorSide, PointSolution, RowRidge

__all__ = ["iterated_svd"]


@dataclass(frozen=True)
class _Frobenius:
    """The penalty ``λ |L|²`` with a limit on the rank: singular values are divided by ``1 + λ`` and truncated."""

    rank: int
    strength: float

    def best(self, table: Array) -> Triplets:
        U, s, V = top_triplets(table, self.rank)
        return Triplets(U, s / (1 + self.strength), V)

    def penalty(self, s: Array) -> float:
        return self.strength * float(s @ s)


@checked
def iterated_svd(
    cells: Cells, rank: int, *, regularization: float = 0.1, bias: bool = True, stop: Stop | None = None
) -> PointSolution:
    """Fill the missing cells, truncate to the rank, repeat: EM for a low-rank table (Kurucz et al. 2007).

    Minimises ``Σ ω_ij (z_ij - b_i - c_j - L_ij)² + λ (|L|² + |b|² + |c|²)`` over L of the given rank, with ω the
    weights divided by the largest. No iteration increases it. New rows are folded in by the same objective. The
    iteration begins at zero, so there is no randomness.

    Args:
        cells: ``[m, n]``, best centred and of unit spread.
        rank: of L, at most ``min(m, n)``.
        regularization: λ, in units of cells: a row with more cells is shrunk less.
        bias: whether rows and columns have biases.
        stop: when to end.

    Raises:
        SettingsError: the rank is below 1, or the regularization below 0.

    Example:
        >>> import numpy as np
        >>> table = np.outer([1.0, 2, 3], [1.0, -1, 2])
        >>> table[0, 0] = np.nan
        >>> cells = Cells.observed(table)
        >>> found = iterated_svd(cells, 1, regularization=0, bias=False, stop=Stop(500, tol=1e-12))
        >>> float(found.answer(cells).table[0, 0].round(3))
        1.0
    """
    check_asked(cells, rank, regularization=regularization)
    progress = LossCurve(stop or Stop())
    scaled = scaled_to_one(cells)
    end = fill_and_decompose(scaled, start_state(cells), _Frobenius(rank, regularization), bias=bias, progress=progress)
    columns = FactorSide(end.low_rank.V, end.column_bias)
    return PointSolution(
        columns, RowRidge(constant=regularization, bias=bias), tuple(progress.losses), progress.converged
    )
